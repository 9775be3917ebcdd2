//! WebSockets are opened at another deployment if one fails.

use crate::fixture::{read_message, soon};
use crate::router_fixture::Act::{self, Fails, Opens, Resets};
use crate::router_fixture::{Router, Upstream};
use crate::websocket_fixture::{bearer, knock};

/// The status of the answer to a handshake for the model `may`.
async fn opened(gate: &Router) -> String {
    let caller = bearer(&gate.0.token(&["basic_user"]));
    let mut stream = knock(&gate.0, "/v1/realtime?model=may", &caller).await;
    soon(read_message(&mut stream)).await.status().to_owned()
}

#[tokio::test]
async fn a_socket_is_opened_at_another_deployment_if_the_first_one_fails() {
    const FAULTS: [&[Act]; 4] =
        [&[Resets], &[Fails(503, "")], &[Fails(429, "retry-after: 60\r\n")], &[Fails(401, "")]];
    for script in FAULTS {
        let first = Upstream::that("first", script).await;
        let second = Upstream::that("second", &[Opens]).await;
        let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], "").await;
        assert_eq!(opened(&gate).await, "101", "{script:?}");
        assert_eq!((first.requests(), second.requests()), (1, 1), "{script:?}");
        assert_eq!(gate.served().await, ("may".into(), "may#2".into(), 2), "{script:?}");
    }
    let first = Upstream::that_is_down().await;
    let second = Upstream::that("second", &[Opens]).await;
    let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], "").await;
    assert_eq!(opened(&gate).await, "101");
}

#[tokio::test]
async fn a_refused_handshake_goes_to_the_caller_if_no_deployment_opens_it() {
    let first = Upstream::that("first", &[Fails(500, "")]).await;
    let second = Upstream::that("second", &[Fails(503, "")]).await;
    let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], "").await;
    assert_eq!(opened(&gate).await, "503");
    assert_eq!((first.requests(), second.requests()), (1, 1));

    let wrong = Upstream::that("wrong", &[Fails(400, "")]).await;
    let other = Upstream::that("other", &[Opens]).await;
    let gate = Router::with(&[("may", &wrong, "order: 1"), ("may", &other, "order: 2")], "").await;
    assert_eq!(opened(&gate).await, "400");
    assert_eq!(other.requests(), 0);
}

#[tokio::test]
async fn no_deployment_is_waited_for_longer_than_all_attempts_may_take() {
    let busy = Upstream::that("busy", &[Fails(429, "retry-after: 50\r\n")]).await;
    let limits = "limits: {upstream_total_timeout: 30}";
    let gate = Router::with_block(&[("may", &busy, "")], "num_retries: 9", limits).await;
    assert_eq!(opened(&gate).await, "429");
    assert_eq!(gate.chat("may").await.status(), "429");
    assert_eq!(busy.requests(), 2);
}

#[tokio::test]
async fn sockets_and_requests_share_the_health_of_deployments() {
    let first = Upstream::that("first", &[Fails(429, "retry-after: 60\r\n")]).await;
    let second = Upstream::that("second", &[Opens]).await;
    let gate = Router::with(&[("may", &first, "order: 1"), ("may", &second, "order: 2")], "").await;
    for _ in 0..2 {
        assert_eq!(opened(&gate).await, "101");
    }
    assert_eq!((first.requests(), second.requests()), (1, 2));
}
