//! WebSockets to an upstream over TLS, and the spans of their calls.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocket};

use crate::process::{Gate, MASTER_KEY, Upstream, config, head, header, until};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "b7ad6b7169203331";

/// Reads the head of a message.
fn head_of(stream: &mut impl Read) -> String {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    String::from_utf8(text).unwrap()
}

/// The upstream's side of a handshake, and its head.
fn accepted<S: Read + Write>(mut stream: S) -> (WebSocket<S>, String) {
    let head = head_of(&mut stream);
    let key = header(&head, "sec-websocket-key").unwrap().to_owned() + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    let accept = STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes()));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).unwrap();
    stream.flush().unwrap();
    (WebSocket::from_raw_socket(stream, Role::Server, None), head)
}

/// A handshake of a caller, sent.
fn knock(gate: &Gate, path: &str) -> TcpStream {
    let mut caller = gate.connect();
    let text = format!(
        "GET {path} HTTP/1.1\r\nhost: g\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nauthorization: Bearer {MASTER_KEY}\r\n\
         traceparent: 00-{TRACE}-{PARENT}-01\r\n\r\n"
    );
    caller.write_all(text.as_bytes()).unwrap();
    caller
}

/// The caller's side, once the gateway has answered.
fn opened(mut caller: TcpStream) -> WebSocket<TcpStream> {
    let answer = head(&mut caller);
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    WebSocket::from_raw_socket(caller, Role::Client, None)
}

#[test]
fn a_websocket_reaches_an_upstream_over_tls_and_no_other_certificate() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let server = builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let server = Arc::new(server);
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (trusted, is_trusted) in [(made.cert.pem(), true), (other.cert.pem(), false)] {
        let upstream = Upstream::start();
        let yaml = config(upstream.address, "", "").replace("http://127.0.0.1", "https://localhost");
        let roots = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(roots.path(), &trusted).unwrap();
        let gate = Gate::with(&[], &yaml, |command| {
            command.env_remove("SSL_CERT_DIR").env("SSL_CERT_FILE", roots.path());
        });
        let mut caller = knock(&gate, "/v1/realtime?model=gpt");
        let secured =
            StreamOwned::new(ServerConnection::new(Arc::clone(&server)).unwrap(), upstream.accept());
        if !is_trusted {
            let mut secured = secured;
            assert!(secured.read(&mut [0]).is_err(), "the gateway trusted the certificate");
            assert!(head(&mut caller).starts_with("HTTP/1.1 502 "));
            continue;
        }
        let (mut there, head) = accepted(secured);
        assert!(head.starts_with("GET /v1/realtime?model=gpt HTTP/1.1\r\n"), "{head}");
        assert_eq!(header(&head, "authorization"), Some("Bearer sk-upstream"));
        let mut caller = opened(caller);
        caller.send(Message::text(r#"{"type":"a"}"#)).unwrap();
        assert_eq!(there.read().unwrap(), Message::text(r#"{"type":"a"}"#));
        there.send(Message::text("b")).unwrap();
        assert_eq!(caller.read().unwrap(), Message::text("b"));
    }
}

/// A collector of traces, and all bytes that it got.
fn collector() -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let got = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&got);
    let address = Upstream::start().serve(move |mut stream| {
        let head = head_of(&mut stream);
        let mut body = vec![0; header(&head, "content-length").unwrap().parse().unwrap()];
        stream.read_exact(&mut body).unwrap();
        all.lock().unwrap().extend(body);
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    });
    (address, got)
}

fn bytes_of(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

#[test]
fn the_upstream_of_a_websocket_has_the_client_span_as_parent() {
    let upstream = Upstream::start();
    let (collector, got) = collector();
    let gate = Gate::with(&[], &config(upstream.address, "", ""), |command| {
        command
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"))
            .env("OTEL_BSP_SCHEDULE_DELAY", "50");
    });
    for path in ["/v1/realtime?model=gpt", "/v1/responses"] {
        let caller = knock(&gate, path);
        let (caller, there, head) = if path.ends_with("gpt") {
            let (there, head) = accepted(upstream.accept());
            (opened(caller), there, head)
        } else {
            let mut caller = opened(caller);
            caller.send(Message::text(r#"{"type":"response.create","model":"gpt"}"#)).unwrap();
            let (there, head) = accepted(upstream.accept());
            (caller, there, head)
        };
        let parent = header(&head, "traceparent").unwrap();
        let [_, trace, span, flags] = parent.split('-').collect::<Vec<_>>()[..] else { panic!("{parent}") };
        assert_eq!((trace, flags), (TRACE, "01"));
        assert_ne!(span, PARENT);
        // The collector gets that span while the connection is open, with the address that was called.
        until(|| {
            let got = got.lock().unwrap();
            let has = |part: &[u8]| got.windows(part.len()).any(|window| window == part);
            (has(&bytes_of(span)) && has(&bytes_of(TRACE)) && has(b"server.address")).then_some(())
        });
        drop((caller, there));
    }
}
