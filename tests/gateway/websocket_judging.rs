//! Messages of WebSockets are judged one by one, and none passes before that.

use futures_util::StreamExt as _;
use modelgate::decision_log::{DecisionLog, Line, Verdict};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::fixture::{Fixture, MASTER_KEY, Message, read_message, soon};
use crate::websocket_fixture::{
    ACCEPT, REALTIME, Socket, accepting, accepting_answer, bearer, closed, connected, hear, knock, opened,
    refusal, say, text, upgrade,
};

const LIVE: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

fn user(gate: &Fixture) -> String {
    bearer(&gate.token(&["basic_user"]))
}

/// The line of an upstream's request, whatever its version.
fn target(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

#[tokio::test]
async fn a_handshake_goes_to_the_deployment_under_its_name_and_credential() {
    let gate = Fixture::start().await;
    let stream = knock(&gate, REALTIME, &(user(&gate) + "openai-beta: realtime=v1\r\n")).await;
    let (mut upstream, head) = accepting(&gate, "").await;
    assert_eq!(target(&head), "/v1/realtime?model=claude%20%223%22");
    assert!(
        head.contains("authorization: Bearer sk-upstream\r\n") && head.contains("openai-beta: realtime=v1")
    );
    assert!(!head.contains("sec-websocket-extensions") && !head.contains("Bearer ey"), "{head}");
    let (mut caller, answer) = opened(stream).await;
    assert!(answer.contains(ACCEPT) && !answer.contains("sec-websocket-extensions"), "{answer}");
    say(&mut upstream, "hello").await;
    assert_eq!(text(&mut caller).await, "hello");
}

#[tokio::test]
async fn a_denied_handshake_reaches_no_upstream() {
    let gate = Fixture::start().await;
    for (path, headers, status) in [
        (REALTIME, String::new(), "401"),
        (REALTIME, bearer("x.y.z"), "401"),
        ("/v1/realtime?model=openai-gpt-4o", user(&gate), "403"),
        ("/v1/realtime?model=a&model=b", user(&gate), "400"),
    ] {
        let answer = soon(read_message(&mut knock(&gate, path, &headers).await)).await;
        assert_eq!(answer.status(), status, "{path} {answer:?}");
    }
}

#[tokio::test]
async fn the_model_of_a_message_is_rewritten() {
    let gate = Fixture::start().await;
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &user(&gate)).await;
    say(&mut caller, r#"{"type":"session.update","session":{"model":"anthropic-claude"}}"#).await;
    let sent = r#"{"type":"session.update","session":{"model":"claude \"3\""}}"#;
    assert_eq!(text(&mut upstream).await, sent);
    say(&mut caller, r#"{"type":"response.cancel"}"#).await;
    assert_eq!(text(&mut upstream).await, r#"{"type":"response.cancel"}"#);
}

#[tokio::test]
async fn a_denied_message_is_answered_and_not_passed_on() {
    let gate = Fixture::start().await;
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &user(&gate)).await;
    say(&mut caller, r#"{"event_id":"e1","session":{"model":"openai-gpt-4o"}}"#).await;
    assert_eq!(refusal(&mut caller).await, ("model_not_allowed".to_owned(), json!("e1")));
    let transcribing = r#"{"session":{"audio":{"input":{"transcription":{"model":"openai-gpt-4o"}}}}}"#;
    say(&mut caller, transcribing).await;
    assert_eq!(refusal(&mut caller).await.0, "model_not_allowed");
    for malformed in ["hello", "[]", r#"{"model":1}"#, r#"{"Model":"x"}"#] {
        say(&mut caller, malformed).await;
        assert_eq!(refusal(&mut caller).await.0, "invalid_request", "{malformed}");
    }
    say(&mut caller, r#"{"type":"response.cancel"}"#).await;
    assert_eq!(text(&mut upstream).await, r#"{"type":"response.cancel"}"#);
}

#[tokio::test]
async fn a_model_of_another_deployment_is_denied_even_if_the_caller_may_use_it() {
    let gate = Fixture::start().await;
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &bearer(MASTER_KEY)).await;
    say(&mut caller, r#"{"session":{"model":"openai-gpt-4o"}}"#).await;
    assert_eq!(refusal(&mut caller).await.0, "model_of_another_deployment");
    say(&mut caller, r#"{"type":"x"}"#).await;
    assert_eq!(text(&mut upstream).await, r#"{"type":"x"}"#);
}

#[tokio::test]
async fn a_connection_whose_model_is_in_its_messages_is_dialed_after_the_first_judged_one() {
    let gate = Fixture::start().await;
    let (mut caller, _) = opened(knock(&gate, "/v1/responses", &user(&gate)).await).await;
    say(&mut caller, r#"{"type":"response.create"}"#).await;
    assert_eq!(refusal(&mut caller).await.0, "invalid_request");
    say(&mut caller, r#"{"type":"response.create","model":"openai-gpt-4o"}"#).await;
    assert_eq!(refusal(&mut caller).await.0, "model_not_allowed");
    say(&mut caller, r#"{"type":"response.create","model":"anthropic-claude"}"#).await;
    let (mut upstream, head) = accepting(&gate, "").await;
    assert_eq!(target(&head), "/v1/responses");
    assert_eq!(text(&mut upstream).await, r#"{"type":"response.create","model":"claude \"3\""}"#);
    // What names no model is asked of the same one.
    say(&mut caller, r#"{"type":"response.create"}"#).await;
    assert_eq!(text(&mut upstream).await, r#"{"model":"claude \"3\"","type":"response.create"}"#);
}

#[tokio::test]
async fn a_credential_in_a_subprotocol_is_one_and_is_not_passed_on() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let list =
        format!("sec-websocket-protocol: realtime, openai-insecure-api-key.{token}, openai-project.p\r\n");
    let stream = knock(&gate, REALTIME, &list).await;
    let (_upstream, head) = accepting(&gate, "sec-websocket-protocol: realtime\r\n").await;
    assert!(head.contains("sec-websocket-protocol: realtime\r\n") && !head.contains("insecure"), "{head}");
    let (_caller, answer) = opened(stream).await;
    assert!(answer.contains("sec-websocket-protocol: realtime\r\n"), "{answer}");
}

#[tokio::test]
async fn a_key_in_the_query_counts_on_googles_paths_alone() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    for path in [LIVE.to_owned(), format!("/{LIVE}")] {
        let (mut caller, _) = opened(knock(&gate, &format!("{path}?key={token}"), "").await).await;
        say(&mut caller, r#"{"setup":{"model":"models/openai-gpt-4o"}}"#).await;
        let (code, reason) = closed(&mut caller).await;
        assert_eq!(code, 1008, "{reason}");
    }
    let answer = soon(read_message(&mut knock(&gate, &format!("{REALTIME}&key={token}"), "").await)).await;
    assert_eq!(answer.status(), "401");
}

#[tokio::test]
async fn a_reload_judges_the_next_message() {
    let gate = Fixture::start().await;
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &user(&gate)).await;
    say(&mut caller, r#"{"type":"a"}"#).await;
    assert_eq!(text(&mut upstream).await, r#"{"type":"a"}"#);
    gate.gateway.activate(gate.generation("[team/x]"));
    say(&mut caller, r#"{"type":"b"}"#).await;
    assert_eq!(refusal(&mut caller).await.0, "model_not_allowed");
}

/// Answers a handshake at the upstream after the gateway has other rules.
async fn accepted_after(gate: &Fixture, mut arrived: (TcpStream, Message), models: &str) -> Socket {
    gate.gateway.activate(gate.generation(models));
    let text = accepting_answer(&arrived.1.head);
    soon(arrived.0.write_all(text.as_bytes())).await.unwrap();
    WebSocketStream::from_raw_socket(arrived.0, Role::Server, None).await
}

#[tokio::test]
async fn a_reload_during_the_upstreams_handshake_judges_the_callers_again() {
    let gate = Fixture::start().await;
    let stream = knock(&gate, REALTIME, &user(&gate)).await;
    let arrived = gate.arriving().await;
    let mut upstream = accepted_after(&gate, arrived, r#"["anthropic-claude"]"#).await;
    let (mut caller, _) = opened(stream).await;
    say(&mut caller, r#"{"type":"a"}"#).await;
    assert_eq!(text(&mut upstream).await, r#"{"type":"a"}"#);

    let mut stream = knock(&gate, REALTIME, &user(&gate)).await;
    let arrived = gate.arriving().await;
    let _upstream = accepted_after(&gate, arrived, "[team/x]").await;
    let answer = soon(read_message(&mut stream)).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("403", "model_not_allowed"));
}

#[tokio::test]
async fn a_reload_that_moves_the_model_during_the_handshake_calls_the_new_deployment() {
    let gate = Fixture::start().await;
    let stream = knock(&gate, REALTIME, &user(&gate)).await;
    let arrived = gate.arriving().await;
    gate.gateway.activate(gate.generation_moved("claude-5"));
    let (mut old, answer) = (arrived.0, accepting_answer(&arrived.1.head));
    soon(old.write_all(answer.as_bytes())).await.unwrap();
    let (mut upstream, head) = accepting(&gate, "").await;
    assert_eq!(target(&head), "/v1/realtime?model=claude%2D5");
    let (mut caller, _) = opened(stream).await;
    say(&mut caller, r#"{"type":"a"}"#).await;
    assert_eq!(text(&mut upstream).await, r#"{"type":"a"}"#);
}

#[tokio::test]
async fn a_reload_while_the_first_message_waits_for_the_upstream_judges_it_again() {
    let gate = Fixture::start().await;
    let (mut caller, _) = opened(knock(&gate, "/v1/responses", &user(&gate)).await).await;
    say(&mut caller, r#"{"type":"response.create","model":"anthropic-claude"}"#).await;
    let arrived = gate.arriving().await;
    let mut upstream = accepted_after(&gate, arrived, "[team/x]").await;
    assert_eq!(refusal(&mut caller).await.0, "model_not_allowed");
    assert!(soon(upstream.next()).await.is_none_or(|message| message.is_err()));
}

#[tokio::test]
async fn many_sockets_go_through_a_reload() {
    through_a_reload(100).await;
}

#[tokio::test]
#[ignore = "needs more file descriptors than most machines give"]
async fn a_thousand_sockets_go_through_a_reload() {
    through_a_reload(1000).await;
}

async fn through_a_reload(count: usize) {
    let gate = Fixture::start().await;
    let headers = user(&gate);
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        let (caller, upstream, _) = connected(&gate, REALTIME, &headers).await;
        open.push((caller, upstream));
    }
    gate.gateway.activate(gate.generation(r#"["anthropic-claude"]"#));
    for (caller, upstream) in &mut open {
        say(caller, r#"{"type":"a"}"#).await;
        assert_eq!(text(upstream).await, r#"{"type":"a"}"#);
    }
    gate.gateway.activate(gate.generation("[team/x]"));
    for (caller, _) in &mut open {
        say(caller, r#"{"type":"b"}"#).await;
        assert_eq!(refusal(caller).await.0, "model_not_allowed");
    }
}

#[tokio::test]
async fn turned_off_they_are_answered_with_426() {
    let gate = Fixture::with("websockets: off").await;
    let answer = soon(read_message(&mut knock(&gate, REALTIME, &user(&gate)).await)).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("426", "websockets_off"));
    assert_eq!((answer.header("upgrade"), answer.header("connection")), (Some("websocket"), Some("Upgrade")));
}

#[tokio::test]
async fn a_handshake_of_another_version_learns_the_one_that_is_spoken() {
    let gate = Fixture::start().await;
    let head = upgrade(&user(&gate)).replace("version: 13", "version: 8");
    let mut stream = soon(TcpStream::connect(gate.address)).await.unwrap();
    let request = format!("GET {REALTIME} HTTP/1.1\r\nhost: g\r\n{head}\r\n");
    soon(stream.write_all(request.as_bytes())).await.unwrap();
    let answer = soon(read_message(&mut stream)).await;
    assert_eq!((answer.status(), answer.header("sec-websocket-version")), ("426", Some("13")));
    assert_eq!((answer.header("upgrade"), answer.header("connection")), (Some("websocket"), Some("Upgrade")));
}

#[tokio::test]
async fn each_judged_message_has_a_line_in_the_decision_log() {
    let gate = Fixture::with("decision_log: {file: log}").await;
    let generation = gate.gateway.active();
    let settings = generation.snapshot().config().gateway.decision_log.as_ref().unwrap();
    gate.gateway.observers().log_to(DecisionLog::start(settings).unwrap());
    let (mut caller, mut upstream, _) = connected(&gate, REALTIME, &user(&gate)).await;
    say(&mut caller, r#"{"type":"session.update","session":{"model":"anthropic-claude"}}"#).await;
    say(&mut caller, r#"{"type":"input_audio_buffer.append","audio":"AAAA"}"#).await;
    say(&mut caller, r#"{"session":{"model":"openai-gpt-4o"}}"#).await;
    hear(&mut upstream).await;
    hear(&mut upstream).await;
    refusal(&mut caller).await;
    let log = gate.gateway.observers().log().unwrap();
    assert!(log.flush(std::time::Duration::from_secs(20)).await);
    let text = std::fs::read_to_string(settings.file.clone().unwrap()).unwrap();
    let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let verdicts: Vec<_> = lines.iter().map(|line| (line.verdict, line.status)).collect();
    let expected = [(Verdict::Allowed, Some(101)), (Verdict::Allowed, None), (Verdict::Denied, None)];
    assert_eq!(verdicts, expected);
    assert!(lines.iter().all(|line| line.request_id == lines[0].request_id));
}
