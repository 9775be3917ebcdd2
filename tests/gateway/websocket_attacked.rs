//! WebSockets against callers who split, encode and repeat.

use futures_util::SinkExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::fixture::{Fixture, read_message, soon};
use crate::websocket_fixture::{
    REALTIME, Socket, accepting, bearer, closed, connected, knock, opened, refusal, say, text,
};

const LIVE: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

fn user(gate: &Fixture) -> String {
    bearer(&gate.token(&["basic_user"]))
}

/// A frame of any length, with a mask that is not zero.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const MASK: [u8; 4] = [7, 11, 13, 17];
    let mut bytes = vec![first];
    match u16::try_from(payload.len()) {
        Ok(length) if length < 126 => bytes.push(0x80 | u8::try_from(length).unwrap()),
        Ok(length) => {
            bytes.push(0x80 | 126);
            bytes.extend(length.to_be_bytes());
        }
        Err(_) => {
            bytes.push(0x80 | 127);
            bytes.extend(u64::try_from(payload.len()).unwrap().to_be_bytes());
        }
    }
    bytes.extend(MASK);
    bytes.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
    bytes
}

#[tokio::test]
async fn a_denied_model_in_a_message_is_answered_in_every_form_of_json() {
    let gate = Fixture::start().await;
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &user(&gate)).await;
    for message in [
        r#"{"model":"openai-gpt-4o"}"#,
        r#"{"mod\u0065l":"openai\u002dgpt-4o"}"#,
        r#"{"Model":"openai-gpt-4o"}"#,
        r#"{" model":"openai-gpt-4o"}"#,
        r#"{"model":"anthropic-claude","model":"openai-gpt-4o"}"#,
        r#"{"model":"openai-gpt-4o","model":"anthropic-claude"}"#,
        r#"{"session":{"model":"openai-gpt-4o"}}"#,
        r#"{"session":{"Model":"openai-gpt-4o"}}"#,
        r#"{"Session":{"model":"openai-gpt-4o"}}"#,
        r#"{"session":{"model":"anthropic-claude","model":"openai-gpt-4o"}}"#,
        r#"{"session":{"model":"anthropic-claude"},"session":{"model":"openai-gpt-4o"}}"#,
        r#"{"session":{"model":"openai-gpt-4o"},"response":{"model":"anthropic-claude"}}"#,
        r#"{"session":{"audio":{"input":{"transcription":{"model":"openai-gpt-4o"}}}}}"#,
        r#"{"session":{"input_audio_transcription":{"model":"openai-gpt-4o"}}}"#,
        r#"{"session":{"tools":[{"type":"x","model":"openai-gpt-4o"}]}}"#,
        r#"{"type":"response.create","response":{"fallbacks":["openai-gpt-4o"]}}"#,
        r#"{"model":["openai-gpt-4o"]}"#,
        r#"{"model":{"id":"openai-gpt-4o"}}"#,
        r#"{"model":1}"#,
        r#"{"model":""}"#,
        r#"{"type":"a"}{"model":"openai-gpt-4o"}"#,
        "{\"type\":\"a\"}\n{\"model\":\"openai-gpt-4o\"}",
        r#"[{"model":"openai-gpt-4o"}]"#,
        "\u{feff}{\"model\":\"openai-gpt-4o\"}",
        "\u{a0}{\"model\":\"openai-gpt-4o\"}",
        r#"{"type":"a",}"#,
        r#"{"type":"a"/*"*/,"model":"openai-gpt-4o"/*"*/}"#,
        r#"{"type":"\ud800"}"#,
        "",
        "null",
    ] {
        say(&mut caller, message).await;
        let (code, _) = refusal(&mut caller).await;
        assert!(["model_not_allowed", "invalid_request"].contains(&code.as_str()), "{message}: {code}");
    }
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    say(&mut caller, &deep).await;
    refusal(&mut caller).await;
    // Nothing of it passed.
    say(&mut caller, r#"{"type":"b"}"#).await;
    assert_eq!(text(&mut upstream).await, r#"{"type":"b"}"#);
}

#[tokio::test]
async fn a_message_is_judged_wherever_it_is_cut_and_whatever_stands_between() {
    let gate = Fixture::start().await;
    let mut caller = knock(&gate, REALTIME, &user(&gate)).await;
    let (mut upstream, _) = accepting(&gate, "").await;
    assert_eq!(soon(read_message(&mut caller)).await.status(), "101");
    let denied = "{\"é\":1,\"model\":\"openai-gpt-4o\"}".as_bytes();
    let mut bytes = Vec::new();
    for at in 0..=denied.len() {
        let (head, tail) = denied.split_at(at);
        bytes.extend(
            [frame(1, head), frame(0x89, b"p"), frame(0, b""), frame(0x8a, b"q"), frame(0x80, tail)].concat(),
        );
    }
    bytes.extend(frame(0x81, br#"{"type":"b"}"#));
    soon(caller.write_all(&bytes)).await.unwrap();
    assert_eq!(text(&mut upstream).await, r#"{"type":"b"}"#);
    let mut caller: Socket = reading(caller).await;
    for _ in 0..=denied.len() {
        assert_eq!(refusal(&mut caller).await.0, "model_not_allowed");
    }
}

async fn reading(caller: TcpStream) -> Socket {
    WebSocketStream::from_raw_socket(caller, Role::Client, None).await
}

#[tokio::test]
async fn a_frame_that_announces_more_than_a_body_may_have_ends_before_it_comes() {
    let gate = Fixture::with("max_body_bytes: 1024").await;
    for length in [1025_u64, 1 << 32, u64::MAX >> 1] {
        let mut caller = knock(&gate, REALTIME, &user(&gate)).await;
        let (_upstream, _) = accepting(&gate, "").await;
        assert_eq!(soon(read_message(&mut caller)).await.status(), "101");
        let head = [&[0x81, 0xff], &length.to_be_bytes()[..], &[0; 4], b"{"].concat();
        soon(caller.write_all(&head)).await.unwrap();
        assert_eq!(closed(&mut reading(caller).await).await.0, 1009, "{length}");
    }
}

#[tokio::test]
async fn a_frame_without_a_mask_ends_the_connection() {
    let gate = Fixture::start().await;
    let mut caller = knock(&gate, REALTIME, &user(&gate)).await;
    let (mut upstream, _) = accepting(&gate, "").await;
    assert_eq!(soon(read_message(&mut caller)).await.status(), "101");
    soon(caller.write_all(b"\x81\x02{}")).await.unwrap();
    assert_eq!(closed(&mut reading(caller).await).await.0, 1002);
    assert_eq!(closed(&mut upstream).await.0, 1001);
}

#[tokio::test]
async fn text_that_is_cut_in_a_character_is_judged_and_broken_text_is_not_passed_on() {
    let gate = Fixture::start().await;
    for broken in
        [&b"{\"a\":\"\xc3\"}"[..], b"{\"a\":\"\xed\xa0\x80\"}", b"{\"a\":\"\xc0\xaf\"}", b"\xff\xfe{\0}\0"]
    {
        let mut caller = knock(&gate, REALTIME, &user(&gate)).await;
        let (mut upstream, _) = accepting(&gate, "").await;
        assert_eq!(soon(read_message(&mut caller)).await.status(), "101");
        let (head, tail) = broken.split_at(broken.len() / 2);
        soon(caller.write_all(&[frame(1, head), frame(0x80, tail)].concat())).await.unwrap();
        assert_eq!(closed(&mut reading(caller).await).await.0, 1007, "{broken:?}");
        assert_eq!(closed(&mut upstream).await.0, 1001);
    }
}

#[tokio::test]
async fn a_live_session_is_judged_in_binary_messages_too() {
    let gate = Fixture::start().await;
    gate.gateway.activate(gate.generation_at("gemini/gemini-live"));
    let setup = r#"{"setup":{"model":"models/anthropic-claude"}}"#;
    let passed = r#"{"setup":{"model":"models/gemini-live"}}"#;
    let (mut caller, _) = opened(knock(&gate, LIVE, &user(&gate)).await).await;
    soon(caller.send(Message::binary(setup.as_bytes().to_vec()))).await.unwrap();
    let (mut upstream, head) = accepting(&gate, "").await;
    assert!(head.contains("BidiGenerateContent"), "{head}");
    assert_eq!(text(&mut upstream).await, passed);
    soon(caller.send(Message::binary(br#"{"realtimeInput":{"text":"hello"}}"#.to_vec()))).await.unwrap();
    assert!(text(&mut upstream).await.contains("hello"));
    soon(upstream.send(Message::binary(br#"{"setupComplete":{}}"#.to_vec()))).await.unwrap();
    assert_eq!(text(&mut caller).await, r#"{"setupComplete":{}}"#);
    for denied in [
        &br#"{"setup":{"model":"models/openai-gpt-4o"}}"#[..],
        br#"{"setup":{"mod\u0065l":"models\/openai-gpt-4o"}}"#,
        br#"{"setup":{"model":"models/anthropic-claude"},"x":{"model":"openai-gpt-4o"}}"#,
        b"{\"setup\":{\"model\":\"models/\xff\"}}",
        b"\xef\xbb\xbf{\"setup\":{\"model\":\"models/openai-gpt-4o\"}}",
    ] {
        let (mut caller, _) = opened(knock(&gate, LIVE, &user(&gate)).await).await;
        soon(caller.send(Message::binary(denied.to_vec()))).await.unwrap();
        let (code, reason) = closed(&mut caller).await;
        assert!([1007, 1008].contains(&code), "{reason} {}", String::from_utf8_lossy(denied));
    }
}
