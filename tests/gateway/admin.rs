//! The admin listener: what operators ask, on a socket of its own.

use crate::fixture::{Fixture, MASTER_KEY, read_message, send, soon};
use crate::reload::{CLAUDE, Live, json};

#[tokio::test]
async fn operators_see_health_and_what_is_in_force() {
    let live = Live::start().await;
    for path in ["/health/liveliness", "/health/readiness"] {
        let answer = live.ask("GET", path).await;
        assert_eq!((answer.status(), json(&answer)), ("200", serde_json::json!({"status": "healthy"})));
    }
    let generation = live.gate.gateway.in_force().snapshot().generation();
    assert_eq!(json(&live.ask("GET", "/-/snapshot").await)["generation"], generation);
    let verbose = json(&live.ask("GET", "/health/readiness?verbose").await);
    assert_eq!(verbose["snapshot"]["generation"], generation);
}

#[tokio::test]
async fn readiness_says_that_denials_are_not_enforced() {
    let live =
        Live::with(|files| files.write("config.yaml", files.yaml_with("mode: log_only", CLAUDE))).await;
    let answer = json(&live.ask("GET", "/health/readiness").await);
    assert_eq!(answer, serde_json::json!({"status": "healthy", "mode": "log_only"}));
}

#[tokio::test]
async fn other_routes_and_methods_do_nothing_there() {
    let live = Live::start().await;
    for (method, path) in
        [("GET", "/"), ("POST", "/-/snapshot"), ("GET", "/v1/models"), ("GET", "//-/snapshot")]
    {
        assert_eq!(live.ask(method, path).await.status(), "404", "{method} {path}");
    }
}

#[tokio::test]
async fn no_caller_reaches_admin_routes_or_details_through_the_main_listener() {
    let gate = Fixture::with("upstream: {api_base: 'http://UPSTREAM/'}").await;
    let master = format!("authorization: Bearer {MASTER_KEY}\r\n");
    let token = format!("authorization: Bearer {}\r\n", gate.token(&["basic_user"]));
    for (method, path) in [("GET", "/-/snapshot"), ("POST", "/-/reload")] {
        assert_eq!(gate.refused(method, path, "", "").await.status(), "401", "{path}");
        assert_eq!(gate.refused(method, path, &token, "").await.status(), "403", "{path}");
        // To whom everything is allowed it is a path like any other: the upstream's affair.
        let _asking = gate.send(method, path, &master, "").await;
        assert!(gate.arriving().await.1.head.contains(path));
    }
    let answer = gate.refused("GET", "/health/readiness?verbose", "", "").await;
    assert_eq!(answer.body, r#"{"status":"healthy"}"#);
}

#[tokio::test]
async fn it_says_that_it_drains_and_ends_with_the_gateway() {
    let live = Live::start().await;
    live.drain.send(()).unwrap();
    let mut status = String::new();
    soon(async {
        while status != "503" {
            let mut stream = send(live.admin, "GET", "/health/readiness", "", "").await;
            status = read_message(&mut stream).await.status().to_owned();
        }
    })
    .await;
    live.stop_admin.send(()).unwrap();
    soon(live.administered).await.unwrap();
}
