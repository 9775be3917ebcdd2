use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::thread;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::*;

/// Serves one document over HTTPS, and returns the certificate.
fn serve(body: String) -> (Url, CertificateDer<'static>) {
    let own = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let certificate = own.cert.der().clone();
    let key = PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/keys", listener.local_addr().unwrap()).parse().unwrap();
    thread::spawn(move || {
        let config = Arc::new(config);
        for stream in listener.incoming() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream.unwrap()));
            let mut line = String::new();
            while stream.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
            // A client that does not trust the certificate has disconnected by now.
            let _ = stream.get_mut().write_all((head + &body).as_bytes());
        }
    });
    (url, certificate)
}

fn trusting(certificate: CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(roots).with_no_client_auth()
}

#[tokio::test]
async fn keys_come_by_https_from_a_server_that_is_trusted() {
    let issuer = Issuer::new("a");
    let (url, certificate) = serve(issuer.jwks());
    let trusting = KeyStore::with(&rules_for(&[&url]), trusting(certificate), FetchLimits::default());
    assert!(judge(&trusting, &issuer.token(), start()).await.is_ok());
    assert_eq!(judge(&store(&[&url]), &issuer.token(), start()).await, Err(AuthnError::KeysUnavailable));
}

#[tokio::test]
async fn discovery_by_https_never_leads_to_plain_http() {
    let issuer = Issuer::new("a");
    let keys = Provider::start(ok(&issuer.jwks())).await;
    let (url, certificate) = serve(json!({"jwks_uri": keys.url.as_str()}).to_string());
    let store = KeyStore::with(&rules_for(&[&url]), trusting(certificate), FetchLimits::default());
    assert_eq!(judge(&store, &issuer.token(), start()).await, Err(AuthnError::KeysUnavailable));
    assert_eq!(keys.hits(), 0);
}
