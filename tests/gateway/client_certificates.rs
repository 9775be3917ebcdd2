//! Listeners that ask their clients for a certificate: the gateway's, and those for other proxies.

use std::net::SocketAddr;
use std::sync::Arc;

use modelgate::gateway::{AuthzenServer, ExtAuthzServer, ForwardAuthServer, Outcome};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::ext_authz::{Asked, check_over};
use crate::fixture::{bearer, read_message, soon};
use crate::reload::{CLAUDE, Files, Live};

/// An authority that signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for `localhost` and its key, in PEM form.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }
}

/// Files of listeners whose clients need a certificate of `clients`.
fn write(files: &Files, server: &Authority, clients: &Authority, modelgate: &str) {
    let (certificate, key) = server.issue();
    files.write("tls.crt", certificate);
    files.write("tls.key", key);
    files.write("clients.pem", clients.pem());
    files.write("config.yaml", files.yaml_with(modelgate, CLAUDE));
}

const TLS: &str = "tls: {certificate: tls.crt, key: tls.key, client_ca: clients.pem}";
/// This machine is no trusted proxy, so that only a certificate counts.
const ELSEWHERE: &str = "trusted_proxies: [203.0.113.0/24]";

type Client = std::io::Result<TlsStream<TcpStream>>;

/// A client that trusts `server`, and shows a certificate of `issuer` if there is one.
async fn connect(address: SocketAddr, server: &Authority, issuer: Option<&Authority>, alpn: &str) -> Client {
    let mut roots = RootCertStore::empty();
    roots.add(server.0.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let mut config = match issuer {
        None => builder.with_no_client_auth(),
        Some(issuer) => {
            let (certificate, key) = issuer.issue();
            let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
            let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![alpn.as_bytes().to_vec()];
    let stream = soon(TcpStream::connect(address)).await?;
    let connector = TlsConnector::from(Arc::new(config));
    soon(connector.connect(ServerName::try_from("localhost").unwrap(), stream)).await
}

/// The status of an answer, or nothing if the connection ends without one.
async fn status(client: &mut TlsStream<TcpStream>, request: &str) -> String {
    if soon(client.write_all(request.as_bytes())).await.is_err() {
        return String::new();
    }
    let mut first = [0; 12];
    match soon(client.read_exact(&mut first)).await {
        Ok(_) => {
            // The rest of the head, and the body.
            let rest = soon(read_message(client)).await;
            assert!(rest.head.ends_with("\r\n\r\n"));
            String::from_utf8_lossy(&first).rsplit(' ').next().unwrap().to_owned()
        }
        Err(_) => String::new(),
    }
}

async fn status_of(client: Client, request: &str) -> String {
    match client {
        // In TLS 1.3, a client learns after its handshake that its certificate was refused.
        Ok(mut client) => status(&mut client, request).await,
        Err(_) => String::new(),
    }
}

fn question(live: &Live) -> String {
    let described = "x-forwarded-method: GET\r\nx-forwarded-uri: /v1/models\r\n";
    let credential = bearer(&live.gate.token(&["basic_user"]));
    format!("GET /-/authorize HTTP/1.1\r\nhost: localhost\r\n{described}{credential}\r\n")
}

/// The address of the forward-auth listener, which runs until the sender is dropped.
async fn forward_auth(live: &Live) -> (SocketAddr, oneshot::Sender<()>) {
    let gateway = live.reloader.gateway();
    let settings = gateway.active().snapshot().config().gateway.forward_auth.clone().unwrap();
    let server = ForwardAuthServer::bind(&settings, Arc::clone(gateway)).await.unwrap();
    let (address, (stop, stopped)) = (server.local_addr().unwrap(), oneshot::channel::<()>());
    tokio::spawn(server.run(async { drop(stopped.await) }));
    (address, stop)
}

#[tokio::test]
async fn the_gateway_serves_only_clients_with_a_certificate() {
    let (server, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let live = Live::with(|files| write(files, &server, &clients, TLS)).await;
    let health = "GET /health/readiness HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for (issuer, expected) in [(Some(&clients), "200"), (Some(&others), ""), (None, "")] {
        let client = connect(live.gate.address, &server, issuer, "http/1.1").await;
        assert_eq!(status_of(client, health).await, expected);
    }
}

#[tokio::test]
async fn a_certificate_says_who_may_ask_instead_of_the_address() {
    let (server, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let block = format!("forward_auth: {{listen: '127.0.0.1:0', {TLS}}}, {ELSEWHERE}");
    let live = Live::with(|files| write(files, &server, &clients, &block)).await;
    let (address, _stop) = forward_auth(&live).await;
    for (issuer, expected) in [(Some(&clients), "200"), (Some(&others), ""), (None, "")] {
        let client = connect(address, &server, issuer, "http/1.1").await;
        assert_eq!(status_of(client, &question(&live)).await, expected);
    }
}

#[tokio::test]
async fn without_authorities_the_address_says_who_may_ask_over_tls() {
    let server = Authority::new();
    for (proxies, expected) in [("trusted_proxies: []", "200"), (ELSEWHERE, "403")] {
        let files_only = "tls: {certificate: tls.crt, key: tls.key}";
        let block = format!("forward_auth: {{listen: '127.0.0.1:0', {files_only}}}, {proxies}");
        let live = Live::with(|files| write(files, &server, &server, &block)).await;
        let (address, _stop) = forward_auth(&live).await;
        let client = connect(address, &server, None, "http/1.1").await;
        assert_eq!(status_of(client, &question(&live)).await, expected, "{proxies}");
    }
}

#[tokio::test]
async fn a_connection_of_an_authority_that_was_replaced_may_not_ask_any_more() {
    let (server, old, new) = (Authority::new(), Authority::new(), Authority::new());
    let block = format!("forward_auth: {{listen: '127.0.0.1:0', {TLS}}}, {ELSEWHERE}");
    let live = Live::with(|files| write(files, &server, &old, &block)).await;
    let (address, _stop) = forward_auth(&live).await;
    let mut kept = connect(address, &server, Some(&old), "http/1.1").await.unwrap();
    assert_eq!(status(&mut kept, &question(&live)).await, "200");
    // More than keep their buffers while they are idle.
    let mut others = Vec::new();
    for _ in 0..70 {
        let mut other = connect(address, &server, Some(&old), "http/1.1").await.unwrap();
        assert_eq!(status(&mut other, &question(&live)).await, "200");
        others.push(other);
    }
    // Another reload keeps what is the same.
    live.files().write("config.yaml", live.files().yaml_with(&format!("{block}, leeway: 1"), CLAUDE));
    assert_eq!(live.reloader.reload().await, Outcome::Loaded);
    assert_eq!(status(&mut kept, &question(&live)).await, "200");

    live.files().write("clients.pem", new.pem());
    assert_eq!(live.reloader.reload().await, Outcome::Loaded);
    for kept in [kept].iter_mut().chain(&mut others) {
        assert_eq!(status(kept, &question(&live)).await, "403");
    }
    for (issuer, expected) in [(&new, "200"), (&old, "")] {
        let client = connect(address, &server, Some(issuer), "http/1.1").await;
        assert_eq!(status_of(client, &question(&live)).await, expected);
    }
}

#[tokio::test]
async fn authorities_that_cannot_be_read_leave_the_old_ones() {
    let (server, clients) = (Authority::new(), Authority::new());
    let block = format!("forward_auth: {{listen: '127.0.0.1:0', {TLS}}}");
    let live = Live::with(|files| write(files, &server, &clients, &block)).await;
    let (address, _stop) = forward_auth(&live).await;
    live.files().write("clients.pem", "");
    assert_eq!(live.reloader.reload().await, Outcome::Refused);
    live.refuses("clients.pem` cannot be used: it has no certificate in PEM form").await;
    let client = connect(address, &server, Some(&clients), "http/1.1").await;
    assert_eq!(status_of(client, &question(&live)).await, "200");
}

#[tokio::test]
async fn envoy_asks_over_grpc_with_its_certificate() {
    let (server, clients) = (Authority::new(), Authority::new());
    let block = format!("ext_authz: {{listen: '127.0.0.1:0', {TLS}}}, {ELSEWHERE}");
    let live = Live::with(|files| write(files, &server, &clients, &block)).await;
    let gateway = live.reloader.gateway();
    let settings = gateway.active().snapshot().config().gateway.ext_authz.clone().unwrap();
    let door = ExtAuthzServer::bind(&settings, Arc::clone(gateway)).await.unwrap();
    let (address, (_stop, stopped)) = (door.local_addr().unwrap().unwrap(), oneshot::channel::<()>());
    tokio::spawn(door.run(async { drop(stopped.await) }));
    let token = format!("Bearer {}", live.gate.token(&["basic_user"]));
    for (model, denied) in [("anthropic-claude", None), ("openai-gpt-4o", Some(403))] {
        let client = connect(address, &server, Some(&clients), "h2").await.unwrap();
        let body = format!(r#"{{"model": "{model}"}}"#);
        let asked = Asked {
            method: "POST",
            path: "/v1/chat/completions",
            headers: &[("authorization", &token)],
            body: body.as_bytes(),
        };
        assert_eq!(check_over(client, &asked).await.status, denied, "{model}");
    }
}

#[tokio::test]
async fn a_certificate_may_ask_authzen_and_a_configured_bearer_is_needed_too() {
    let (server, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let body = r#"{"subject": {"type": "user", "id": "u", "properties": {"roles": ["basic_user"]}},
        "action": {"name": "use_model"}, "resource": {"type": "model", "id": "anthropic-claude"}}"#;
    let asked = |credential: &str| {
        let length = body.len();
        format!(
            "POST /access/v1/evaluation HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n{credential}\r\n{body}"
        )
    };
    for (bearer, without) in [("", "200"), ("bearer: s3cret,", "401")] {
        let block = format!("authzen: {{listen: '127.0.0.1:0', {bearer} {TLS}}}");
        let live = Live::with(|files| write(files, &server, &clients, &block)).await;
        let gateway = live.reloader.gateway();
        let settings = gateway.active().snapshot().config().gateway.authzen.clone().unwrap();
        let door = AuthzenServer::bind(&settings, Arc::clone(gateway)).await.unwrap();
        let (address, (_stop, stopped)) = (door.local_addr().unwrap(), oneshot::channel::<()>());
        tokio::spawn(door.run(async { drop(stopped.await) }));
        for (issuer, credential, expected) in [
            (Some(&clients), "", without),
            (Some(&clients), "authorization: Bearer s3cret\r\n", "200"),
            (Some(&others), "authorization: Bearer s3cret\r\n", ""),
            (None, "authorization: Bearer s3cret\r\n", ""),
        ] {
            let client = connect(address, &server, issuer, "http/1.1").await;
            assert_eq!(status_of(client, &asked(credential)).await, expected, "{bearer} {credential}");
        }
    }
}
