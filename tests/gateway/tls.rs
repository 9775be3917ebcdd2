//! The listener over TLS, and certificates that change while it runs.

use std::sync::Arc;

use modelgate::gateway::{Outcome, Reloader};
use modelgate::sources::Sources;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::fixture::{read_message, soon};
use crate::reload::{CLAUDE, Files, Live};

/// A self-signed certificate for `localhost`.
struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: String,
}

impl Identity {
    fn new() -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        Self { certificate: made.cert.der().clone(), pem, key }
    }

    fn install(&self, files: &Files) {
        files.write("tls.key", &self.key);
        files.write("tls.crt", &self.pem);
    }
}

const TLS: &str = "tls: {certificate: tls.crt, key: tls.key}";

async fn start(identity: &Identity) -> Live {
    start_with(identity, "limits: {}").await
}

/// Adds settings to the block `modelgate`.
async fn start_with(identity: &Identity, modelgate: &str) -> Live {
    Live::watched(|files| {
        identity.install(files);
        files.write("config.yaml", files.yaml_with(&format!("{TLS}, {modelgate}"), CLAUDE));
    })
    .await
}

/// A connection of a client that trusts this one certificate.
async fn connect(live: &Live, trusted: &Identity, alpn: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let stream = soon(TcpStream::connect(live.gate.address)).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    soon(connector.connect(ServerName::try_from("localhost").unwrap(), stream)).await
}

async fn is_healthy(stream: &mut TlsStream<TcpStream>) -> bool {
    soon(stream.write_all(b"GET /health/readiness HTTP/1.1\r\nhost: localhost\r\n\r\n")).await.unwrap();
    soon(read_message(stream)).await.status() == "200"
}

#[tokio::test]
async fn callers_may_speak_either_version_of_http() {
    let identity = Identity::new();
    let live = start(&identity).await;
    let mut stream = connect(&live, &identity, "http/1.1").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    assert!(is_healthy(&mut stream).await);

    let mut stream = connect(&live, &identity, "h2").await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    soon(stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")).await.unwrap();
    let mut frame = [0; 9];
    soon(stream.read_exact(&mut frame)).await.unwrap();
    assert_eq!(frame.get(3), Some(&4), "a SETTINGS frame (RFC 9113 section 6.5)");
}

#[tokio::test]
async fn more_idle_callers_than_keep_their_buffers_are_served_again() {
    let identity = Identity::new();
    let live = start(&identity).await;
    let mut callers = Vec::new();
    for _ in 0..70 {
        let mut stream = connect(&live, &identity, "http/1.1").await.unwrap();
        assert!(is_healthy(&mut stream).await);
        callers.push(stream);
    }
    for stream in &mut callers {
        assert!(is_healthy(stream).await);
    }
    drop(live.gate.stop);
    soon(live.gate.served).await.unwrap();
    // Each gets a `close_notify`, without which this is an error.
    for stream in &mut callers {
        assert_eq!(soon(stream.read(&mut [0])).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn plain_http_gets_nothing() {
    let live = start(&Identity::new()).await;
    let mut stream = live.gate.send("GET", "/health/readiness", "", "").await;
    let mut answer = Vec::new();
    // The connection may also be reset.
    let _ = soon(stream.read_to_end(&mut answer)).await;
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
}

#[tokio::test]
async fn a_new_certificate_is_shown_to_the_next_caller_and_drops_none() {
    let (old, new) = (Identity::new(), Identity::new());
    let live = start(&old).await;
    let mut open = connect(&live, &old, "http/1.1").await.unwrap();
    assert!(connect(&live, &new, "http/1.1").await.is_err());
    new.install(&live.files());
    soon(async { while connect(&live, &new, "http/1.1").await.is_err() {} }).await;
    assert!(connect(&live, &old, "http/1.1").await.is_err());
    assert!(is_healthy(&mut open).await);
}

#[tokio::test]
async fn a_bad_certificate_leaves_the_old_one() {
    let (old, new) = (Identity::new(), Identity::new());
    let live = start(&old).await;
    for (certificate, key, reason) in [
        ("", &old.key, "no certificate"),
        ("-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----\n", &old.key, "no certificate"),
        (&old.pem, &old.pem, "no private key"),
        (&old.pem, &new.key, "cannot be used together"),
    ] {
        live.files().write("tls.crt", certificate);
        live.files().write("tls.key", key);
        live.refuses(reason).await;
        assert!(is_healthy(&mut connect(&live, &old, "http/1.1").await.unwrap()).await, "{reason}");
    }
    new.install(&live.files());
    soon(async { while connect(&live, &new, "http/1.1").await.is_err() {} }).await;
}

#[tokio::test]
async fn a_configuration_that_forgets_the_certificate_does_not_take_it_away() {
    let identity = Identity::new();
    let live = start(&identity).await;
    live.files().write("config.yaml", live.files().yaml_with("", CLAUDE));
    soon(async {
        while live.reloader.status().reloads == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(is_healthy(&mut connect(&live, &identity, "http/1.1").await.unwrap()).await);
}

#[tokio::test]
async fn nothing_starts_without_the_certificate() {
    let live = Live::start().await;
    live.files().write("config.yaml", live.files().yaml_with(TLS, CLAUDE));
    assert_eq!(live.reloader.reload().await, Outcome::Refused);
    let sources = Sources::new(&live.files().path("config.yaml"), None);
    let keys = format!("file://{}", live.files().path("jwks.json").display());
    let env = move |name: &str| (name == "JWT_PUBLIC_KEY_URL").then(|| keys.clone());
    let error = Reloader::start(sources, Box::new(env), None).err().unwrap();
    assert!(error.to_string().contains("tls.crt` cannot be used"), "{error}");
}

#[tokio::test]
async fn whoever_does_not_shake_hands_in_time_is_cut_off() {
    let live = start_with(&Identity::new(), "limits: {header_timeout: 0.2}").await;
    // The beginning of a record (RFC 8446 section 5.1), and no byte at all.
    for (sent, hits) in [(&[22, 3, 1, 2, 0, 1][..], 1.0), (b"", 2.0)] {
        let mut stream = soon(TcpStream::connect(live.gate.address)).await.unwrap();
        soon(stream.write_all(sent)).await.unwrap();
        let mut answer = Vec::new();
        // The connection may also be reset.
        let _ = soon(stream.read_to_end(&mut answer)).await;
        assert_eq!(answer, b"");
        live.reaches("modelgate_limits_total{limit=\"header_timeout\"}", hits).await;
    }
    live.reaches("modelgate_connections", 0.0).await;
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_not_answered_in_plain_text() {
    let identity = Identity::new();
    let live = start_with(&identity, "limits: {connections: 1}").await;
    let first = connect(&live, &identity, "http/1.1").await.unwrap();
    assert!(connect(&live, &identity, "http/1.1").await.is_err());
    assert_eq!(live.hits("connections").await, 1.0);
    drop(first);
    live.reaches("modelgate_connections", 0.0).await;
    assert!(is_healthy(&mut connect(&live, &identity, "http/1.1").await.unwrap()).await);
}
