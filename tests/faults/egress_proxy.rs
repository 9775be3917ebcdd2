//! HTTPS servers that are only reachable through a proxy: `HTTPS_PROXY` and `NO_PROXY`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::process::{Gate, answer, nobody, read_until};

/// A name that no resolver knows.
const SERVER: &str = "llm.modelgate.invalid";

/// The certificate of the server: PEM for callers, and a configuration for the server.
fn identity() -> (String, Arc<ServerConfig>) {
    let made = rcgen::generate_simple_self_signed([SERVER.to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    (made.cert.pem(), Arc::new(config))
}

fn yaml() -> String {
    format!(
        "general_settings: {{master_key: sk-master}}\nmodel_list:\n  - model_name: gpt\n    litellm_params: \
         {{model: openai/gpt, api_base: 'https://{SERVER}/v1', api_key: sk-upstream}}\n"
    )
}

fn gate(certificate: &str, variables: &[(&str, String)]) -> Gate {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.yaml"), yaml()).unwrap();
    let roots = directory.path().join("roots.pem");
    std::fs::write(&roots, certificate).unwrap();
    Gate::at(&[], directory, |command| with_variables(command, &roots, variables))
}

fn with_variables(command: &mut Command, roots: &Path, variables: &[(&str, String)]) {
    for name in
        ["ALL_PROXY", "all_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_DIR"]
    {
        command.env_remove(name);
    }
    command.env("SSL_CERT_FILE", roots).envs(variables.iter().map(|(name, value)| (name, value)));
}

/// A proxy that answers one `CONNECT` with `status`, and the head that it received.
fn proxy() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn tunnel(listener: &TcpListener, status: &str) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().unwrap();
    let head = read_until(&mut stream, "\r\n\r\n");
    stream.write_all(format!("HTTP/1.1 {status}\r\n\r\n").as_bytes()).unwrap();
    (stream, head)
}

#[test]
fn an_upstream_is_reached_through_the_proxy_and_tls_ends_at_the_upstream() {
    let (certificate, server) = identity();
    let (listener, address) = proxy();
    let gate = gate(&certificate, &[("HTTPS_PROXY", format!("http://me:s%20cret@{address}"))]);
    let mut client = gate.chat();
    let (stream, head) = tunnel(&listener, "200 Connection established");
    assert!(head.starts_with(&format!("CONNECT {SERVER}:443 HTTP/1.1\r\n")), "{head}");
    assert!(head.to_ascii_lowercase().contains("proxy-authorization: basic bwu6cybjcmv0"), "{head}");
    assert!(!head.contains("sk-"), "the proxy saw a key: {head}");

    let mut secured = StreamOwned::new(ServerConnection::new(server).unwrap(), stream);
    let mut request = Vec::new();
    while !request.ends_with(b"}") {
        let mut byte = [0];
        secured.read_exact(&mut byte).unwrap();
        request.push(byte[0]);
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    assert!(request.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("sk-upstream"), "{request}");
    secured.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").unwrap();
    secured.flush().unwrap();
    assert_eq!(answer(&mut client).body, "hello");
    assert!(!gate.stop().contains("s%20cret"));
}

#[test]
fn a_proxy_that_opens_no_tunnel_is_named_and_its_password_is_not() {
    let (certificate, _) = identity();
    let (listener, address) = proxy();
    let gate = gate(&certificate, &[("https_proxy", format!("http://me:secret@{address}"))]);
    let mut client = gate.chat();
    drop(tunnel(&listener, "407 Proxy Authentication Required"));
    assert_eq!(answer(&mut client).told(), (502, "upstream_unreachable".to_owned()));
    gate.log.times("did not open a tunnel", 1);
    let log = gate.stop();
    assert!(log.contains(&address.to_string()) && !log.contains("secret"), "{log}");
}

#[test]
fn what_no_proxy_names_is_connected_to_directly() {
    let (certificate, _) = identity();
    let variables = [
        ("HTTPS_PROXY", format!("http://{}", nobody())),
        ("NO_PROXY", "localhost,.modelgate.invalid".to_owned()),
    ];
    let gate = gate(&certificate, &variables);
    assert_eq!(answer(&mut gate.chat()).told(), (502, "upstream_unreachable".to_owned()));
    // The gateway resolves the name itself, which it does not if the proxy does.
    let log = gate.stop();
    assert!(log.contains("dns error") && !log.contains("did not open a tunnel"), "{log}");
}

#[test]
fn a_proxy_that_is_not_spoken_to_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("config.yaml"), yaml()).unwrap();
    for (value, said) in
        [("socks5://me:secret@127.0.0.1:1080", "`socks5`"), ("http://a b", "not the address of a proxy")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--config"]);
        command.arg(directory.path().join("config.yaml"));
        let roots = directory.path().join("roots.pem");
        std::fs::write(&roots, identity().0).unwrap();
        with_variables(&mut command, &roots, &[("HTTPS_PROXY", value.to_owned())]);
        let ended = command.output().unwrap();
        let error = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success() && error.contains(said) && !error.contains("secret"), "{error}");
    }
}
