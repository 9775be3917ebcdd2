//! The metrics, as operators read them.

use crate::fixture::{MASTER_KEY, answer, read_message, soon};
use crate::reload::{CLAUDE, Live};

async fn metrics(live: &Live) -> String {
    live.ask("GET", "/metrics").await.body
}

/// The value of a sample, by its name and labels.
fn sample(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[tokio::test]
async fn metrics_count_what_became_of_requests() {
    let live = Live::start().await;
    let gate = &live.gate;
    let before = live.ask("GET", "/metrics").await;
    assert_eq!(before.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert_eq!(sample(&before.body, r#"modelgate_decisions_total{verdict="denied"}"#), Some(0.0));

    let headers = format!("authorization: Bearer {}\r\n", gate.token(&["basic_user"]));
    let denied = r#"{"model": "openai-gpt-4o"}"#;
    assert_eq!(gate.refused("POST", "/v1/chat/completions", &headers, denied).await.status(), "403");
    assert_eq!(gate.refused("POST", "/v1/chat/completions", "", denied).await.status(), "401");
    assert_eq!(gate.refused("POST", "/v1/chat/completions", &headers, "").await.status(), "400");
    let mut client = gate.chat(&gate.token(&["basic_user"]), r#"{"model": "anthropic-claude"}"#).await;
    let (mut upstream, _) = gate.arriving().await;
    let text = metrics(&live).await;
    assert_eq!(sample(&text, "modelgate_requests_in_flight"), Some(1.0));
    answer(&mut upstream, "hello").await;
    assert_eq!(soon(read_message(&mut client)).await.status(), "200");

    // The response arrives before the gateway notices its end.
    let text = soon(async {
        loop {
            let text = metrics(&live).await;
            if sample(&text, "modelgate_requests_in_flight") == Some(0.0) {
                break text;
            }
        }
    });
    let text = text.await;
    for (name, value) in [
        (r#"modelgate_decisions_total{verdict="allowed"}"#, 1.0),
        (r#"modelgate_decisions_total{verdict="denied"}"#, 1.0),
        (r#"modelgate_decisions_total{verdict="refused"}"#, 2.0),
        (r#"modelgate_denials_total{rule="R2.model"}"#, 1.0),
        (r#"modelgate_accepted_tokens_total{known="false"}"#, 2.0),
        (r#"modelgate_accepted_tokens_total{known="true"}"#, 1.0),
        (r#"modelgate_refusals_total{code="invalid_api_key"}"#, 1.0),
        (r#"modelgate_policy_decisions_total{policy="general_settings.role_permissions[0].models"}"#, 1.0),
        (r#"modelgate_stage_duration_seconds_count{stage="authenticate"}"#, 4.0),
        (r#"modelgate_stage_duration_seconds_count{stage="decide"}"#, 2.0),
        (r#"modelgate_stage_duration_seconds_count{stage="upstream"}"#, 1.0),
        ("modelgate_request_duration_seconds_count", 4.0),
        (r#"modelgate_upstream_responses_total{status="200"}"#, 1.0),
        (r#"modelgate_reloads_total{outcome="failure"}"#, 0.0),
    ] {
        assert_eq!(sample(&text, name), Some(value), "{name} in {text}");
    }
    let keys = text.lines().find(|line| line.starts_with("modelgate_jwks_keys")).unwrap();
    assert!(keys.contains(r#"provider="file://"#) && keys.ends_with(" 1"), "{keys}");
}

#[tokio::test]
async fn no_caller_reaches_the_metrics() {
    let live = Live::start().await;
    let headers = format!("authorization: Bearer {MASTER_KEY}\r\n");
    assert_ne!(live.gate.refused("GET", "/metrics", &headers, "").await.status(), "200");
}

#[tokio::test]
async fn reloads_are_counted_by_their_outcome_and_the_generation_is_shown() {
    let live = Live::start().await;
    live.ask("POST", "/-/reload").await;
    let text = metrics(&live).await;
    let success = r#"modelgate_reloads_total{outcome="success"}"#;
    let failure = r#"modelgate_reloads_total{outcome="failure"}"#;
    assert_eq!(
        (sample(&text, success), sample(&text, failure)),
        (Some(0.0), Some(0.0)),
        "nothing has changed"
    );

    let files = live.files();
    let last = "modelgate_config_last_reload_successful";
    files.write("config.yaml", "nonsense: [");
    live.ask("POST", "/-/reload").await;
    assert_eq!(sample(&metrics(&live).await, last), Some(0.0));
    files.write("config.yaml", files.yaml_with("", CLAUDE) + "# changed\n");
    live.ask("POST", "/-/reload").await;
    let text = metrics(&live).await;
    assert_eq!((sample(&text, success), sample(&text, failure)), (Some(1.0), Some(1.0)));
    assert_eq!(sample(&text, last), Some(1.0));
    let generation = live.gate.gateway.active().snapshot().generation();
    assert_eq!(sample(&text, "modelgate_snapshot_generation"), Some(generation as f64));
}

#[tokio::test]
async fn a_failed_reload_is_over_when_the_active_files_are_back() {
    let live = Live::start().await;
    let (files, last) = (live.files(), "modelgate_config_last_reload_successful");
    let active = std::fs::read_to_string(files.path("config.yaml")).unwrap();
    for (text, successful) in [("nonsense: [", 0.0), (&active, 1.0)] {
        files.write("config.yaml", text);
        live.ask("POST", "/-/reload").await;
        assert_eq!(sample(&metrics(&live).await, last), Some(successful));
    }
}
