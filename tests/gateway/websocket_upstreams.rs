//! Where the WebSockets of each API go, and what goes with them.

use crate::fixture::{Fixture, read_message, soon};
use crate::websocket_fixture::{accepting, bearer, closed, connected, knock, opened, refusal, say, text};

const TRACE: &str =
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\ntracestate: a=b\r\n";

fn user(gate: &Fixture) -> String {
    bearer(&gate.token(&["basic_user"]))
}

/// The target of the upstream's request.
fn target(head: &str) -> &str {
    head.split(' ').nth(1).unwrap()
}

#[tokio::test]
async fn azures_realtime_paths_lead_to_the_deployment_under_its_name() {
    let gate = Fixture::start().await;
    let (dated, undated) = ("azure/rt, api_version: 2025-04-01-preview", "azure/rt");
    for (deployment, path, expected) in [
        (
            dated,
            "/openai/realtime?api-version=2024-10-01&deployment=anthropic-claude",
            "openai/realtime?api-version=2025-04-01-preview&deployment=rt",
        ),
        (
            dated,
            "/openai/realtime?deployment=anthropic-claude&intent=transcription",
            "openai/realtime?api-version=2025-04-01-preview&deployment=rt&intent=transcription",
        ),
        (
            dated,
            "/v1/realtime?model=anthropic-claude",
            "openai/realtime?api-version=2025-04-01-preview&deployment=rt",
        ),
        (undated, "/openai/v1/realtime?model=anthropic-claude", "openai/v1/realtime?model=rt"),
        (undated, "/openai/realtime?deployment=anthropic-claude", "openai/v1/realtime?model=rt"),
        ("openai/rt", "/openai/realtime?deployment=anthropic-claude", "realtime?model=rt"),
        ("openai/rt", "/openai/v1/realtime?model=anthropic-claude", "realtime?model=rt"),
    ] {
        gate.gateway.activate(gate.generation_at(deployment));
        let (mut caller, mut upstream, head) = connected(&gate, path, &user(&gate)).await;
        assert!(target(&head).ends_with(&format!("/{expected}")), "{path}: {head}");
        let wants =
            if deployment.starts_with("azure") { "api-key: sk-upstream" } else { "Bearer sk-upstream" };
        assert!(head.contains(wants), "{head}");
        say(&mut caller, r#"{"session":{"model":"openai-gpt-4o"}}"#).await;
        assert_eq!(refusal(&mut caller).await.0, "model_not_allowed");
        say(&mut caller, r#"{"type":"a"}"#).await;
        assert_eq!(text(&mut upstream).await, r#"{"type":"a"}"#);
    }
}

#[tokio::test]
async fn a_denied_deployment_in_azures_realtime_paths_reaches_no_upstream() {
    let gate = Fixture::start().await;
    for (path, status) in [
        ("/openai/realtime?deployment=openai-gpt-4o", "403"),
        ("/openai/v1/realtime?model=openai-gpt-4o", "403"),
        ("/openai/v1/realtime?deployment=openai-gpt-4o&model=anthropic-claude", "403"),
        ("/openai/realtime?deployment=anthropic-claude&deployment=openai-gpt-4o", "403"),
        ("/openai/realtime?deployment=anthropic-claude&Deployment=openai-gpt-4o", "403"),
        ("/openai/realtime?deployment=anthropic-claude;deployment=openai-gpt-4o", "400"),
        ("/openai/realtime?%64eployment=openai-gpt-4o", "403"),
        ("/openai/realtime", "403"),
    ] {
        let answer = soon(read_message(&mut knock(&gate, path, &user(&gate)).await)).await;
        assert_eq!(answer.status(), status, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_callers_trace_goes_on_at_the_upstream() {
    let gate = Fixture::start().await;
    let headers = user(&gate) + TRACE;
    let (_caller, _upstream, head) = connected(&gate, "/v1/realtime?model=anthropic-claude", &headers).await;
    assert!(TRACE.lines().all(|line| head.contains(line)), "{head}");
    let (mut caller, _) = opened(knock(&gate, "/v1/responses", &headers).await).await;
    say(&mut caller, r#"{"type":"response.create","model":"anthropic-claude"}"#).await;
    let (_upstream, head) = accepting(&gate, "").await;
    assert!(TRACE.lines().all(|line| head.contains(line)), "{head}");
}

#[tokio::test]
async fn an_upstream_that_refuses_the_first_messages_connection_is_an_error_of_the_connection() {
    use tokio::io::AsyncWriteExt as _;

    let gate = Fixture::start().await;
    let (mut caller, _) = opened(knock(&gate, "/v1/responses", &user(&gate)).await).await;
    say(&mut caller, r#"{"type":"response.create","model":"anthropic-claude"}"#).await;
    let (mut upstream, _) = gate.arriving().await;
    let answer = b"HTTP/1.1 429 Too Many Requests\r\ncontent-length: 0\r\n\r\n";
    soon(upstream.write_all(answer)).await.unwrap();
    let (code, reason) = closed(&mut caller).await;
    assert!(code == 1011 && reason.contains("429"), "{code} {reason}");
}
