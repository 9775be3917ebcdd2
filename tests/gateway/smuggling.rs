//! Requests that two parsers may frame differently, as raw bytes. The upstream receives exactly the judged requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{Fixture, soon};

/// A body that is allowed.
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;
/// The request that an attacker hopes to get past the gateway.
const HIDDEN: &str = "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\ncontent-length: 26\r\n\r\n{\"model\": \"openai-gpt-4o\"}";
/// Ends the connection after everything before it was answered.
const LAST: &str = "GET /health/liveliness HTTP/1.1\r\nhost: g\r\nconnection: close\r\n\r\n";

/// The result of sending some bytes.
#[derive(Debug)]
struct Outcome {
    /// The statuses that the client received, without the last request's.
    statuses: Vec<String>,
    /// The requests that the upstream received, unchanged.
    arrived: Vec<String>,
}

/// Sends bytes, followed by the last request. `TOKEN` stands for a token that may use one model.
async fn send(bytes: &str) -> Outcome {
    let gate = Fixture::start().await;
    let bytes = bytes.replace("TOKEN", &gate.token(&["basic_user"]));
    let Fixture { upstream, address, stop, served, .. } = gate;
    let arrived = Arc::new(Mutex::new(Vec::new()));
    let recorder = tokio::spawn(record(upstream, Arc::clone(&arrived)));
    let statuses = statuses_of(address, &bytes).await;
    stop.send(()).unwrap();
    soon(served).await.unwrap();
    recorder.abort();
    let arrived = arrived.lock().unwrap().clone();
    Outcome { statuses, arrived }
}

/// The statuses that a client receives for these bytes, without the last request's.
pub(crate) async fn statuses_of(address: SocketAddr, bytes: &str) -> Vec<String> {
    let mut client = soon(TcpStream::connect(address)).await.unwrap();
    soon(client.write_all(format!("{bytes}{LAST}").as_bytes())).await.unwrap();
    let mut answers = Vec::new();
    // If the connection was cut off, all responses have arrived.
    let _ = soon(client.read_to_end(&mut answers)).await;

    let answers = String::from_utf8_lossy(&answers).into_owned();
    // A body ends without a line break, so a status line may begin anywhere.
    let status = |at: usize| answers.get(at + 9..at + 12).map(str::to_owned);
    let mut statuses: Vec<_> = answers.match_indices("HTTP/1.1 ").filter_map(|(at, _)| status(at)).collect();
    if answers.contains("healthy") {
        statuses.pop();
    }
    statuses
}

/// Records every request unchanged, and answers it.
pub(crate) async fn record(listener: TcpListener, arrived: Arc<Mutex<Vec<String>>>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let arrived = Arc::clone(&arrived);
        tokio::spawn(async move {
            let mut bytes = Vec::new();
            while stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let head = head.to_ascii_lowercase();
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

/// A request for the allowed model with these headers, and these bytes after the head.
fn post(headers: &str, rest: &str) -> String {
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer TOKEN\r\n{headers}\r\n\r\n{rest}"
    )
}

fn chunk(data: &str) -> String {
    format!("{:x}\r\n{data}\r\n", data.len())
}

/// Bytes, and the number of requests in them that are allowed and go upstream.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) bytes: String,
    pub(crate) passes: usize,
}

fn case(name: impl Into<String>, bytes: String, passes: usize) -> Case {
    Case { name: name.into(), bytes, passes }
}

/// Every case of this file.
pub(crate) fn cases() -> Vec<Case> {
    [
        lengths_beside_chunks(),
        other_transfer_encodings(),
        strange_lengths(),
        broken_chunks(),
        heads_with_two_readings(),
        old_and_unknown_versions(),
        requests_behind_requests(),
        extensions_and_trailers(),
        upgrades_and_expectations(),
        lone_line_feeds(),
        other_hosts(),
    ]
    .concat()
}

fn chunked() -> String {
    format!("{}0\r\n\r\n", chunk(ALLOWED))
}

fn length() -> String {
    format!("content-length: {}", ALLOWED.len())
}

/// RFC 9112 section 6.3: chunked coding overrides the length. The length is not forwarded.
fn lengths_beside_chunks() -> Vec<Case> {
    let rest = format!("{}{HIDDEN}", chunked());
    [
        ("CL.TE", format!("content-length: {}\r\ntransfer-encoding: chunked", rest.len())),
        ("TE.CL", format!("transfer-encoding: chunked\r\n{}", length())),
        ("an empty length", "transfer-encoding: chunked\r\ncontent-length: 0".to_owned()),
    ]
    .map(|(name, headers)| case(name, post(&headers, &rest), 1))
    .to_vec()
}

fn other_transfer_encodings() -> Vec<Case> {
    [
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
    ]
    .map(|coding| case(coding, post(coding, &format!("{}{HIDDEN}", chunked())), 0))
    .to_vec()
}

fn strange_lengths() -> Vec<Case> {
    let length = ALLOWED.len();
    [
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
    ]
    .map(|headers| case(&*headers, post(&headers, ALLOWED), 0))
    .to_vec()
}

fn broken_chunks() -> Vec<Case> {
    let size = format!("{:x}", ALLOWED.len());
    [
        ("a size beyond 64 bits", format!("1000000000000000{size}\r\n{ALLOWED}\r\n0\r\n\r\n")),
        ("a signed size", format!("+{}", chunked())),
        ("a size with a prefix", format!("0x{}", chunked())),
        ("a size behind a blank", format!(" {}", chunked())),
        ("no size", format!("\r\n{ALLOWED}\r\n0\r\n\r\n")),
        ("data longer than its size", format!("5\r\n{ALLOWED}\r\n0\r\n\r\n")),
        ("a line feed alone behind the data", format!("{size}\r\n{ALLOWED}\n0\r\n\r\n")),
        ("a line feed alone behind the size", format!("{size}\n{ALLOWED}\r\n0\r\n\r\n")),
        ("a line feed in an extension", format!("{size};a\nb\r\n{ALLOWED}\r\n0\r\n\r\n{HIDDEN}")),
        ("a carriage return in an extension", format!("{size};a\rb\r\n{ALLOWED}\r\n0\r\n\r\n{HIDDEN}")),
        ("extensions without an end", format!("{size};{}\r\n{ALLOWED}\r\n0\r\n\r\n", "a".repeat(40_000))),
        ("trailers without an end", format!("{}0\r\n{}\r\n", chunk(ALLOWED), "x-a: 1\r\n".repeat(4000))),
    ]
    .map(|(name, body)| case(name, post("transfer-encoding: chunked", &body), 0))
    .to_vec()
}

fn heads_with_two_readings() -> Vec<Case> {
    let length = length();
    let heads = [
        ("obs-fold", format!("x-a: 1\r\n folded: 2\r\n{length}")),
        ("obs-fold of a length", format!("content-length:\r\n {}", ALLOWED.len())),
        ("a carriage return in a value", format!("x-a: 1\rtransfer-encoding: chunked\r\n{length}")),
        ("a carriage return for a line", format!("x-a: 1\r{length}\r\nx-b: 2")),
        ("a NUL in a value", format!("x-a: 1\0\r\n{length}")),
        ("a blank in a name", format!("x a: 1\r\n{length}")),
        ("no colon", format!("transfer-encoding\r\n{length}")),
    ];
    let plain = post(&length, ALLOWED);
    let lines = [
        ("a blank in the target", plain.replacen("/v1/chat/completions ", "/v1/chat/completions x ", 1)),
        (
            "tabs in the request line",
            plain.replacen("POST /v1/chat/completions ", "POST\t/v1/chat/completions\t", 1),
        ),
        ("a carriage return in the request line", plain.replacen("completions HTTP", "completions\rHTTP", 1)),
    ];
    let heads = heads.map(|(name, head)| (name, post(&head, ALLOWED)));
    heads.into_iter().chain(lines).map(|(name, bytes)| case(name, bytes, 0)).collect()
}

fn old_and_unknown_versions() -> Vec<Case> {
    let in_version = |bytes: String, version: &str| {
        bytes.replacen("HTTP/1.1\r\nhost: g", &format!("{version}\r\nhost: g"), 1)
    };
    let chunks = post("transfer-encoding: chunked", &format!("{}{HIDDEN}", chunked()));
    let plain = post(&length(), ALLOWED);
    vec![
        case("HTTP/1.0 with chunks", in_version(chunks, "HTTP/1.0"), 0),
        case("HTTP/1.2", in_version(plain.clone(), "HTTP/1.2"), 0),
        case("HTTP/2.0 in text", in_version(plain.clone(), "HTTP/2.0"), 0),
        case("no version", in_version(plain, ""), 0),
    ]
}

fn requests_behind_requests() -> Vec<Case> {
    // A list needs no body, but a body is judged nevertheless.
    let listing = format!(
        "GET /v1/models HTTP/1.1\r\nhost: g\r\nauthorization: Bearer TOKEN\r\ncontent-length: {}\r\n\r\n{HIDDEN}",
        HIDDEN.len()
    );
    vec![
        case("pipelined", post(&length(), &format!("{ALLOWED}{HIDDEN}")), 1),
        case("two that are allowed", post(&length(), ALLOWED).repeat(2), 2),
        case("a request as a body", listing, 0),
    ]
}

fn extensions_and_trailers() -> Vec<Case> {
    let size = format!("{:x}", ALLOWED.len());
    let extended =
        format!("{size};ext=\"a\"\r\n{ALLOWED}\r\n0;last\r\nx-trailer: 1\r\ncontent-length: 3\r\n\r\n");
    let blank = format!("{size} \r\n{ALLOWED}\r\n0\r\n\r\n");
    vec![
        case("trailers", post("transfer-encoding: chunked\r\ntrailer: x-trailer", &extended), 1),
        case("a blank behind the size", post("transfer-encoding: chunked", &blank), 1),
    ]
}

fn upgrades_and_expectations() -> Vec<Case> {
    let h2c =
        "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAARAAAAAAAIAAAAA";
    let websocket = "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13";
    [
        h2c,
        websocket,
        "expect: y 100-continue",
        "te: trailers, chunked",
        "content_length: 0\r\ntransfer_encoding: chunked",
    ]
    .map(|headers| case(headers, post(&format!("{headers}\r\n{}", length()), ALLOWED), 1))
    .to_vec()
}

/// RFC 9112 section 2.2: a recipient may accept a lone line feed as the end of a line. The judged request is the
/// same.
fn lone_line_feeds() -> Vec<Case> {
    let plain = post(&length(), ALLOWED);
    vec![
        case("a lone line feed", plain.replace("\r\nhost", "\nhost"), 1),
        case("line feeds alone at the end of the head", plain.replace("\r\n\r\n", "\n\n"), 1),
        case("a line feed for a line", post(&format!("x-a: 1\nx-b: 2\r\n{}", length()), ALLOWED), 1),
    ]
}

fn other_hosts() -> Vec<Case> {
    let plain = post(&length(), ALLOWED);
    vec![
        case("absolute", plain.replace("POST /v1", "POST http://evil.example/v1"), 1),
        case("another host", plain.replace("host: g", "host: evil.example"), 1),
        case("two hosts", plain.replace("host: g", "host: g\r\nhost: evil.example"), 1),
    ]
}

/// Checks that the received requests ask for the allowed model, with one length and no other framing.
pub(crate) fn assert_as_judged(name: &str, arrived: &[String], expected: usize) {
    assert_eq!(arrived.len(), expected, "{name}: {arrived:#?}");
    for request in arrived {
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{name}: {head}");
        let head = head.to_ascii_lowercase();
        assert_eq!(body, judged_body(), "{name}");
        assert_eq!(head.matches("content-length").count(), 1, "{name}: {head}");
        for absent in [
            "transfer",
            "content_length",
            "trailer",
            "te:",
            "upgrade",
            "http2-settings",
            "sec-websocket",
            "expect",
        ] {
            assert!(!head.lines().any(|line| line.starts_with(absent)), "{name}: {head}");
        }
        for absent in ["evil.example", "x-trailer", "authorization: bearer ey"] {
            assert!(!head.contains(absent), "{name}: {head}");
        }
    }
}

/// The body as it is sent upstream.
pub(crate) fn judged_body() -> String {
    ALLOWED.replace("anthropic-claude", r#"claude \"3\""#)
}

/// Sends each case, and returns the statuses in order.
async fn send_all(cases: Vec<Case>) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for Case { name, bytes, passes } in cases {
        let outcome = send(&bytes).await;
        assert_as_judged(&name, &outcome.arrived, passes);
        all.push((name, outcome.statuses));
    }
    all
}

async fn assert_refused(cases: Vec<Case>) {
    for (name, statuses) in send_all(cases).await {
        let first = statuses.first().map(String::as_str);
        assert!(matches!(first, Some("400" | "415")), "{name}: {statuses:?}");
    }
}

async fn assert_passed(cases: Vec<Case>) {
    for (name, statuses) in send_all(cases).await {
        assert_eq!(statuses, ["200"], "{name}");
    }
}

#[tokio::test]
async fn beside_chunks_a_length_says_nothing() {
    for (name, statuses) in send_all(lengths_beside_chunks()).await {
        // The rest is a request without a token, or is never read.
        assert!(statuses == ["200"] || statuses == ["200", "401"], "{name}: {statuses:?}");
    }
}

#[tokio::test]
async fn a_transfer_encoding_in_other_words_is_refused() {
    assert_refused(other_transfer_encodings()).await;
}

#[tokio::test]
async fn a_length_that_is_not_one_number_is_refused() {
    assert_refused(strange_lengths()).await;
}

#[tokio::test]
async fn a_chunk_that_is_not_well_formed_is_refused() {
    for (name, statuses) in send_all(broken_chunks()).await {
        assert!(statuses.iter().all(|status| status == "400"), "{name}: {statuses:?}");
    }
}

#[tokio::test]
async fn a_head_with_two_readings_is_refused() {
    assert_refused(heads_with_two_readings()).await;
}

#[tokio::test]
async fn http_1_0_has_no_chunks_and_other_versions_are_not_spoken() {
    for (name, statuses) in send_all(old_and_unknown_versions()).await {
        assert!(statuses.iter().all(|status| status == "400"), "{name}: {statuses:?}");
    }
}

#[tokio::test]
async fn what_follows_a_request_is_a_request_of_its_own() {
    let statuses = send_all(requests_behind_requests()).await;
    let statuses: Vec<_> = statuses.into_iter().map(|(_, statuses)| statuses.join(" ")).collect();
    assert_eq!(statuses, ["200 401", "200 200", "400"]);
}

#[tokio::test]
async fn chunk_extensions_and_trailers_go_no_further() {
    assert_passed(extensions_and_trailers()).await;
}

#[tokio::test]
async fn upgrades_and_expectations_go_no_further() {
    assert_passed(upgrades_and_expectations()).await;
}

#[tokio::test]
async fn a_lone_line_feed_ends_a_line_for_both_readers() {
    assert_passed(lone_line_feeds()).await;
}

#[tokio::test]
async fn an_absolute_form_and_another_host_go_no_further() {
    assert_passed(other_hosts()).await;
}
