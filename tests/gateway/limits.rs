//! Each limit: the response, the metric, and that there is room again afterwards.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::fixture::{MASTER_KEY, Message, answer, bearer, in_a_while, read_message, read_until, soon};
use crate::frames::{
    DATA, END_HEADERS, END_STREAM, Frame, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS, field, frame,
    next_frame,
};
use crate::reload::{CLAUDE, Live};

const CHAT: &str = "/v1/chat/completions";
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;

/// A gateway with these limits, and additional settings of the block `modelgate`.
async fn limited(limits: &str) -> Live {
    with(&format!("limits: {{{limits}}}")).await
}

async fn with(modelgate: &str) -> Live {
    Live::with(|files| files.write("config.yaml", files.yaml_with(modelgate, CLAUDE))).await
}

impl Live {
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.ask("GET", "/metrics").await.body;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
        value.expect("the metric is there")
    }

    /// The number of times that a limit was reached.
    pub(crate) async fn hits(&self, limit: &str) -> f64 {
        self.metric(&format!("modelgate_limits_total{{limit=\"{limit}\"}}")).await
    }

    /// Waits until a metric has this value.
    pub(crate) async fn reaches(&self, name: &str, value: f64) {
        soon(async { while self.metric(name).await != value {} }).await;
    }

    async fn connect(&self) -> TcpStream {
        soon(TcpStream::connect(self.gate.address)).await.unwrap()
    }

    async fn ask_as(&self, token: &str, body: &str) -> Message {
        self.gate.refused("POST", CHAT, &bearer(token), body).await
    }

    /// A request that waits for its response, with the upstream's side of the connection.
    async fn in_flight(&self, token: &str) -> (TcpStream, TcpStream) {
        let client = self.gate.chat(token, ALLOWED).await;
        (client, self.gate.arriving().await.0)
    }

    async fn lists_models(&self, token: &str) -> String {
        self.gate.refused("GET", "/v1/models", &bearer(token), "").await.status().to_owned()
    }

    fn user(&self) -> String {
        self.gate.token(&["basic_user"])
    }
}

fn post(token: &str, length: usize) -> String {
    format!("POST {CHAT} HTTP/1.1\r\nhost: g\r\ncontent-length: {length}\r\n{}\r\n", bearer(token))
}

/// The bytes that arrive until the connection ends.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // The connection may also be reset.
    let _ = soon(stream.read_to_end(&mut bytes)).await;
    String::from_utf8_lossy(&bytes).into_owned()
}

fn assert_overloaded(answer: &Message) {
    assert_eq!((answer.status(), answer.code().as_str()), ("503", "overloaded"), "{answer:?}");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn a_connection_beyond_the_limit_is_told_to_come_again() {
    let live = limited("connections: 1").await;
    let first = live.connect().await;
    live.reaches("modelgate_connections", 1.0).await;
    let mut second = live.connect().await;
    soon(second.write_all(b"GET / HTTP/1.1\r\nhost: g\r\n\r\n")).await.unwrap();
    assert_overloaded(&soon(read_message(&mut second)).await);
    assert_eq!(rest(&mut second).await, "");
    assert_eq!(live.hits("connections").await, 1.0);

    drop(first);
    live.reaches("modelgate_connections", 0.0).await;
    assert_eq!(live.gate.refused("GET", "/health/liveness", "", "").await.status(), "200");
}

#[tokio::test]
async fn connections_without_requests_make_room_when_it_gets_crowded() {
    let live = limited("connections: 2, header_timeout: 0.5, idle_timeout: 3600").await;
    let mut crowd = [live.connect().await, live.connect().await];
    for stream in &mut crowd {
        soon(stream.write_all(b"GET /health/liveness HTTP/1.1\r\nhost: g\r\n\r\n")).await.unwrap();
        assert_eq!(soon(read_message(stream)).await.status(), "200");
    }
    soon(async { while live.hits("idle").await < 1.0 {} }).await;
}

#[tokio::test]
async fn a_request_beyond_the_limit_is_told_to_come_again_before_its_token_is_looked_at() {
    let live = limited("requests: 1").await;
    let (mut client, mut upstream) = live.in_flight(&live.user()).await;
    assert_overloaded(&live.ask_as("nonsense", ALLOWED).await);
    assert_eq!(live.hits("requests").await, 1.0);
    assert_eq!(live.gate.refused("GET", "/health/liveness", "", "").await.status(), "200");

    answer(&mut upstream, "hello").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "hello");
    live.reaches("modelgate_requests_in_flight", 0.0).await;
    assert_eq!(live.ask_as("nonsense", ALLOWED).await.status(), "401");
}

#[tokio::test]
async fn a_callers_requests_are_limited_until_their_answers_have_ended() {
    let live = limited("requests_per_caller: 1").await;
    let (mut client, mut upstream) = live.in_flight(&live.user()).await;
    soon(upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell")).await.unwrap();
    soon(read_until(&mut client, "hell")).await;

    let refused = live.ask_as(&live.user(), ALLOWED).await;
    assert_eq!((refused.status(), refused.code().as_str()), ("429", "rate_limit_exceeded"), "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("1"));
    assert_eq!(live.hits("caller").await, 1.0);
    let other = live.gate.token_of(&json!({"sub": "other", "roles": ["basic_user"], "exp": in_a_while()}));
    for token in [other.as_str(), MASTER_KEY] {
        assert_eq!(live.lists_models(token).await, "200");
    }
    assert_eq!(live.lists_models(&live.user()).await, "429");

    soon(upstream.write_all(b"o")).await.unwrap();
    soon(read_until(&mut client, "o")).await;
    live.reaches("modelgate_requests_in_flight", 0.0).await;
    assert_eq!(live.lists_models(&live.user()).await, "200");
}

#[tokio::test]
async fn slow_bodies_take_no_more_room_than_there_is_for_all() {
    let live = with("max_body_bytes: 2048, limits: {body_bytes_in_flight: 2048}").await;
    let mut slow = live.connect().await;
    soon(slow.write_all((post(&live.user(), 2048) + &" ".repeat(1500)).as_bytes())).await.unwrap();
    live.reaches("modelgate_body_bytes_in_flight", 1500.0).await;

    let body = format!("{ALLOWED}{}", " ".repeat(1000));
    assert_overloaded(&live.ask_as(&live.user(), &body).await);
    assert_eq!(live.hits("bodies").await, 1.0);
    drop(slow);
    live.reaches("modelgate_body_bytes_in_flight", 0.0).await;
    let _client = live.gate.chat(&live.user(), &body).await;
    let (mut upstream, _) = live.gate.arriving().await;
    // A sent body needs no room, although its response has not begun.
    live.reaches("modelgate_body_bytes_in_flight", 0.0).await;
    answer(&mut upstream, "hello").await;
}

#[tokio::test]
async fn large_bodies_do_not_keep_small_ones_out() {
    const ROOM: usize = 128 * 1024;
    let live = with(&format!("max_body_bytes: {ROOM}, limits: {{body_bytes_in_flight: {ROOM}}}")).await;
    let mut slow = live.connect().await;
    soon(slow.write_all((post(&live.user(), ROOM) + &" ".repeat(ROOM - 1)).as_bytes())).await.unwrap();
    live.reaches("modelgate_body_bytes_in_flight", (ROOM - 1) as f64).await;

    let mut other = live.connect().await;
    soon(other.write_all((post(&live.user(), ROOM) + &" ".repeat(65 * 1024)).as_bytes())).await.unwrap();
    assert_overloaded(&soon(read_message(&mut other)).await);
    let (mut client, mut upstream) = live.in_flight(&live.user()).await;
    answer(&mut upstream, "hello").await;
    assert_eq!(soon(read_message(&mut client)).await.status(), "200");
}

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let live = limited("header_bytes: 8192, headers: 16").await;
    let large = format!("x-large: {}\r\n", "a".repeat(8192));
    let many = "x-many: 1\r\n".repeat(20);
    for headers in [large, many] {
        let mut stream = live.gate.send("GET", "/v1/models", &headers, "").await;
        assert!(rest(&mut stream).await.starts_with("HTTP/1.1 431 "));
    }
    live.reaches("modelgate_limits_total{limit=\"header\"}", 2.0).await;
}

#[tokio::test]
async fn too_many_headers_are_refused_in_http2_too() {
    let live = limited("headers: 16").await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let mut request = Request::get(format!("http://{}/v1/models", live.gate.address));
    for _ in 0..20 {
        request = request.header("x-many", "1");
    }
    let answer = soon(client.request(request.body(Full::default()).unwrap())).await.unwrap();
    assert_eq!(answer.status(), 431);
    assert_eq!(live.hits("header").await, 1.0);
}

#[tokio::test]
async fn whoever_sends_no_head_in_time_is_cut_off() {
    let live = limited("header_timeout: 0.2, idle_timeout: 3600").await;
    let only_settings = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let beginnings: [&[u8]; 5] = [b"", b"G", b"GET / HTTP/1.1\r\nhost: ", &PREFACE[..10], &only_settings];
    for (sent, hits) in beginnings.into_iter().zip([1.0, 2.0, 3.0, 4.0, 5.0]) {
        let mut stream = live.connect().await;
        soon(stream.write_all(sent)).await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(!answer.contains("HTTP/1.1"), "{answer}");
        live.reaches("modelgate_limits_total{limit=\"header_timeout\"}", hits).await;
    }
    live.reaches("modelgate_connections", 0.0).await;
}

#[tokio::test]
async fn a_later_head_has_its_own_time() {
    let live = limited("header_timeout: 0.5, idle_timeout: 3600").await;
    let mut stream = live.connect().await;
    for _ in 0..2 {
        soon(stream.write_all(b"GET /health/liveness HTTP/1.1\r\nhost: g\r\n\r\n")).await.unwrap();
        assert_eq!(soon(read_message(&mut stream)).await.status(), "200");
    }
    soon(stream.write_all(b"GET /health")).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!((live.hits("header_timeout").await, live.hits("idle").await), (1.0, 0.0));
}

#[tokio::test]
async fn a_connection_without_requests_is_closed() {
    let live = limited("idle_timeout: 0.2, header_timeout: 3600").await;
    let mut stream = live.connect().await;
    soon(stream.write_all(b"GET /health/liveness HTTP/1.1\r\nhost: g\r\n\r\n")).await.unwrap();
    assert_eq!(soon(read_message(&mut stream)).await.status(), "200");
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!(live.hits("idle").await, 1.0);
}

/// The head of a request in HTTP/2.
fn head(token: &str, path: &str, method: &str) -> Vec<u8> {
    let bearer = format!("Bearer {token}");
    let fields = [
        (":method", method),
        (":scheme", "http"),
        (":path", path),
        (":authority", "gate"),
        ("authorization", bearer.as_str()),
    ];
    fields.into_iter().flat_map(|(name, value)| field(name, value)).collect()
}

#[tokio::test]
async fn an_http2_connection_without_requests_is_told_before_it_is_closed() {
    let live = limited("idle_timeout: 0.2, header_timeout: 3600").await;
    let mut stream = live.connect().await;
    let block = head("x", "/health/liveness", "GET");
    let bytes = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)];
    soon(stream.write_all(&bytes.concat())).await.unwrap();
    let mut kinds = Vec::new();
    while let Some(Frame { kind, .. }) = soon(next_frame(&mut stream)).await {
        kinds.push(kind);
    }
    assert!(kinds.contains(&HEADERS) && kinds.contains(&GOAWAY), "{kinds:?}");
    assert_eq!(live.hits("idle").await, 1.0);
}

#[tokio::test]
async fn an_answer_that_is_late_keeps_its_connection() {
    let live = limited("idle_timeout: 0.3, header_timeout: 0.3, write_timeout: 0.3, body_timeout: 0.3").await;
    let (mut client, mut upstream) = live.in_flight(&live.user()).await;
    // Longer than any of these, so that the test can see the limit.
    tokio::time::sleep(Duration::from_millis(800)).await;
    answer(&mut upstream, "hello").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "hello");
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_refused() {
    let live = limited("body_timeout: 0.2").await;
    let mut stream = live.connect().await;
    soon(stream.write_all((post(&live.user(), 100) + "{").as_bytes())).await.unwrap();
    let refused = soon(read_message(&mut stream)).await;
    assert_eq!((refused.status(), refused.code().as_str()), ("408", "request_timeout"));
    assert_eq!(rest(&mut stream).await, "");
    assert_eq!(live.hits("body_timeout").await, 1.0);
}

#[tokio::test]
async fn a_large_body_has_more_time() {
    let live = limited("body_timeout: 0.5").await;
    // Bytes for two seconds.
    let blanks = " ".repeat(128 * 1024);
    let mut client = live.connect().await;
    let begun = post(&live.user(), blanks.len() + ALLOWED.len()) + &blanks;
    soon(client.write_all(begun.as_bytes())).await.unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    soon(client.write_all(ALLOWED.as_bytes())).await.unwrap();
    answer(&mut live.gate.arriving().await.0, "hello").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "hello");
}

#[tokio::test]
async fn a_body_that_is_too_large_is_counted() {
    let live = with("max_body_bytes: 1024").await;
    let refused = live.ask_as(&live.user(), &" ".repeat(1025)).await;
    assert_eq!((refused.status(), refused.code().as_str()), ("413", "request_too_large"));
    assert_eq!(live.hits("body").await, 1.0);
}

#[tokio::test]
async fn a_token_that_is_too_long_is_counted() {
    let live = limited("").await;
    assert_eq!(live.ask_as(&"a".repeat(16 * 1024 + 1), ALLOWED).await.status(), "431");
    assert_eq!(live.hits("token").await, 1.0);
}

#[tokio::test]
async fn a_body_that_is_nested_too_deep_is_refused() {
    for (limits, deepest) in [("", 127), ("json_depth: 8", 8)] {
        let live = limited(limits).await;
        let nested = |levels: usize| {
            format!(
                r#"{{"model": "anthropic-claude", "x": {}"[[["{}}}"#,
                "[".repeat(levels - 1),
                "]".repeat(levels - 1)
            )
        };
        let refused = live.ask_as(&live.user(), &nested(deepest + 1)).await;
        assert_eq!((refused.status(), refused.code().as_str()), ("400", "invalid_request"), "{refused:?}");
        assert!(refused.body.contains(&format!("deeper than {deepest} levels")), "{refused:?}");
        assert_eq!(live.hits("depth").await, 1.0);
        let _client = live.gate.chat(&live.user(), &nested(deepest)).await;
        answer(&mut live.gate.arriving().await.0, "hello").await;
    }
}

/// Sends a response of any length until the other side stops reading.
async fn answer_without_end(upstream: &mut TcpStream) {
    soon(upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")).await.unwrap();
    soon(async { while upstream.write_all(&[b'x'; 64 * 1024]).await.is_ok() {} }).await;
}

#[tokio::test]
async fn whoever_does_not_read_its_answer_is_cut_off() {
    let live = limited("write_timeout: 0.3").await;
    let (client, mut upstream) = live.in_flight(&live.user()).await;
    answer_without_end(&mut upstream).await;
    live.reaches("modelgate_limits_total{limit=\"write\"}", 1.0).await;
    live.reaches("modelgate_requests_in_flight", 0.0).await;
    live.reaches("modelgate_connections", 0.0).await;
    drop(client);
}

#[tokio::test]
async fn a_stream_that_is_held_back_is_reset_and_the_others_go_on() {
    let live = limited("write_timeout: 0.3").await;
    let mut client = live.connect().await;
    // RFC 9113 section 6.5.2: SETTINGS_INITIAL_WINDOW_SIZE.
    let no_window = [0, 4, 0, 0, 0, 0];
    let block = head(&live.user(), CHAT, "POST");
    let request = [
        PREFACE,
        &frame(SETTINGS, 0, 0, &no_window),
        &frame(HEADERS, END_HEADERS, 1, &block),
        &frame(DATA, END_STREAM, 1, ALLOWED.as_bytes()),
    ];
    soon(client.write_all(&request.concat())).await.unwrap();
    let (mut upstream, _) = live.gate.arriving().await;
    answer_without_end(&mut upstream).await;
    loop {
        let Frame { kind, stream, .. } =
            soon(next_frame(&mut client)).await.expect("the connection stays open");
        assert_ne!(kind, GOAWAY);
        if (kind, stream) == (RST_STREAM, 1) {
            break;
        }
    }
    assert_eq!(live.hits("write").await, 1.0);
    soon(client.write_all(&frame(PING, 0, 0, &[7; 8]))).await.unwrap();
    while soon(next_frame(&mut client)).await.expect("the connection stays open").kind != PING {}
}

#[tokio::test]
async fn an_upstream_that_does_not_accept_is_given_up() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let deaf: TcpListener = socket.listen(1).unwrap();
    let address = deaf.local_addr().unwrap();
    let mut waiting = Vec::new();
    // If a connection waits for an earlier one to be accepted, the queue is full.
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
    }
    let live = with(&format!(
        "upstream: {{api_base: 'http://{address}'}}, limits: {{upstream_connect_timeout: 0.2}}"
    ))
    .await;
    let refused = live.gate.refused("GET", "/v1/files", &bearer(MASTER_KEY), "").await;
    assert_eq!((refused.status(), refused.code().as_str()), ("504", "upstream_timeout"), "{refused:?}");
    assert_eq!(live.hits("upstream_connect").await, 1.0);
}

#[tokio::test]
async fn an_answer_that_does_not_begin_is_given_up() {
    let live = limited("upstream_first_byte_timeout: 0.2").await;
    let (mut client, _upstream) = live.in_flight(&live.user()).await;
    let refused = soon(read_message(&mut client)).await;
    assert_eq!((refused.status(), refused.code().as_str()), ("504", "upstream_timeout"));
    assert_eq!(live.hits("upstream_first_byte").await, 1.0);
}

#[tokio::test]
async fn an_answer_that_does_not_end_is_broken_off() {
    let live = limited("upstream_total_timeout: 0.3").await;
    let (mut client, mut upstream) = live.in_flight(&live.user()).await;
    soon(upstream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n"))
        .await
        .unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("2\r\nhi\r\n"), "{answer}");
    assert_eq!(live.hits("upstream_total").await, 1.0);
    let end = soon(upstream.read(&mut [0; 1])).await;
    assert!(matches!(end, Ok(0) | Err(_)), "the upstream's connection stays open");
}

#[tokio::test]
async fn requests_in_flight_do_not_keep_a_gateway_that_is_to_stop_for_longer_than_they_may() {
    let live = limited("drain_timeout: 0.2").await;
    let (_client, _upstream) = live.in_flight(&live.user()).await;
    let stopped = Instant::now();
    live.gate.stop.send(()).unwrap();
    soon(live.gate.served).await.unwrap();
    let took = stopped.elapsed();
    // The request gets its own timeout, not the default of 30 seconds.
    assert!(took >= Duration::from_millis(200) && took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn limits_change_at_a_reload() {
    let live = limited("requests: 1").await;
    let (_client, mut upstream) = live.in_flight(&live.user()).await;
    assert_overloaded(&live.ask_as("nonsense", ALLOWED).await);
    let files = live.files();
    files.write("config.yaml", files.yaml_with("limits: {requests: 2}", CLAUDE));
    assert_eq!(live.ask("POST", "/-/reload").await.status(), "200");
    assert_eq!(live.ask_as("nonsense", ALLOWED).await.status(), "401");
    answer(&mut upstream, "hello").await;
}

#[tokio::test]
async fn an_http2_request_holds_its_place_until_its_answer_has_ended() {
    let live = limited("requests: 1").await;
    let client = Client::builder(TokioExecutor::new()).http2_only(true).build_http::<Full<Bytes>>();
    let request = Request::post(format!("http://{}{CHAT}", live.gate.address))
        .header("authorization", format!("Bearer {}", live.user()))
        .body(Full::new(Bytes::from_static(ALLOWED.as_bytes())))
        .unwrap();
    let answered = tokio::spawn(client.request(request));
    let (mut upstream, _) = live.gate.arriving().await;
    assert_overloaded(&live.ask_as("nonsense", ALLOWED).await);
    answer(&mut upstream, "hello").await;
    let response = soon(answered).await.unwrap().unwrap();
    assert_eq!(soon(response.into_body().collect()).await.unwrap().to_bytes(), "hello");
    live.reaches("modelgate_requests_in_flight", 0.0).await;
    assert_eq!(live.ask_as("nonsense", ALLOWED).await.status(), "401");
}
