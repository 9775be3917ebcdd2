//! Requests that two readers may frame differently, as raw bytes: what arrives at the upstream is what was judged, as often
//! as it was judged.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{Fixture, soon};

/// A body that is allowed.
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;
/// What an attacker hopes to get past the gateway.
const HIDDEN: &str = "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 26\r\n\r\n{\"model\": \"openai-gpt-4o\"}";
/// Ends the connection once everything before it was answered.
const LAST: &str = "GET /health/liveliness HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n";

/// What came of some bytes.
#[derive(Debug)]
struct Outcome {
    /// The statuses that the client got, without the last request's.
    statuses: Vec<String>,
    /// The requests that arrived at the upstream, as they arrived.
    arrived: Vec<String>,
}

/// Sends bytes, with the last request behind them; `TOKEN` stands for a token that may use one model.
async fn send(bytes: &str) -> Outcome {
    let gate = Fixture::start().await;
    let bytes = bytes.replace("TOKEN", &gate.token(&["basic_user"]));
    let Fixture { upstream, address, stop, served, .. } = gate;
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let recorder = tokio::spawn(record(upstream, Arc::clone(&arrived)));

    let mut client = soon(TcpStream::connect(address)).await.unwrap();
    soon(client.write_all(format!("{bytes}{LAST}").as_bytes())).await.unwrap();
    let mut answers = Vec::new();
    // A connection that is cut off has answered all that it will.
    let _ = soon(client.read_to_end(&mut answers)).await;
    stop.send(()).unwrap();
    soon(served).await.unwrap();
    recorder.abort();

    let answers = String::from_utf8_lossy(&answers).into_owned();
    // A body ends without a line break, so that a status line may begin anywhere.
    let status = |at: usize| answers.get(at + 9..at + 12).map(str::to_owned);
    let mut statuses: Vec<_> = answers.match_indices("HTTP/1.1 ").filter_map(|(at, _)| status(at)).collect();
    if answers.contains("healthy") {
        statuses.pop();
    }
    let arrived = arrived.lock().unwrap().clone();
    Outcome { statuses, arrived }
}

/// Keeps every request as it arrives, and answers it.
pub(crate) async fn record(listener: TcpListener, arrived: Arc<Mutex<Vec<String>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let arrived = Arc::clone(&arrived);
        tokio::spawn(async move {
            let mut bytes = Vec::new();
            while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    arrived.lock().unwrap().push(text.clone());
                    bytes.clear();
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").await.unwrap();
                }
            }
        });
    }
}

/// A request for the allowed model with these headers, and these bytes behind the head.
fn post(headers: &str, rest: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer TOKEN\r\n{headers}\r\n\r\n{rest}"
    )
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// The requests that arrived ask for the allowed model, with one length and nothing else to frame them.
fn assert_only_the_judged_arrived(name: &str, outcome: &Outcome, expected: usize) {
    assert_eq!(outcome.arrived.len(), expected, "{name}: {outcome:#?}");
    for request in &outcome.arrived {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        assert_eq!(body, ALLOWED.replace("anthropic-claude", r#"claude \"3\""#), "{name}");
        assert_eq!(head.matches("content-length").count(), 1, "{name}: {head}");
        for absent in ["transfer-encoding", "trailer", "upgrade", "http2-settings", "expect"] {
            assert!(!head.lines().any(|line| line.starts_with(absent)), "{name}: {head}");
        }
    }
}

async fn assert_refused(name: &str, bytes: &str) {
    let outcome = send(bytes).await;
    assert_only_the_judged_arrived(name, &outcome, 0);
    let first = outcome.statuses.first().map(String::as_str);
    assert!(matches!(first, Some("400" | "415")), "{name}: {outcome:?}");
}

#[tokio::test]
async fn beside_chunks_a_length_says_nothing() {
    // RFC 9112 section 6.3: chunks override the length, which goes no further.
    let chunked = format!("{}0\r\n\r\n", chunk(ALLOWED));
    let long = chunked.len() + HIDDEN.len();
    for (name, headers) in [
        ("CL.TE", format!("content-length: {long}\r\ntransfer-encoding: chunked")),
        ("TE.CL", format!("transfer-encoding: chunked\r\ncontent-length: {}", ALLOWED.len())),
        ("an empty length", "transfer-encoding: chunked\r\ncontent-length: 0".to_owned()),
    ] {
        let outcome = send(&post(&headers, &format!("{chunked}{HIDDEN}"))).await;
        assert_only_the_judged_arrived(name, &outcome, 1);
        // The rest is a request without a token, or is never read.
        assert!(outcome.statuses == ["200"] || outcome.statuses == ["200", "401"], "{name}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_transfer_encoding_in_other_words_is_refused() {
    let chunked = format!("{}0\r\n\r\n", chunk(ALLOWED));
    for coding in [
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: identity\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: xchunked",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding: chunked;a=b",
        "transfer-encoding:\u{b}chunked",
        "transfer-encoding : chunked",
        " transfer-encoding: chunked",
    ] {
        assert_refused(coding, &post(coding, &format!("{chunked}{HIDDEN}"))).await;
    }
}

#[tokio::test]
async fn a_length_that_is_not_one_number_is_refused() {
    let length = ALLOWED.len();
    for headers in [
        format!("content-length: {length}\r\ncontent-length: {}", length + HIDDEN.len()),
        format!("content-length: {length}, {length}"),
        format!("content-length: +{length}"),
        format!("content-length: -{length}"),
        format!("content-length: 0x{length:x}"),
        format!("content-length: {length} 1"),
        "content-length: 99999999999999999999999".to_owned(),
        "content-length:".to_owned(),
        format!("content-length : {length}"),
        format!("content-length:\u{b}{length}"),
    ] {
        assert_refused(&headers, &post(&headers, ALLOWED)).await;
    }
}

#[tokio::test]
async fn a_chunk_that_is_not_well_formed_is_refused() {
    for (name, body) in [
        ("a size beyond 64 bits", format!("1000000000000000{:x}\r\n{ALLOWED}\r\n0\r\n\r\n", ALLOWED.len())),
        ("a signed size", format!("+{}0\r\n\r\n", chunk(ALLOWED))),
        ("a size with a prefix", format!("0x{}0\r\n\r\n", chunk(ALLOWED))),
        ("no size", format!("\r\n{ALLOWED}\r\n0\r\n\r\n")),
        ("data longer than its size", format!("5\r\n{ALLOWED}\r\n0\r\n\r\n")),
        ("a line feed alone behind the data", format!("{:x}\r\n{ALLOWED}\n0\r\n\r\n", ALLOWED.len())),
    ] {
        let outcome = send(&post("transfer-encoding: chunked", &body)).await;
        assert_only_the_judged_arrived(name, &outcome, 0);
        assert!(outcome.statuses.iter().all(|status| status == "400"), "{name}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_head_with_two_readings_is_refused() {
    let length = format!("content-length: {}", ALLOWED.len());
    for (name, head) in [
        ("obs-fold", format!("x-a: 1\r\n folded: 2\r\n{length}")),
        ("a carriage return in a value", format!("x-a: 1\rtransfer-encoding: chunked\r\n{length}")),
        ("a NUL in a value", format!("x-a: 1\0\r\n{length}")),
        ("a blank in a name", format!("x a: 1\r\n{length}")),
        ("no colon", format!("transfer-encoding\r\n{length}")),
    ] {
        assert_refused(name, &post(&head, ALLOWED)).await;
    }
}

#[tokio::test]
async fn http_1_0_has_no_chunks() {
    let bytes = post("transfer-encoding: chunked", &format!("{}0\r\n\r\n{HIDDEN}", chunk(ALLOWED)));
    assert_refused("HTTP/1.0", &bytes.replace("HTTP/1.1\r\nhost: g\r\nauth", "HTTP/1.0\r\nhost: g\r\nauth"))
        .await;
}

#[tokio::test]
async fn what_follows_a_request_is_a_request_of_its_own() {
    let outcome =
        send(&post(&format!("content-length: {}", ALLOWED.len()), &format!("{ALLOWED}{HIDDEN}"))).await;
    assert_only_the_judged_arrived("pipelined", &outcome, 1);
    assert_eq!(outcome.statuses, ["200", "401"]);
}

#[tokio::test]
async fn chunk_extensions_and_trailers_go_no_further() {
    let body = format!(
        "{:x};ext=\"a\"\r\n{ALLOWED}\r\n0;last\r\nx-trailer: 1\r\ncontent-length: 3\r\n\r\n",
        ALLOWED.len()
    );
    let outcome = send(&post("transfer-encoding: chunked\r\ntrailer: x-trailer", &body)).await;
    assert_only_the_judged_arrived("trailers", &outcome, 1);
    assert!(!outcome.arrived.concat().contains("x-trailer"));
    assert_eq!(outcome.statuses, ["200"]);
}

#[tokio::test]
async fn an_upgrade_goes_no_further() {
    let headers = format!(
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\ncontent-length: {}",
        ALLOWED.len()
    );
    let outcome = send(&post(&headers, ALLOWED)).await;
    assert_only_the_judged_arrived("h2c", &outcome, 1);
    assert_eq!(outcome.statuses, ["200"]);
}

#[tokio::test]
async fn a_lone_line_feed_ends_a_line_for_both_readers() {
    let bytes = post(&format!("content-length: {}", ALLOWED.len()), ALLOWED).replace("\r\nhost", "\nhost");
    let outcome = send(&bytes).await;
    let judged = outcome.arrived.len();
    assert!(judged <= 1);
    assert_only_the_judged_arrived("a lone line feed", &outcome, judged);
}

#[tokio::test]
async fn an_absolute_form_and_another_host_go_no_further() {
    let request = post(&format!("content-length: {}", ALLOWED.len()), ALLOWED);
    let absolute = request.replace("POST /v1", "POST http://evil.example/v1");
    for (name, bytes) in
        [("absolute", absolute), ("another host", request.replace("host: g", "host: evil.example"))]
    {
        let outcome = send(&bytes).await;
        assert_only_the_judged_arrived(name, &outcome, 1);
        let arrived = outcome.arrived.concat();
        assert!(arrived.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{arrived}");
        assert!(!arrived.contains("evil.example"), "{arrived}");
    }
}
