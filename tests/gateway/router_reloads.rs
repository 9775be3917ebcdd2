//! What a reload does to requests that are tried again, what it keeps of deployments, and callers that leave.

use modelgate::gateway::Outcome;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::fixture::{Fixture, answer, read_message, soon};
use crate::reload::{CLAUDE, Files, Live};
use crate::router_fixture::Act::{Fails, Serves};
use crate::router_fixture::Upstream;

const MODEL: &str = "anthropic-claude";

/// A configuration with more entries before the others, and more settings.
fn yaml(files: &Files, entries: &[String], settings: &str, models: &str) -> String {
    let list = entries.iter().map(|entry| format!("  - {{{entry}}}\n")).collect::<String>();
    files.yaml(models).replace("model_list:\n", &format!("{settings}model_list:\n{list}"))
}

fn entry(address: impl std::fmt::Display, more: &str) -> String {
    format!(
        "model_name: {MODEL}, litellm_params: {{model: openai/t, api_base: 'http://{address}/v1', {more}}}"
    )
}

async fn chat(gate: &Fixture) -> TcpStream {
    gate.chat(&gate.token(&["basic_user"]), &json!({"model": MODEL}).to_string()).await
}

async fn served_by(live: &Live) -> String {
    soon(read_message(&mut chat(&live.gate).await)).await.body
}

#[tokio::test]
async fn a_retry_is_decided_by_the_newest_rules() {
    let other = Upstream::that("other", &[Serves]).await;
    for settings in ["", "router_settings: {fallbacks: [{anthropic-claude: [openai-gpt-4o]}]}\n"] {
        let layout = |files: &Files, models: &str| {
            let entries = [entry(files.upstream(), "order: 1"), entry(other.address, "order: 2")];
            files.write("config.yaml", yaml(files, &entries, settings, models));
        };
        let live = Live::with(|files| layout(files, CLAUDE)).await;
        let mut caller = chat(&live.gate).await;
        let (mut deployment, _request) = live.gate.arriving().await;
        layout(&live.files(), "[openai-gpt-4o]");
        assert_eq!(live.reloader.reload().await, Outcome::Loaded);
        soon(deployment.write_all(b"HTTP/1.1 503 Failed\r\ncontent-length: 0\r\n\r\n")).await.unwrap();
        assert_eq!(soon(read_message(&mut caller)).await.status(), "403", "{settings}");
        assert_eq!(other.requests(), 0);
    }
}

#[tokio::test]
async fn a_reload_keeps_the_cool_downs_of_deployments_that_it_does_not_change() {
    let limited = Upstream::that("limited", &[Fails(429, "retry-after: 60\r\n")]).await;
    let healthy = Upstream::that("healthy", &[Serves]).await;
    let layout = |files: &Files, key: &str, models: &str| {
        let first = entry(limited.address, &format!("order: 1, api_key: {key}"));
        let entries = [first, entry(healthy.address, "order: 2")];
        files.write("config.yaml", yaml(files, &entries, "", models));
    };
    let live = Live::with(|files| layout(files, "sk-one", CLAUDE)).await;
    assert_eq!((served_by(&live).await.as_str(), limited.requests()), ("healthy", 1));

    layout(&live.files(), "sk-one", "[anthropic-claude, openai-gpt-4o]");
    assert_eq!(live.reloader.reload().await, Outcome::Loaded);
    assert_eq!((served_by(&live).await.as_str(), limited.requests()), ("healthy", 1));
    let metrics = live.ask("GET", "/metrics").await.body;
    let cooling = "modelgate_deployment_cooling_down{deployment=\"anthropic-claude#1\"} 1";
    assert!(metrics.contains(cooling), "{metrics}");

    // Another key may have another limit.
    layout(&live.files(), "sk-two", CLAUDE);
    assert_eq!(live.reloader.reload().await, Outcome::Loaded);
    assert_eq!((served_by(&live).await.as_str(), limited.requests()), ("healthy", 2));
}

#[tokio::test]
async fn a_reload_keeps_the_access_tokens_of_credentials_that_it_does_not_change() {
    let layout = |files: &Files, secret: &str, models: &str| {
        let address = files.upstream();
        let entry = format!(
            "model_name: entra, litellm_params: {{model: azure/dep, api_base: 'http://{address}', api_version: v1, \
             tenant_id: tenant, client_id: client, client_secret: {secret}}}"
        );
        files.write("config.yaml", yaml(files, &[entry], "", models));
    };
    let live = Live::with(|files| layout(files, "first", "[entra]")).await;
    let ask = async || live.gate.chat(&live.gate.token(&["basic_user"]), r#"{"model": "entra"}"#).await;
    let exchanged = async |token: &'static str| {
        let (mut provider, exchange) = live.gate.arriving().await;
        assert!(exchange.head.starts_with("POST /tenant/oauth2/v2.0/token "), "{}", exchange.head);
        answer(&mut provider, &json!({"access_token": token, "expires_in": 3600}).to_string()).await;
    };
    let sent = async || live.gate.arriving().await.1.header("authorization").unwrap().to_owned();

    let _caller = ask().await;
    exchanged("one").await;
    assert_eq!(sent().await, "Bearer one");

    layout(&live.files(), "first", "[entra, openai-gpt-4o]");
    assert_eq!(live.reloader.reload().await, Outcome::Loaded);
    let _caller = ask().await;
    assert_eq!(sent().await, "Bearer one");

    layout(&live.files(), "second", "[entra]");
    assert_eq!(live.reloader.reload().await, Outcome::Loaded);
    let _caller = ask().await;
    exchanged("two").await;
    assert_eq!(sent().await, "Bearer two");
}

#[tokio::test]
async fn a_caller_that_leaves_while_an_attempt_is_waited_for_leaves_nothing_behind() {
    let busy = Upstream::that("busy", &[Fails(429, "retry-after: 50\r\n")]).await;
    let live = Live::with(|files| {
        let entry = format!(
            "model_name: busy, litellm_params: {{model: openai/t, api_base: 'http://{}/v1'}}",
            busy.address
        );
        files.write("config.yaml", yaml(files, &[entry], "router_settings: {num_retries: 5}\n", "[busy]"));
    })
    .await;
    let caller = live.gate.chat(&live.gate.token(&["basic_user"]), r#"{"model": "busy"}"#).await;
    let failed = "modelgate_deployment_calls_total{deployment=\"busy#1\",outcome=\"failure\"} 1";
    soon(async { while !live.ask("GET", "/metrics").await.body.contains(failed) {} }).await;
    assert_eq!(live.metric("modelgate_requests_in_flight").await, 1.0);
    drop(caller);
    live.reaches("modelgate_requests_in_flight", 0.0).await;
    assert_eq!(busy.requests(), 1);
}
