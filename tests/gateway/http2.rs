//! HTTP/2 as raw frames: what no well-behaved client sends.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{Fixture, soon};
use crate::smuggling::record;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const BODY: &str = r#"{"model": "anthropic-claude"}"#;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// RFC 9113 section 4.1.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A literal field without indexing, RFC 7541 section 6.2.2; without Huffman coding.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        let length = text.len();
        // A prefix of seven bits, then groups of seven.
        if length < 127 {
            bytes.push(u8::try_from(length).unwrap());
        } else {
            let mut rest = length - 127;
            bytes.push(127);
            while rest >= 128 {
                bytes.push(u8::try_from(rest % 128 + 128).unwrap());
                rest /= 128;
            }
            bytes.push(u8::try_from(rest).unwrap());
        }
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// The kind and the stream of the next frame; `None` at the end.
pub(crate) async fn next_frame(client: &mut TcpStream) -> Option<(u8, u32)> {
    let mut head = [0; 9];
    client.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, _, stream @ ..] = head;
    let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?];
    client.read_exact(&mut payload).await.ok()?;
    Some((kind, u32::from_be_bytes(stream)))
}

/// How many requests arrived after one with these fields, beside those that it needs.
async fn arrived(fields: &[(&str, &str)]) -> usize {
    let gate = Fixture::start().await;
    let bearer = format!("Bearer {}", gate.token(&["basic_user"]));
    let Fixture { upstream, address, stop, served, .. } = gate;
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let recorder = tokio::spawn(record(upstream, Arc::clone(&arrived)));

    let needed = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/v1/chat/completions"),
        (":authority", "gate"),
        ("authorization", bearer.as_str()),
    ];
    let pseudo = |(name, _): &&(&str, &str)| name.starts_with(':');
    let replaced = |(name, _): &&(&str, &str)| !fields.iter().any(|(other, _)| other == name);
    // Pseudo-headers come first.
    let mut all: Vec<_> = needed.iter().filter(replaced).chain(fields).collect();
    all.sort_by_key(|field| !pseudo(field));
    let block: Vec<u8> = all.into_iter().flat_map(|(name, value)| field(name, value)).collect();

    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes.extend(frame(HEADERS, END_HEADERS, 1, &block));
    bytes.extend(frame(DATA, END_STREAM, 1, BODY.as_bytes()));
    let mut client = soon(TcpStream::connect(address)).await.unwrap();
    soon(client.write_all(&bytes)).await.unwrap();

    // The request is settled by an answer, a reset, or the end of the connection.
    while let Some((kind, stream)) = soon(next_frame(&mut client)).await {
        if kind == GOAWAY || (stream == 1 && [HEADERS, RST_STREAM].contains(&kind)) {
            break;
        }
    }
    drop(client);
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
    for value in ["1\r\nx-b: 2", "1\nx-b: 2", "1\rx-b: 2", "1\0"] {
        assert_eq!(arrived(&[("x-a", value)]).await, 0, "{value:?}");
    }
    assert_eq!(arrived(&[(":path", "/v1/chat/completions HTTP/1.1\r\nx: y")]).await, 0);
    assert_eq!(arrived(&[(":method", "POST / HTTP/1.1\r\nx: y\r\n\r\nPOST")]).await, 0);
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
