//! A caller and an upstream of WebSockets, over the gateway.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use crate::fixture::{Fixture, read_message, soon};

pub(crate) type Socket = WebSocketStream<TcpStream>;
pub(crate) const REALTIME: &str = "/v1/realtime?model=anthropic-claude";
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
pub(crate) const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A handshake's headers, with others.
pub(crate) fn upgrade(headers: &str) -> String {
    format!(
        "connection: keep-alive, Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: {KEY}\r\nsec-websocket-extensions: permessage-deflate\r\n{headers}"
    )
}

pub(crate) fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}\r\n")
}

/// Sends a handshake; gives the connection for the answer.
pub(crate) async fn knock(gate: &Fixture, path: &str, headers: &str) -> TcpStream {
    let mut stream = soon(TcpStream::connect(gate.address)).await.unwrap();
    let text = format!("GET {path} HTTP/1.1\r\nhost: g\r\n{}\r\n", upgrade(headers));
    soon(stream.write_all(text.as_bytes())).await.unwrap();
    stream
}

/// The upstream's side of a handshake, and its head as it arrived.
pub(crate) async fn accepting(gate: &Fixture, headers: &str) -> (Socket, String) {
    let (mut stream, request) = gate.arriving().await;
    let text = accepting_answer(&request.head).replace("\r\n\r\n", &format!("\r\n{headers}\r\n"));
    soon(stream.write_all(text.as_bytes())).await.unwrap();
    (WebSocketStream::from_raw_socket(stream, Role::Server, None).await, request.head)
}

/// An upstream's answer to a handshake.
pub(crate) fn accepting_answer(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
    let accept = accept(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    )
}

fn accept(key: &str) -> String {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    use base64::Engine as _;
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()))
}

/// The caller's side, once the gateway has answered, and the head of that answer.
pub(crate) async fn opened(mut stream: TcpStream) -> (Socket, String) {
    let answer = soon(read_message(&mut stream)).await;
    assert_eq!(answer.status(), "101", "{answer:?}");
    (WebSocketStream::from_raw_socket(stream, Role::Client, None).await, answer.head)
}

/// Both sides of a connection whose handshake names the model, and the head that the upstream got.
pub(crate) async fn connected(gate: &Fixture, path: &str, headers: &str) -> (Socket, Socket, String) {
    let stream = knock(gate, path, headers).await;
    let (upstream, head) = accepting(gate, "").await;
    (opened(stream).await.0, upstream, head)
}

pub(crate) async fn say(socket: &mut Socket, text: &str) {
    soon(socket.send(Message::text(text))).await.unwrap();
}

/// The next message with content.
pub(crate) async fn hear(socket: &mut Socket) -> Message {
    loop {
        match soon(socket.next()).await.expect("the connection ends").expect("the connection breaks") {
            Message::Ping(_) | Message::Pong(_) => {}
            message => return message,
        }
    }
}

pub(crate) async fn text(socket: &mut Socket) -> String {
    hear(socket).await.into_text().unwrap().to_string()
}

/// The next message, which is an error event: its code and the id of the event that it answers.
pub(crate) async fn refusal(socket: &mut Socket) -> (String, Value) {
    let event: Value = serde_json::from_str(&text(socket).await).unwrap();
    assert_eq!(event["type"], "error", "{event}");
    (event["error"]["code"].as_str().unwrap().to_owned(), event["error"]["event_id"].clone())
}

/// The code and the reason that the other side closes with.
pub(crate) async fn closed(socket: &mut Socket) -> (u16, String) {
    match hear(socket).await {
        Message::Close(Some(frame)) => (frame.code.into(), frame.reason.to_string()),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn code(code: CloseCode) -> u16 {
    code.into()
}
