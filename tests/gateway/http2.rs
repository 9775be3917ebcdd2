//! HTTP/2 as raw frames: requests that no well-behaved client sends.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt as _;

use crate::fixture::{Fixture, soon};
use crate::frames::{
    DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, chat_fields, connect, field, frame,
    next_frame,
};
use crate::smuggling::record;

const BODY: &str = r#"{"model": "anthropic-claude"}"#;

/// Field names and values that an attacker hopes the upstream will read as separate lines.
pub(crate) const LINE_BREAKS: [(&str, &str); 6] = [
    ("x-a", "1\r\nx-b: 2"),
    ("x-a", "1\nx-b: 2"),
    ("x-a", "1\rx-b: 2"),
    ("x-a", "1\0"),
    (":path", "/v1/chat/completions HTTP/1.1\r\nx: y"),
    (":method", "POST / HTTP/1.1\r\nx: y\r\n\r\nPOST"),
];

/// Sends a chat request with these additional fields, and waits for its result.
pub(crate) async fn send_fields(address: SocketAddr, token: &str, fields: &[(&str, &str)]) {
    let bearer = format!("Bearer {token}");
    let needed = chat_fields(&bearer);
    let replaced = |(name, _): &&(&str, &str)| !fields.iter().any(|(other, _)| other == name);
    // Pseudo-headers come first.
    let mut all: Vec<_> = needed.iter().filter(replaced).chain(fields).collect();
    all.sort_by_key(|(name, _)| !name.starts_with(':'));
    let block: Vec<u8> = all.into_iter().flat_map(|(name, value)| field(name, value)).collect();

    let mut client = connect(address, &[]).await;
    let request =
        [frame(HEADERS, END_HEADERS, 1, &block), frame(DATA, END_STREAM, 1, BODY.as_bytes())].concat();
    soon(client.write_all(&request)).await.unwrap();
    // The result is a response, a reset, or the end of the connection.
    while let Some(frame) = soon(next_frame(&mut client)).await {
        if frame.kind == GOAWAY || (frame.stream == 1 && [HEADERS, RST_STREAM].contains(&frame.kind)) {
            break;
        }
    }
}

/// The number of requests that arrived after one with these fields.
async fn arrived(fields: &[(&str, &str)]) -> usize {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let Fixture { upstream, address, stop, served, .. } = gate;
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let recorder = tokio::spawn(record(upstream, Arc::clone(&arrived)));
    send_fields(address, &token, fields).await;
    stop.send(()).unwrap();
    soon(served).await.unwrap();
    recorder.abort();
    let arrived = arrived.lock().unwrap();
    arrived.len()
}

#[tokio::test]
async fn a_plain_request_arrives() {
    assert_eq!(arrived(&[]).await, 1);
}

#[tokio::test]
async fn line_breaks_in_an_http2_value_are_refused() {
    for (name, value) in LINE_BREAKS {
        assert_eq!(arrived(&[(name, value)]).await, 0, "{name}: {value:?}");
    }
}

#[tokio::test]
async fn an_authority_and_another_host_go_no_further() {
    // Neither is judged, and neither is forwarded.
    assert_eq!(arrived(&[(":authority", "evil.example")]).await, 1);
    assert_eq!(arrived(&[(":authority", "gate"), ("host", "evil.example")]).await, 1);
}

#[tokio::test]
async fn framing_headers_in_http2_are_refused() {
    for (name, value) in
        [("transfer-encoding", "chunked"), ("connection", "close"), ("upgrade", "h2c"), ("te", "gzip")]
    {
        assert_eq!(arrived(&[(name, value)]).await, 0, "{name}");
    }
}

#[tokio::test]
async fn a_length_that_the_data_does_not_have_is_refused() {
    for length in ["3", "4000", "-1", "29, 29"] {
        assert_eq!(arrived(&[("content-length", length)]).await, 0, "{length}");
    }
    assert_eq!(arrived(&[("content-length", "29")]).await, 1);
}

#[tokio::test]
async fn names_in_upper_case_and_unknown_pseudo_headers_are_refused() {
    for name in ["X-A", "x a", ":protocol", ":status", ""] {
        assert_eq!(arrived(&[(name, "1")]).await, 0, "{name:?}");
    }
}
