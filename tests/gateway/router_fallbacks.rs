//! Other models stand in for one that fails, if the caller may use them.

use crate::fixture::{read_message, soon};
use crate::router_fixture::Act::{self, Fails, Resets, Says, Serves};
use crate::router_fixture::{Router, Upstream};

#[tokio::test]
async fn a_fallback_that_the_caller_may_use_serves_the_request() {
    let first = Upstream::that("first", &[Fails(500, "")]).await;
    let other = Upstream::that("other", &[Serves]).await;
    for settings in
        ["fallbacks: [{may: [may-too]}]", "default_fallbacks: [may-too]", "fallbacks: [{'*': [may-too]}]"]
    {
        let gate = Router::with(&[("may", &first, ""), ("may-too", &other, "")], settings).await;
        let answer = gate.chat("may").await;
        assert_eq!((answer.status(), answer.body.as_str()), ("200", "other"), "{settings}");
        assert_eq!(gate.served().await, ("may-too".into(), "may-too#1".into(), 2), "{settings}");
    }
    assert!(other.bodies().iter().all(|body| body == r#"{"model": "real-may-too", "messages": []}"#));
}

#[tokio::test]
async fn a_fallback_that_the_caller_may_not_use_is_not_tried() {
    let first = Upstream::that("first", &[Fails(503, "")]).await;
    let denied = Upstream::that("denied", &[Serves]).await;
    let last = Upstream::that("last", &[Serves]).await;
    let models = [("may", &first, ""), ("secret", &denied, ""), ("may-last", &last, "")];
    let gate = Router::with(&models, "fallbacks: [{may: [secret]}]").await;
    let answer = gate.chat("may").await;
    assert_eq!((answer.status(), answer.body.as_str()), ("503", "failed"));
    assert_eq!(gate.served().await, ("may".into(), "may#1".into(), 1));

    let gate = Router::with(&models, "fallbacks: [{may: [secret, may-last]}]").await;
    assert_eq!(gate.chat("may").await.body, "last");
    assert_eq!(denied.requests(), 0);
    let line = gate.lines().await.pop().unwrap();
    assert_eq!(line.models, ["may"]);
    assert!(!line.served.unwrap().policies.is_empty());
}

#[tokio::test]
async fn a_denied_request_falls_back_to_nothing() {
    let first = Upstream::that("first", &[Serves]).await;
    let other = Upstream::that("other", &[Serves]).await;
    let models = [("secret", &first, ""), ("may", &other, "")];
    let gate = Router::with(&models, "fallbacks: [{secret: [may]}]").await;
    assert_eq!(gate.chat("secret").await.status(), "403");
    assert_eq!((first.requests(), other.requests()), (0, 0));
}

#[tokio::test]
async fn fallbacks_come_after_the_other_deployments_and_in_their_order() {
    let (one, two) = (Upstream::that("one", &[Fails(500, "")]).await, Upstream::that("two", &[Resets]).await);
    let (three, four) =
        (Upstream::that("three", &[Fails(429, "")]).await, Upstream::that("four", &[Serves]).await);
    let models = [("may", &one, ""), ("may", &two, ""), ("may-b", &three, ""), ("may-c", &four, "")];
    let gate = Router::with(&models, "fallbacks: [{may: [may-b, unknown, may, may-c]}]").await;
    assert_eq!(gate.chat("may").await.body, "four");
    let requests = [&one, &two, &three, &four].map(Upstream::requests);
    assert_eq!(requests, [1, 1, 1, 1]);
    assert_eq!(gate.served().await, ("may-c".into(), "may-c#1".into(), 4));
}

#[tokio::test]
async fn if_every_fallback_fails_the_last_answer_goes_to_the_caller() {
    let first = Upstream::that("first", &[Fails(500, "")]).await;
    let other = Upstream::that("other", &[Fails(502, "x-other: 1\r\n")]).await;
    let models = [("may", &first, ""), ("may-too", &other, "")];
    let gate = Router::with(&models, "fallbacks: [{may: [may-too]}, {may-too: [may]}]").await;
    let answer = gate.chat("may").await;
    assert_eq!((answer.status(), answer.header("x-other")), ("502", Some("1")));
    assert_eq!((first.requests(), other.requests()), (1, 1));
}

#[tokio::test]
async fn a_fallback_serves_while_every_deployment_cools_down() {
    let one = Upstream::that("one", &[Fails(429, "retry-after: 60\r\n")]).await;
    let two = Upstream::that("two", &[Fails(429, "retry-after: 60\r\n")]).await;
    let other = Upstream::that("other", &[Serves]).await;
    let models = [("may", &one, ""), ("may", &two, ""), ("may-too", &other, "")];
    let gate = Router::with(&models, "fallbacks: [{may: [may-too]}]").await;
    for _ in 0..2 {
        assert_eq!(gate.chat("may").await.body, "other");
    }
    assert_eq!((one.requests(), two.requests(), other.requests()), (1, 1, 2));
    assert_eq!(gate.served().await, ("may-too".into(), "may-too#1".into(), 1));
}

#[tokio::test]
async fn an_error_of_the_request_is_no_reason_to_try_a_fallback() {
    let first = Upstream::that("first", &[Fails(400, "")]).await;
    let other = Upstream::that("other", &[Serves]).await;
    let models = [("may", &first, ""), ("may-too", &other, "")];
    let gate = Router::with(&models, "fallbacks: [{may: [may-too]}]").await;
    assert_eq!((gate.chat("may").await.status(), other.requests()), ("400", 0));
}

#[tokio::test]
async fn the_fallbacks_of_a_fallback_are_tried_too() {
    let first = Upstream::that("first", &[Fails(500, "")]).await;
    let second = Upstream::that("second", &[Fails(500, "")]).await;
    let third = Upstream::that("third", &[Serves]).await;
    let models = [("may", &first, ""), ("may-b", &second, ""), ("may-c", &third, "")];
    let gate = Router::with(&models, "fallbacks: [{may: [may-b]}, {may-b: [may, may-c]}]").await;
    assert_eq!(gate.chat("may").await.body, "third");
    assert_eq!([&first, &second, &third].map(Upstream::requests), [1, 1, 1]);
    assert_eq!(gate.served().await, ("may-c".into(), "may-c#1".into(), 3));
}

#[tokio::test]
async fn a_model_that_the_deployment_does_not_have_falls_back() {
    for script in [&[Fails(404, "")][..], &[Fails(403, "")]] {
        let first = Upstream::that("first", script).await;
        let other = Upstream::that("other", &[Serves]).await;
        let models = [("may", &first, ""), ("may", &first, ""), ("may-too", &other, "")];
        let gate = Router::with(&models, "fallbacks: [{may: [may-too]}]").await;
        assert_eq!((gate.chat("may").await.body.as_str(), first.requests()), ("other", 1));
        assert_eq!(gate.served().await, ("may-too".into(), "may-too#1".into(), 2));
    }
}

const TOO_LONG: &str = r#"{"error":{"message":"prompt is too long","code":"context_length_exceeded"}}"#;
const AGAINST_THE_POLICY: &str = r#"{"error":{"message":"refused","code":"content_policy_violation"}}"#;

#[tokio::test]
async fn a_prompt_that_is_too_long_or_refused_has_fallbacks_of_its_own() {
    let settings = "fallbacks: [{may: [may-too]}], context_window_fallbacks: [{may: [may-b]}], \
                    content_policy_fallbacks: [{may: [may-c]}]";
    const BROKEN: &[Act] = &[Fails(500, "")];
    for (script, served) in [
        (BROKEN, "general"),
        (&[Says(400, TOO_LONG)], "window"),
        (&[Says(400, AGAINST_THE_POLICY)], "policy"),
    ] {
        let first = Upstream::that("first", script).await;
        let general = Upstream::that("general", &[Serves]).await;
        let window = Upstream::that("window", &[Serves]).await;
        let policy = Upstream::that("policy", &[Serves]).await;
        let models =
            [("may", &first, ""), ("may-too", &general, ""), ("may-b", &window, ""), ("may-c", &policy, "")];
        let gate = Router::with(&models, settings).await;
        assert_eq!(gate.chat("may").await.body, served);
        assert_eq!(gate.served().await.2, 2);
    }
}

#[tokio::test]
async fn an_error_that_was_read_goes_to_the_caller_whole() {
    let first = Upstream::that("first", &[Says(400, TOO_LONG)]).await;
    let denied = Upstream::that("denied", &[Serves]).await;
    let models = [("may", &first, ""), ("secret", &denied, "")];
    let gate = Router::with(&models, "context_window_fallbacks: [{may: [secret]}]").await;
    let answer = gate.chat("may").await;
    assert_eq!((answer.status(), answer.body.as_str()), ("400", TOO_LONG));
    assert_eq!(denied.requests(), 0);
    assert_eq!(gate.served().await, ("may".into(), "may#1".into(), 1));
}

#[tokio::test]
async fn a_denied_fallback_is_not_tried_in_the_mode_that_enforces_nothing() {
    let first = Upstream::that("first", &[Fails(500, "")]).await;
    let denied = Upstream::that("denied", &[Serves]).await;
    let models = [("may", &first, ""), ("secret", &denied, "")];
    let gate = Router::with_block(&models, "fallbacks: [{may: [secret]}]", "mode: log_only").await;
    assert_eq!(gate.chat("secret").await.body, "denied");
    assert_eq!((gate.chat("may").await.status(), denied.requests()), ("500", 1));
}

#[tokio::test]
async fn a_fallback_is_named_wherever_the_request_names_its_model() {
    let first = Upstream::that("first", &[Fails(500, "")]).await;
    let other = Upstream::that("other", &[Serves]).await;
    let models = [("may", &first, ""), ("may-too", &other, "")];
    let gate = Router::with(&models, "fallbacks: [{may: [may-too]}]").await;
    let token = gate.0.token(&["basic_user"]);
    let form = "--x\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nmay\r\n--x\r\ncontent-disposition: form-data; \
                name=\"file\"; filename=\"a.mp3\"\r\n\r\nmay\r\n--x--\r\n";
    for (path, content_type, body, sent) in [
        (
            "/v1/audio/transcriptions",
            "multipart/form-data; boundary=x",
            form,
            form.replacen("may", "real-may-too", 1),
        ),
        (
            "/openai/deployments/may/chat/completions",
            "application/json",
            "{}",
            r#"{"model":"real-may-too"}"#.to_owned(),
        ),
        (
            "/v1/embeddings",
            "application/json",
            r#"{"input": "may", "model": "may"}"#,
            r#"{"input": "may", "model": "real-may-too"}"#.to_owned(),
        ),
    ] {
        let headers = format!("authorization: Bearer {token}\r\ncontent-type: {content_type}\r\n");
        let mut stream = gate.0.send("POST", path, &headers, body).await;
        assert_eq!(soon(read_message(&mut stream)).await.body, "other", "{path}");
        assert_eq!(other.bodies().pop().unwrap(), sent, "{path}");
    }
}
