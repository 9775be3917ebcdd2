//! Deployments that failed are left alone.

use crate::fixture::{read_message, soon};
use crate::reload::{CLAUDE, Live, json};
use crate::router_fixture::Act::{Fails, Serves};
use crate::router_fixture::{Router, Upstream};

#[tokio::test]
async fn a_deployment_at_its_rate_limit_is_left_alone() {
    let first = Upstream::that("first", &[Fails(429, "retry-after: 60\r\n"), Serves]).await;
    let second = Upstream::that("second", &[Serves]).await;
    let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], "").await;
    for _ in 0..3 {
        assert_eq!(gate.chat("may").await.body, "second");
    }
    assert_eq!((first.requests(), second.requests()), (1, 3));
}

#[tokio::test]
async fn a_deployment_that_failed_more_often_than_allowed_is_left_alone() {
    let first = Upstream::that("first", &[Fails(500, "")]).await;
    let second = Upstream::that("second", &[Serves]).await;
    let settings = "allowed_fails: 1, cooldown_time: 600";
    let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], settings).await;
    for _ in 0..4 {
        assert_eq!(gate.chat("may").await.body, "second");
    }
    assert_eq!((first.requests(), second.requests()), (2, 4));
}

#[tokio::test]
async fn while_all_deployments_are_left_alone_callers_are_told_when_to_come_back() {
    let first = Upstream::that("first", &[Fails(429, "retry-after: 60\r\n")]).await;
    let second = Upstream::that("second", &[Fails(429, "retry-after: 90\r\n")]).await;
    let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], "").await;
    let answer = gate.chat("may").await;
    assert_eq!((answer.status(), answer.body.as_str()), ("429", "failed"));
    let answer = gate.chat("may").await;
    assert_eq!((answer.status(), answer.code().as_str()), ("429", "deployments_cooling_down"));
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((50..=60).contains(&seconds), "{seconds}");
    assert_eq!((first.requests(), second.requests()), (1, 1));
}

#[tokio::test]
async fn the_only_deployment_is_never_left_alone() {
    let only = Upstream::that("only", &[Fails(429, "retry-after: 60\r\n"), Serves]).await;
    let gate = Router::with(&[("may", &only, "")], "allowed_fails: 0").await;
    assert_eq!(gate.chat("may").await.status(), "429");
    assert_eq!(gate.chat("may").await.status(), "200");
}

#[tokio::test]
async fn metrics_and_the_admin_listener_show_which_deployments_are_left_alone() {
    let first = Upstream::that("first", &[Fails(429, "retry-after: 60\r\n")]).await;
    let second = Upstream::that("second", &[Serves]).await;
    let live = Live::with(|files| {
        let entry = |upstream: &Upstream, order: u32| {
            let base = format!("http://{}/secret", upstream.address);
            format!("  - {{model_name: anthropic-claude, litellm_params: {{model: openai/t, api_base: '{base}', api_key: sk-hidden, order: {order}}}}}\n")
        };
        let entries = entry(&first, 1) + &entry(&second, 2);
        let yaml = files.yaml_with("", CLAUDE).replace("model_list:\n", &format!("model_list:\n{entries}"));
        files.write("config.yaml", yaml);
    })
    .await;
    let token = live.gate.token(&["basic_user"]);
    for _ in 0..2 {
        let mut client = live.gate.chat(&token, r#"{"model": "anthropic-claude"}"#).await;
        assert_eq!(soon(read_message(&mut client)).await.body, "second");
    }
    let metrics = live.ask("GET", "/metrics").await.body;
    for line in [
        "modelgate_deployment_cooling_down{deployment=\"anthropic-claude#1\"} 1",
        "modelgate_deployment_cooling_down{deployment=\"anthropic-claude#2\"} 0",
        "modelgate_deployment_calls_total{deployment=\"anthropic-claude#1\",outcome=\"failure\"} 1",
        "modelgate_deployment_calls_total{deployment=\"anthropic-claude#2\",outcome=\"success\"} 2",
        "modelgate_upstream_retries_total 1",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let answer = live.ask("GET", "/-/deployments").await;
    assert!(!answer.body.contains("secret") && !answer.body.contains("sk-"), "{}", answer.body);
    let shown = &json(&answer)["deployments"][0];
    let seconds = shown["cooling_down_seconds"].as_f64().unwrap();
    assert!((50.0..=60.0).contains(&seconds), "{shown}");
    assert_eq!(shown["host"], first.address.to_string());
    assert_eq!((&shown["succeeded"], &shown["failed"]), (&0.into(), &1.into()));
}

#[tokio::test]
async fn an_alias_shares_the_cool_downs_of_its_model() {
    let first = Upstream::that("first", &[Fails(429, "retry-after: 60\r\n")]).await;
    let second = Upstream::that("second", &[Serves]).await;
    let models = [("may", &first, "order: 1"), ("may", &second, "order: 2")];
    let gate = Router::with(&models, "model_group_alias: {may-too: may}").await;
    for model in ["may", "may-too", "may"] {
        assert_eq!(gate.chat(model).await.body, "second");
    }
    assert_eq!((first.requests(), second.requests()), (1, 3));
    assert_eq!(gate.served().await, ("may".into(), "may#2".into(), 1));
}

#[tokio::test]
async fn errors_of_a_callers_requests_cool_no_deployment_down() {
    for script in
        [&[Fails(400, "")][..], &[Fails(404, "")], &[Fails(409, "")], &[Fails(422, "retry-after: 60\r\n")]]
    {
        let first = Upstream::that("first", script).await;
        let second = Upstream::that("second", &[Serves]).await;
        let models = [("may", &first, "order: 1"), ("may", &second, "order: 2")];
        let gate = Router::with(&models, "allowed_fails: 0").await;
        for _ in 0..3 {
            gate.chat("may").await;
        }
        assert_eq!(first.requests(), 3, "{script:?}");
    }
}
