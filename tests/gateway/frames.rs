//! HTTP/2 as raw frames (RFC 9113 section 4.1), with fields in the simplest encodings (RFC 7541).

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::soon;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// Error codes, RFC 9113 section 7.
pub(crate) const PROTOCOL_ERROR: u32 = 1;
pub(crate) const FLOW_CONTROL_ERROR: u32 = 3;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// One setting, RFC 9113 section 6.5.1.
pub(crate) fn setting(name: u16, value: u32) -> Vec<u8> {
    [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A literal field without indexing, RFC 7541 section 6.2.2; without Huffman coding.
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    literal(0, name, value)
}

/// A literal field that both sides add to their tables, RFC 7541 section 6.2.1: the newest one has index 62.
pub(crate) fn remembered(name: &str, value: &str) -> Vec<u8> {
    literal(0x40, name, value)
}

/// A field of the table, RFC 7541 section 6.1.
pub(crate) fn again(index: u8) -> u8 {
    0x80 | index
}

fn literal(kind: u8, name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![kind];
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

/// The fields that every chat request needs, pseudo-headers first.
pub(crate) fn chat_fields(bearer: &str) -> [(&str, &str); 5] {
    [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/v1/chat/completions"),
        (":authority", "gate"),
        ("authorization", bearer),
    ]
}

/// A connection after the preface, with these settings.
pub(crate) async fn connect(address: SocketAddr, settings: &[u8]) -> TcpStream {
    let mut client = soon(TcpStream::connect(address)).await.unwrap();
    soon(client.write_all(&hello(settings))).await.unwrap();
    client
}

/// The preface of a client.
pub(crate) fn hello(settings: &[u8]) -> Vec<u8> {
    [PREFACE, &frame(SETTINGS, 0, 0, settings)].concat()
}

#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a `RST_STREAM` or `GOAWAY`.
    pub(crate) fn error(&self) -> Option<u32> {
        let code = match self.kind {
            RST_STREAM => self.payload.get(..4),
            GOAWAY => self.payload.get(4..8),
            _ => None,
        };
        code.map(|code| u32::from_be_bytes(code.try_into().unwrap()))
    }
}

/// The next frame. `None` at the end of the connection.
pub(crate) async fn next_frame(client: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    client.read_exact(&mut head).await.ok()?;
    let [a, b, c, kind, _, stream @ ..] = head;
    let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, a, b, c])).ok()?];
    client.read_exact(&mut payload).await.ok()?;
    Some(Frame { kind, stream: u32::from_be_bytes(stream), payload })
}
