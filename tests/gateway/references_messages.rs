//! `modelgate.references: remember` in the messages of WebSockets.

use futures_util::SinkExt as _;
use serde_json::json;
use tokio_tungstenite::tungstenite::protocol::Message;

use crate::references_remembered::{Callers, REMEMBER};
use crate::websocket_fixture::{
    REALTIME, Socket, accepting, closed, connected, hear, knock, opened, refusal, say, text,
};

const CREATE: &str = r#"{"type":"response.create","model":"anthropic-claude"}"#;
const LIVE: &str = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

/// A caller's connection to the Responses API, whose first response the upstream gave this id.
async fn responded(callers: &Callers, subject: &str, id: &str) -> (Socket, Socket) {
    let (mut caller, _) =
        opened(knock(&callers.gate, "/v1/responses", &callers.headers(subject)).await).await;
    say(&mut caller, CREATE).await;
    let (mut upstream, _) = accepting(&callers.gate, "").await;
    text(&mut upstream).await;
    let event = json!({"type": "response.created", "response": {"id": id, "status": "in_progress"}});
    say(&mut upstream, &event.to_string()).await;
    assert_eq!(text(&mut caller).await, event.to_string());
    (caller, upstream)
}

fn after(id: &str) -> String {
    CREATE.replace("\"model\"", &format!("\"previous_response_id\":\"{id}\",\"model\""))
}

#[tokio::test]
async fn a_response_of_a_websocket_belongs_to_its_caller_everywhere() {
    let callers = Callers::start(REMEMBER).await;
    let (mut ada, mut upstream) = responded(&callers, "ada", "resp_1").await;
    say(&mut ada, &after("resp_1")).await;
    assert!(text(&mut upstream).await.contains("resp_1"));
    let (mut eve, mut there) = responded(&callers, "eve", "resp_2").await;
    for message in [
        after("resp_1"),
        after("resp\\u005f1"),
        CREATE.replace("\"model\"", "\"input\":[{\"x\":[\"resp_1\"]}],\"model\""),
        r#"{"type":"response.cancel","response_id":"resp_1"}"#.to_owned(),
    ] {
        say(&mut eve, &message).await;
        assert_eq!(refusal(&mut eve).await.0, "permission_denied", "{message}");
    }
    callers.is_denied("eve", "GET /v1/responses/resp_1", "").await;
    callers.is_denied("eve", "POST /v1/responses", &after("resp_1")).await;
    callers.sends("ada", "GET /v1/responses/resp_1", "", &json!({})).await;
    // The connection goes on, and what was refused did not pass.
    say(&mut eve, &after("resp_2")).await;
    assert!(text(&mut there).await.contains("resp_2"));
}

#[tokio::test]
async fn an_id_in_a_message_is_judged_by_the_models_it_was_created_with() {
    let callers = Callers::start(REMEMBER).await;
    let both = "[anthropic-claude, openai-gpt-4o]";
    callers.gate.gateway.activate(callers.gate.generation_as(REMEMBER, both));
    let body = r#"{"model": "openai-gpt-4o", "input": "hello"}"#;
    callers.sends("ada", "POST /v1/responses", body, &json!({"id": "resp_1"})).await;
    let (mut ada, mut upstream) = responded(&callers, "ada", "resp_2").await;
    say(&mut ada, &after("resp_1")).await;
    assert!(text(&mut upstream).await.contains("resp_1"));
    callers.gate.gateway.activate(callers.gate.generation_as(REMEMBER, "[anthropic-claude]"));
    say(&mut ada, &after("resp_1")).await;
    assert_eq!(refusal(&mut ada).await.0, "model_not_allowed");
    // What the connection named later counts for its own responses too.
    say(&mut ada, &after("resp_2")).await;
    assert!(text(&mut upstream).await.contains("resp_2"));
}

#[tokio::test]
async fn a_stored_prompt_in_a_message_is_judged_as_in_a_body() {
    let callers = Callers::start(REMEMBER).await;
    let (mut ada, _upstream, _) = connected(&callers.gate, REALTIME, &callers.headers("ada")).await;
    for message in [
        r#"{"type":"session.update","session":{"prompt":{"id":"pmpt_1"}}}"#,
        r#"{"type":"response.create","response":{"prompt":{"id":"pmpt_1"}}}"#,
    ] {
        say(&mut ada, message).await;
        assert_eq!(refusal(&mut ada).await.0, "model_not_allowed", "{message}");
    }
    let (mut ada, _upstream) = responded(&callers, "ada", "resp_1").await;
    say(&mut ada, &CREATE.replace("\"model\"", "\"prompt\":{\"id\":\"pmpt_1\"},\"model\"")).await;
    assert_eq!(refusal(&mut ada).await.0, "model_not_allowed");
}

#[tokio::test]
async fn another_callers_id_in_the_first_message_or_the_handshake_reaches_no_upstream() {
    let callers = Callers::start(REMEMBER).await;
    callers.sends("ada", "POST /v1/conversations", "{}", &json!({"id": "conv_1"})).await;
    let (mut eve, _) = opened(knock(&callers.gate, "/v1/responses", &callers.headers("eve")).await).await;
    say(&mut eve, &CREATE.replace("\"model\"", "\"conversation\":\"conv_1\",\"model\"")).await;
    assert_eq!(refusal(&mut eve).await.0, "permission_denied");
    let path = format!("{REALTIME}&conversation=conv%5F1");
    let mut stream = knock(&callers.gate, &path, &callers.headers("eve")).await;
    let answer = crate::fixture::soon(crate::fixture::read_message(&mut stream)).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("403", "permission_denied"));
    let (_ada, _upstream, _) = connected(&callers.gate, &path, &callers.headers("ada")).await;
}

#[tokio::test]
async fn a_session_that_a_websocket_began_belongs_to_its_caller() {
    let callers = Callers::start(REMEMBER).await;
    let (mut ada, mut upstream, _) = connected(&callers.gate, REALTIME, &callers.headers("ada")).await;
    let event = json!({"type": "session.created", "session": {"id": "sess_abc1", "model": "x"}});
    say(&mut upstream, &event.to_string()).await;
    assert_eq!(text(&mut ada).await, event.to_string());
    callers.is_denied("eve", "GET /v1/live/sessions/sess_abc1/content", "").await;
    callers
        .is_denied("eve", "POST /v1/live/sessions/sess_abc1/fork", r#"{"model":"anthropic-claude"}"#)
        .await;
    callers.sends("ada", "GET /v1/live/sessions/sess_abc1/content", "", &json!({})).await;
}

#[tokio::test]
async fn a_handle_of_a_live_session_resumes_it_for_its_caller_alone() {
    let models = "[anthropic-claude]";
    let callers = Callers::start(REMEMBER).await;
    callers.gate.gateway.activate(callers.gate.generation_as(REMEMBER, models));
    let setup = r#"{"setup":{"model":"models/anthropic-claude"}}"#;
    let (mut ada, _) = opened(knock(&callers.gate, LIVE, &callers.headers("ada")).await).await;
    say(&mut ada, setup).await;
    let (mut upstream, _) = accepting(&callers.gate, "").await;
    assert_eq!(text(&mut upstream).await, setup);
    let update = json!({"sessionResumptionUpdate": {"newHandle": "handle-1234", "resumable": true}});
    upstream.send(Message::binary(update.to_string().into_bytes())).await.unwrap();
    hear(&mut ada).await;
    let resume = setup.replace("}}", r#","sessionResumption":{"handle":"handle-1234"}}}"#);
    let (mut eve, _) = opened(knock(&callers.gate, LIVE, &callers.headers("eve")).await).await;
    say(&mut eve, &resume).await;
    let (code, reason) = closed(&mut eve).await;
    assert!(code == 1008 && reason.contains("another caller"), "{reason}");
    let (mut ada, _) = opened(knock(&callers.gate, LIVE, &callers.headers("ada")).await).await;
    say(&mut ada, &resume).await;
    let (mut upstream, _) = accepting(&callers.gate, "").await;
    assert_eq!(text(&mut upstream).await, resume);
}
