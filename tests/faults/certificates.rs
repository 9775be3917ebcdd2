//! Certificates that change while callers connect.

use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::client::Resumption;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::process::{Gate, connect, until, write};

const YAML: &str = "general_settings: {master_key: sk-master}\nmodel_list: []\n\
                    modelgate: {tls: {certificate: tls.crt, key: tls.key}}\n";

/// A self-signed certificate for `localhost`.
struct Identity {
    der: CertificateDer<'static>,
    pem: String,
    key: String,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        Self { der: made.cert.der().clone(), pem: made.cert.pem(), key: made.signing_key.serialize_pem() }
    }
}

fn trusting(identities: &[Identity; 2]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    identities.iter().for_each(|identity| roots.add(identity.der.clone()).unwrap());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let mut config = builder.unwrap().with_root_certificates(roots).with_no_client_auth();
    // A resumed session shows no certificate.
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// The certificate that a caller receives when its request is answered.
fn presented_certificate(address: SocketAddr, config: &Arc<ClientConfig>) -> std::io::Result<Vec<u8>> {
    let name = ServerName::try_from("localhost").unwrap();
    let tls = ClientConnection::new(Arc::clone(config), name).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(tls, connect(address));
    stream.write_all(b"GET /health/readiness HTTP/1.1\r\nhost: localhost\r\n\r\n")?;
    let mut status = [0; 15];
    stream.read_exact(&mut status)?;
    assert_eq!(&status, b"HTTP/1.1 200 OK");
    Ok(stream.conn.peer_certificates().unwrap()[0].to_vec())
}

/// Tells the callers to stop, also if the test fails, because a scope waits for its threads.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn certificates_change_under_load_and_every_handshake_gets_one_of_them() {
    let identities = [Identity::new(), Identity::new()];
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.yaml"), YAML).unwrap();
    write(directory.path(), "tls.key", &identities[0].key);
    write(directory.path(), "tls.crt", &identities[0].pem);
    let gate = Gate::at(&[], directory, |_| {});
    let config = trusting(&identities);
    let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let seen = std::thread::scope(|scope| {
        let _over = Over(&over);
        let caller = || {
            let mut seen = HashSet::new();
            while !over.load(Ordering::Relaxed) {
                seen.insert(presented_certificate(gate.address, &config).expect("a handshake fails"));
                count.fetch_add(1, Ordering::Relaxed);
            }
            seen
        };
        let callers: Vec<_> = (0..4).map(|_| scope.spawn(caller)).collect();
        for swap in 1..=8 {
            let next = &identities[swap % 2];
            // The two files are replaced one after the other. In between they do not match, and the active ones stay.
            gate.write("tls.key", &next.key);
            gate.write("tls.crt", &next.pem);
            gate.log.times("new rules are active", swap);
            assert_eq!(presented_certificate(gate.address, &config).unwrap(), next.der.to_vec());
            let soon = count.load(Ordering::Relaxed) + 4;
            until(|| {
                let is_over = callers.iter().any(std::thread::ScopedJoinHandle::is_finished);
                (is_over || count.load(Ordering::Relaxed) >= soon).then_some(())
            });
        }
        over.store(true, Ordering::Relaxed);
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect::<HashSet<_>>()
    });
    let both: HashSet<Vec<u8>> = identities.iter().map(|identity| identity.der.to_vec()).collect();
    assert_eq!(seen, both);
    let log = gate.log.so_far();
    assert!(!log.contains("handshake failed") && log.contains("new rules are active"), "{log}");
}
