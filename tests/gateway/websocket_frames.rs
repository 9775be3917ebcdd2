//! Frames: fragments, control frames, sizes, text that is none, and ends.

use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::SinkExt as _;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

use crate::fixture::{Fixture, read_message, soon};
use crate::reload::Live;
use crate::websocket_fixture::{
    REALTIME, Socket, accepting, bearer, closed, code, connected, hear, knock, refusal, say, text,
};

const FIN: u8 = 0x80;
const TEXT: u8 = 1;
const CONTINUATION: u8 = 0;
const PING: u8 = 9;

/// A caller that writes frames by itself.
async fn raw(gate: &Fixture) -> (TcpStream, Socket) {
    let headers = bearer(&gate.token(&["basic_user"]));
    let mut caller = knock(gate, REALTIME, &headers).await;
    let (upstream, _) = accepting(gate, "").await;
    assert_eq!(soon(read_message(&mut caller)).await.status(), "101");
    (caller, upstream)
}

/// A frame with a mask of zeros.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    assert!(length < 126);
    [&[first, 0x80 | length, 0, 0, 0, 0], payload].concat()
}

async fn reading(caller: TcpStream) -> Socket {
    WebSocketStream::from_raw_socket(caller, Role::Client, None).await
}

#[tokio::test]
async fn fragments_are_put_together_before_they_are_judged() {
    let gate = Fixture::start().await;
    let (mut caller, mut upstream) = raw(&gate).await;
    let denied = [
        frame(TEXT, br#"{"session":{"model":"openai-"#),
        frame(FIN | PING, b"between"),
        frame(FIN | CONTINUATION, br#"gpt-4o"}}"#),
    ];
    soon(caller.write_all(&denied.concat())).await.unwrap();
    let allowed = [frame(TEXT, br#"{"a""#), frame(CONTINUATION, b":"), frame(FIN | CONTINUATION, b"1}")];
    soon(caller.write_all(&allowed.concat())).await.unwrap();
    assert_eq!(text(&mut upstream).await, r#"{"a":1}"#);
    let mut caller = reading(caller).await;
    assert_eq!(refusal(&mut caller).await.0, "model_not_allowed");
}

#[tokio::test]
async fn a_message_larger_than_a_body_may_be_closes_with_1009() {
    let gate = Fixture::with("max_body_bytes: 1024").await;
    let headers = bearer(&gate.token(&["basic_user"]));
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &headers).await;
    say(&mut caller, &format!(r#"{{"a":"{}"}}"#, "x".repeat(1000))).await;
    assert_eq!(text(&mut upstream).await.len(), 1008);
    let _ = soon(caller.send(Message::text("x".repeat(1025)))).await;
    assert_eq!(closed(&mut caller).await.0, code(CloseCode::Size));
    assert_eq!(closed(&mut upstream).await.0, code(CloseCode::Away));
}

#[tokio::test]
async fn fragments_that_are_too_large_together_close_with_1009() {
    let gate = Fixture::with("max_body_bytes: 1024").await;
    let (mut caller, _upstream) = raw(&gate).await;
    let mut frames = frame(TEXT, &[b'x'; 100]);
    (0..12).for_each(|_| frames.extend(frame(CONTINUATION, &[b'x'; 100])));
    soon(caller.write_all(&frames)).await.unwrap();
    assert_eq!(closed(&mut reading(caller).await).await.0, code(CloseCode::Size));
}

#[tokio::test]
async fn text_that_is_not_utf8_closes_with_1007() {
    let gate = Fixture::start().await;
    let (mut caller, _upstream) = raw(&gate).await;
    soon(caller.write_all(&frame(FIN | TEXT, b"{\"a\":\"\xff\"}"))).await.unwrap();
    assert_eq!(closed(&mut reading(caller).await).await.0, code(CloseCode::Invalid));
}

#[tokio::test]
async fn frames_against_the_protocol_close_with_1002() {
    for bytes in [frame(FIN | CONTINUATION, b"x"), frame(FIN | 0x40 | TEXT, b"{}"), frame(FIN | 3, b"x")] {
        let gate = Fixture::start().await;
        let (mut caller, _upstream) = raw(&gate).await;
        soon(caller.write_all(&bytes)).await.unwrap();
        assert_eq!(closed(&mut reading(caller).await).await.0, code(CloseCode::Protocol), "{bytes:?}");
    }
}

#[tokio::test]
async fn a_binary_message_of_an_api_of_text_closes_with_1003() {
    let gate = Fixture::start().await;
    let headers = bearer(&gate.token(&["basic_user"]));
    let (mut caller, _upstream, _) = connected(&gate, REALTIME, &headers).await;
    soon(caller.send(Message::binary(b"{}".to_vec()))).await.unwrap();
    assert_eq!(closed(&mut caller).await.0, code(CloseCode::Unsupported));
}

#[tokio::test]
async fn a_message_sent_before_the_handshake_is_judged_does_not_pass() {
    let gate = Fixture::start().await;
    let mut caller =
        knock(&gate, "/v1/realtime?model=openai-gpt-4o", &bearer(&gate.token(&["basic_user"]))).await;
    soon(caller.write_all(&frame(FIN | TEXT, br#"{"type":"response.create"}"#))).await.unwrap();
    assert_eq!(soon(read_message(&mut caller)).await.status(), "403");
    // Nobody was called: the next request at the upstream is another one's.
    let headers = bearer(&gate.token(&["basic_user"]));
    let (_caller, _upstream, head) = connected(&gate, REALTIME, &headers).await;
    assert!(head.contains("claude"), "{head}");
}

#[tokio::test]
async fn a_close_is_passed_on_to_the_other_side() {
    let gate = Fixture::start().await;
    let headers = bearer(&gate.token(&["basic_user"]));
    let close = |reason: &'static str| CloseFrame { code: CloseCode::Library(4000), reason: reason.into() };
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &headers).await;
    soon(caller.close(Some(close("enough")))).await.unwrap();
    assert_eq!(closed(&mut upstream).await, (4000, "enough".to_owned()));
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &headers).await;
    soon(upstream.close(Some(close("over")))).await.unwrap();
    assert_eq!(closed(&mut caller).await, (4000, "over".to_owned()));
}

#[tokio::test]
async fn the_end_of_the_token_ends_the_connection_with_1008() {
    let gate = Fixture::start().await;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({"sub": "u", "roles": ["basic_user"], "exp": now + 2});
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &bearer(&gate.token_of(&claims))).await;
    let (code, reason) = closed(&mut caller).await;
    assert_eq!((code, reason.as_str()), (1008, "the token has expired"));
    assert_eq!(closed(&mut upstream).await.0, 1001);
}

#[tokio::test]
async fn a_stopping_gateway_closes_with_1001() {
    let gate = Fixture::start().await;
    let headers = bearer(&gate.token(&["basic_user"]));
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &headers).await;
    drop(gate.stop);
    assert_eq!(closed(&mut caller).await.0, code(CloseCode::Away));
    assert_eq!(closed(&mut upstream).await.0, code(CloseCode::Away));
    soon(gate.served).await.unwrap();
}

#[tokio::test]
async fn an_upstream_that_breaks_off_closes_with_1011() {
    let gate = Fixture::start().await;
    let headers = bearer(&gate.token(&["basic_user"]));
    let (mut caller, upstream, _) = connected(&gate, REALTIME, &headers).await;
    drop(upstream);
    assert_eq!(closed(&mut caller).await.0, code(CloseCode::Error));
}

#[tokio::test]
async fn an_unfinished_message_takes_from_the_room_for_all_bodies() {
    let limits = "limits: {body_bytes_in_flight: 65536}, max_body_bytes: 65536";
    let gate = Fixture::with(limits).await;
    let (mut caller, _upstream) = raw(&gate).await;
    let (mut other, _there) = raw(&gate).await;
    // Each stays below the limit of a message.
    let half = |_: usize| frame(CONTINUATION, &[b'x'; 100]);
    let begun = [frame(TEXT, b"x"), (0..380).flat_map(half).collect()].concat();
    soon(caller.write_all(&begun)).await.unwrap();
    soon(other.write_all(&begun)).await.unwrap();
    let (mut caller, mut other) = (reading(caller).await, reading(other).await);
    let end = tokio::select! { end = closed(&mut caller) => end, end = closed(&mut other) => end };
    assert_eq!(end.0, code(CloseCode::Again));
}

#[tokio::test]
async fn connections_messages_and_denials_are_counted() {
    let live = Live::start().await;
    let headers = bearer(&live.gate.token(&["basic_user"]));
    let (mut caller, _upstream, _) = connected(&live.gate, REALTIME, &headers).await;
    say(&mut caller, r#"{"type":"a"}"#).await;
    say(&mut caller, r#"{"model":"openai-gpt-4o"}"#).await;
    refusal(&mut caller).await;
    let text = live.ask("GET", "/metrics").await.body;
    for sample in [
        "modelgate_websocket_connections 1\n",
        "modelgate_websocket_frames_total{to=\"upstream\"} 1\n",
        "modelgate_websocket_denied_frames_total 1\n",
    ] {
        assert!(text.contains(sample), "{sample}");
    }
}

#[tokio::test]
async fn an_upstream_is_told_that_its_caller_disappeared() {
    let gate = Fixture::start().await;
    let headers = bearer(&gate.token(&["basic_user"]));
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &headers).await;
    say(&mut upstream, "hello").await;
    assert!(matches!(hear(&mut caller).await, Message::Text(_)));
    drop(caller);
    assert_eq!(closed(&mut upstream).await.0, code(CloseCode::Away));
}
