//! Compressed request bodies: decoded within the limit, judged, and sent on decoded.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::fixture::{Fixture, Message, answer, read_message, soon};

const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;
const DENIED: &str = r#"{"model": "openai-gpt-4o"}"#;
/// `DENIED` as Node's encoder writes it.
const BROTLI_DENIED: &str = "8b0c807b226d6f64656c223a20226f70656e61692d6770742d346f227d03";

fn gzip(data: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zlib(data: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data.as_ref()).unwrap();
    encoder.finish().unwrap()
}

fn zstd(data: impl AsRef<[u8]>) -> Vec<u8> {
    compress_to_vec(data.as_ref(), CompressionLevel::Fastest)
}

fn brotli_denied() -> Vec<u8> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    BROTLI_DENIED.as_bytes().chunks(2).map(digits).collect()
}

async fn send(gate: &Fixture, headers: &str, body: &[u8]) -> TcpStream {
    let mut client = soon(TcpStream::connect(gate.address)).await.unwrap();
    let token = gate.token(&["basic_user"]);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    soon(client.write_all(&[head.as_bytes(), body].concat())).await.unwrap();
    client
}

async fn refused(gate: &Fixture, headers: &str, body: &[u8]) -> Message {
    soon(read_message(&mut send(gate, headers, body).await)).await
}

#[tokio::test]
async fn a_compressed_body_is_judged_and_sent_on_decoded() {
    let gate = Fixture::start().await;
    for (coding, body) in [
        ("gzip", gzip(ALLOWED)),
        ("x-gzip", gzip(ALLOWED)),
        ("GZIP", gzip(ALLOWED)),
        ("deflate", zlib(ALLOWED)),
        ("zstd", zstd(ALLOWED)),
        ("identity", ALLOWED.as_bytes().to_vec()),
        ("gzip, identity", gzip(ALLOWED)),
        ("", ALLOWED.as_bytes().to_vec()),
    ] {
        let headers = format!("content-encoding: {coding}\r\ncontent-md5: AAAA\r\nconnection: close\r\n");
        let mut client = send(&gate, &headers, &body).await;
        let (mut upstream, seen) = gate.arriving().await;
        assert_eq!(seen.body, r#"{"model": "claude \"3\""}"#, "{coding}");
        assert_eq!(seen.header("content-encoding"), None, "{coding}");
        assert_eq!(seen.header("content-md5"), None, "{coding}");
        assert_eq!(seen.header("content-length"), Some(seen.body.len().to_string().as_str()), "{coding}");
        answer(&mut upstream, "{}").await;
        assert_eq!(soon(read_message(&mut client)).await.status(), "200", "{coding}");
        drop(upstream);
    }
}

#[tokio::test]
async fn a_denied_model_in_a_compressed_body_is_denied() {
    let gate = Fixture::start().await;
    for (coding, body) in
        [("gzip", gzip(DENIED)), ("deflate", zlib(DENIED)), ("zstd", zstd(DENIED)), ("br", brotli_denied())]
    {
        let answer = refused(&gate, &format!("content-encoding: {coding}\r\n"), &body).await;
        assert_eq!((answer.status(), answer.code().as_str()), ("403", "model_not_allowed"), "{coding}");
    }
}

#[tokio::test]
async fn codings_in_several_headers_are_taken_off_from_the_last() {
    let gate = Fixture::start().await;
    let body = zstd(gzip(DENIED));
    for headers in
        ["content-encoding: gzip, zstd\r\n", "content-encoding: gzip\r\ncontent-encoding: zstd\r\n"]
    {
        assert_eq!(refused(&gate, headers, &body).await.status(), "403", "{headers}");
    }
    assert_eq!(refused(&gate, "content-encoding: zstd, gzip\r\n", &body).await.status(), "400");
}

#[tokio::test]
async fn a_body_that_is_not_in_its_coding_is_refused() {
    let gate = Fixture::start().await;
    let mut cut = gzip(ALLOWED);
    cut.truncate(cut.len() - 4);
    let behind = [&*gzip(ALLOWED), ALLOWED.as_bytes()].concat();
    for (coding, body) in [
        ("gzip", ALLOWED.as_bytes().to_vec()),
        ("br", ALLOWED.as_bytes().to_vec()),
        ("zstd", ALLOWED.as_bytes().to_vec()),
        ("deflate", ALLOWED.as_bytes().to_vec()),
        ("gzip", cut),
        ("gzip", behind),
        ("gzip", zlib(ALLOWED)),
    ] {
        let answer = refused(&gate, &format!("content-encoding: {coding}\r\n"), &body).await;
        assert_eq!(answer.status(), "400", "{coding}: {}", answer.body);
    }
}

#[tokio::test]
async fn an_unknown_coding_is_refused_with_those_that_are_known() {
    let gate = Fixture::start().await;
    for coding in ["compress", "aes128gcm", "gzip;q=1", "gzip, gzip, gzip, gzip", "\u{e9}"] {
        let answer = refused(&gate, &format!("content-encoding: {coding}\r\n"), ALLOWED.as_bytes()).await;
        assert_eq!(answer.status(), "415", "{coding}");
        assert!(
            answer.header("accept-encoding").is_some_and(|names| names.contains("zstd")),
            "{}",
            answer.head
        );
    }
}

#[tokio::test]
async fn a_compressed_bomb_is_refused_at_the_limit() {
    let gate = Fixture::with("max_body_bytes: 65536").await;
    let bomb = format!("{{\"model\": \"anthropic-claude\", \"x\": \"{}\"}}", "a".repeat(8 * 1024 * 1024));
    for (coding, body) in [("gzip", gzip(&bomb)), ("deflate", zlib(&bomb)), ("zstd", zstd(&bomb))] {
        assert!(body.len() < 65536, "{coding}: {}", body.len());
        let answer = refused(&gate, &format!("content-encoding: {coding}\r\n"), &body).await;
        assert_eq!(answer.status(), "413", "{coding}");
    }
    // Only the outer coding is small. The decoded content is not.
    let twice = gzip(gzip(&bomb));
    assert_eq!(refused(&gate, "content-encoding: gzip, gzip\r\n", &twice).await.status(), "413");
}

#[tokio::test]
async fn a_compressed_form_is_judged_too() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let form = "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nopenai-gpt-4o\r\n--b--\r\n";
    let body = gzip(form);
    let mut client = soon(TcpStream::connect(gate.address)).await.unwrap();
    let head = format!(
        "POST /v1/audio/transcriptions HTTP/1.1\r\nhost: gate\r\nauthorization: Bearer {token}\r\n\
         content-type: multipart/form-data; boundary=b\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    soon(client.write_all(&[head.as_bytes(), &body].concat())).await.unwrap();
    assert_eq!(soon(read_message(&mut client)).await.status(), "403");
}
