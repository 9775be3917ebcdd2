//! Faults of one of several deployments: what the caller gets, and what the decision log says.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::configured;
use crate::fixture::{answer, read_message, read_until, soon};
use crate::router_fixture::Act::{self, BreaksOff, Fails, Resets, Serves, Stalls};
use crate::router_fixture::{Router, Upstream};

/// The answer of two deployments of which the first, which is asked first, does this.
async fn beside_a_healthy_one(first: &Upstream, more: &str) -> (String, Router, Upstream) {
    let second = Upstream::that("second", &[Serves]).await;
    let first_more = format!("order: 1, {more}");
    let gate = Router::with(&[("may", first, &first_more), ("may", &second, "order: 2")], "").await;
    let answer = gate.chat("may").await;
    (format!("{} {}", answer.status(), answer.body), gate, second)
}

#[tokio::test]
async fn another_deployment_serves_what_the_first_one_fails_to() {
    const FAULTS: [&[Act]; 9] = [
        &[Resets],
        &[Fails(429, "")],
        &[Fails(429, "retry-after: 7\r\n")],
        &[Fails(500, "")],
        &[Fails(502, "")],
        &[Fails(503, "retry-after: 1\r\n")],
        &[Fails(529, "")],
        &[Fails(408, "")],
        &[Fails(401, "")],
    ];
    for script in FAULTS {
        let first = Upstream::that("first", script).await;
        let (answer, gate, second) = beside_a_healthy_one(&first, "").await;
        assert_eq!(answer, "200 second", "{script:?}");
        assert_eq!((first.requests(), second.requests()), (1, 1), "{script:?}");
        assert_eq!(first.bodies(), second.bodies(), "{script:?}");
        assert_eq!(gate.served().await, ("may".into(), "may#2".into(), 2), "{script:?}");
    }
}

#[tokio::test]
async fn another_deployment_serves_if_the_first_one_refuses_connections() {
    let first = Upstream::that_is_down().await;
    let (answer, gate, _second) = beside_a_healthy_one(&first, "").await;
    assert_eq!(answer, "200 second");
    assert_eq!(gate.served().await, ("may".into(), "may#2".into(), 2));
}

#[tokio::test]
async fn another_deployment_serves_if_the_first_one_takes_longer_than_its_timeout() {
    let first = Upstream::that("first", &[Stalls]).await;
    let (answer, gate, _second) = beside_a_healthy_one(&first, "timeout: 1").await;
    assert_eq!(answer, "200 second");
    assert_eq!(gate.served().await, ("may".into(), "may#2".into(), 2));
}

#[tokio::test]
async fn errors_of_the_request_go_to_the_caller() {
    const ERRORS: [&[Act]; 5] =
        [&[Fails(400, "")], &[Fails(403, "")], &[Fails(404, "")], &[Fails(413, "")], &[Fails(422, "")]];
    for script in ERRORS {
        let first = Upstream::that("first", script).await;
        let (answer, gate, second) = beside_a_healthy_one(&first, "").await;
        assert!(answer.ends_with(" failed"), "{script:?}: {answer}");
        assert_eq!(second.requests(), 0, "{script:?}");
        assert_eq!(gate.served().await, ("may".into(), "may#1".into(), 1), "{script:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_again_once_an_answer_has_begun() {
    let first = Upstream::that("first", &[BreaksOff]).await;
    let second = Upstream::that("second", &[Serves]).await;
    let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], "").await;
    let token = gate.0.token(&["basic_user"]);
    let mut client = gate.0.chat(&token, r#"{"model": "may"}"#).await;
    let head = soon(read_until(&mut client, "\r\n\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let mut rest = Vec::new();
    soon(client.read_to_end(&mut rest)).await.unwrap_or_default();
    assert_eq!((rest.as_slice(), first.requests(), second.requests()), (&b"half"[..], 1, 0));
}

#[tokio::test]
async fn if_every_deployment_fails_the_last_answer_goes_to_the_caller() {
    let first = Upstream::that("first", &[Fails(500, "")]).await;
    let second = Upstream::that("second", &[Fails(503, "x-second: 1\r\n")]).await;
    let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], "").await;
    let answer = gate.chat("may").await;
    assert_eq!((answer.status(), answer.header("x-second")), ("503", Some("1")));
    assert_eq!((first.requests(), second.requests()), (1, 1));
    assert_eq!(gate.served().await, ("may".into(), "may#2".into(), 2));
}

#[tokio::test]
async fn a_request_is_sent_again_no_more_often_than_num_retries_says() {
    for (settings, attempts) in [("num_retries: 0", 1), ("num_retries: 1", 2), ("", 3), ("num_retries: 3", 4)]
    {
        let mut deployments = Vec::new();
        for _ in 0..5 {
            deployments.push(Upstream::that("one", &[Fails(500, "")]).await);
        }
        let models: Vec<_> = deployments.iter().map(|one| ("may", one, "")).collect();
        let gate = Router::with(&models, settings).await;
        assert_eq!(gate.chat("may").await.status(), "500");
        let requests: Vec<_> = deployments.iter().map(Upstream::requests).collect();
        assert_eq!(requests.iter().sum::<usize>(), attempts, "{settings}");
        assert!(requests.iter().all(|requests| *requests <= 1), "{requests:?}");
    }
}

#[tokio::test]
async fn the_only_deployment_is_tried_again_if_the_operator_says_how_often() {
    for (settings, more, requests, status) in [
        ("num_retries: 1", "", 2, "200"),
        ("", "num_retries: 1", 2, "200"),
        ("num_retries: 1", "num_retries: 0", 1, "500"),
        ("retry_policy: {InternalServerErrorRetries: 1}", "", 2, "200"),
        ("retry_policy: {RateLimitErrorRetries: 1}", "", 1, "500"),
        ("num_retries: 1, retry_policy: {InternalServerErrorRetries: 0}", "", 1, "500"),
        ("", "", 1, "500"),
    ] {
        let only = Upstream::that("only", &[Fails(500, ""), Serves]).await;
        let gate = Router::with(&[("may", &only, more)], settings).await;
        assert_eq!(
            (gate.chat("may").await.status(), only.requests()),
            (status, requests),
            "{settings} {more}"
        );
    }
}

#[tokio::test]
async fn a_model_with_one_deployment_and_no_settings_says_nothing_of_what_served_it() {
    let only = Upstream::that("only", &[Serves]).await;
    let gate = Router::with(&[("may", &only, "")], "").await;
    assert_eq!(gate.chat("may").await.status(), "200");
    assert_eq!(gate.lines().await.pop().unwrap().served, None);
}

#[tokio::test]
async fn another_deployment_serves_if_the_first_one_fails_at_tls() {
    let models = "
model_list:
  - {model_name: may, litellm_params: {model: openai/first, api_base: 'https://UPSTREAM/v1', order: 1}}
  - {model_name: may, litellm_params: {model: openai/second, api_base: 'http://UPSTREAM/v1', order: 2}}
";
    let gate = configured::gate("[may]", models, &[]).await;
    let mut client = gate.chat(&gate.token(&["basic_user"]), r#"{"model": "may", "n": 1}"#).await;
    let (first, _) = soon(gate.upstream.accept()).await.unwrap();
    drop(first);
    let (mut second, request) = gate.arriving().await;
    assert_eq!(request.body, r#"{"model": "second", "n": 1}"#);
    answer(&mut second, "second").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "second");
}

#[tokio::test]
async fn each_deployment_gets_its_own_key_and_place_and_nothing_of_the_one_before() {
    let models = "
model_list:
  - {model_name: may, litellm_params: {model: openai/first, api_base: 'http://UPSTREAM/v1', api_key: sk-first, organization: org-first, extra_headers: {x-first: '1'}, order: 1}}
  - {model_name: may, litellm_params: {model: azure/second, api_base: 'http://UPSTREAM', api_key: sk-second, api_version: '2024-10-21', order: 2}}
  - {model_name: may, litellm_params: {model: anthropic/third, api_base: 'http://UPSTREAM', api_key: sk-third, order: 3}}
";
    let gate = configured::gate("[may]", models, &[]).await;
    let token = gate.token(&["basic_user"]);
    let mut client = gate.chat(&token, r#"{"model": "may"}"#).await;
    for (path, header, value, model) in [
        ("/v1/chat/completions", "authorization", "Bearer sk-first", "first"),
        (
            "/openai/deployments/second/chat/completions?api-version=2024-10-21",
            "api-key",
            "sk-second",
            "second",
        ),
        ("/v1/chat/completions", "authorization", "Bearer sk-third", "third"),
    ] {
        let (mut deployment, request) = gate.arriving().await;
        assert!(request.head.starts_with(&format!("POST {path} HTTP/1.1\r\n")), "{}", request.head);
        assert_eq!(request.header(header), Some(value), "{}", request.head);
        assert_eq!(request.body, format!(r#"{{"model": "{model}"}}"#));
        let of_others: &[&str] =
            if model == "first" { &["sk-second", "sk-third"] } else { &["first", "Bearer sk-first", "org-"] };
        assert!(of_others.iter().all(|text| !request.head.contains(text)), "{}", request.head);
        assert!(!request.head.contains(&token), "{}", request.head);
        let status = if model == "third" { "200 OK" } else { "503 Failed" };
        let text = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        soon(deployment.write_all(text.as_bytes())).await.unwrap();
    }
    assert_eq!(soon(read_message(&mut client)).await.status(), "200");
}

#[tokio::test]
async fn a_large_body_is_sent_again_whole() {
    let first = Upstream::that("first", &[Fails(503, "")]).await;
    let second = Upstream::that("second", &[Serves]).await;
    let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], "").await;
    let text = "x".repeat(300 * 1024);
    let body = format!(r#"{{"messages": "{text}", "model": "may", "user": "{text}"}}"#);
    let mut client = gate.0.chat(&gate.0.token(&["basic_user"]), &body).await;
    assert_eq!(soon(read_message(&mut client)).await.body, "second");
    assert!(first.bodies() == second.bodies() && second.bodies()[0].len() > 600 * 1024);
}
