//! The admin listener: requests of operators, on a socket of its own.

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::fixture::{Fixture, MASTER_KEY, read_message, send, soon};
use crate::reload::{CLAUDE, Live, json};

#[tokio::test]
async fn operators_see_health_and_what_is_in_force() {
    let live = Live::start().await;
    for path in ["/health/liveliness", "/health/readiness"] {
        let answer = live.ask("GET", path).await;
        assert_eq!((answer.status(), json(&answer)), ("200", serde_json::json!({"status": "healthy"})));
    }
    let generation = live.gate.gateway.active().snapshot().generation();
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
        // The caller may use every route, so the path is forwarded to the upstream.
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

/// The status of a request with only these headers.
async fn status(live: &Live, method: &str, path: &str, headers: &str) -> String {
    let mut stream = soon(TcpStream::connect(live.admin)).await.unwrap();
    let text = format!("{method} {path} HTTP/1.1\r\ncontent-length: 0\r\n{headers}\r\n");
    soon(stream.write_all(text.as_bytes())).await.unwrap();
    soon(read_message(&mut stream)).await.status().to_owned()
}

const ROUTES: [(&str, &str); 4] =
    [("GET", "/metrics"), ("GET", "/-/snapshot"), ("GET", "/health/readiness"), ("POST", "/-/reload")];

#[tokio::test]
async fn a_name_that_is_rebound_to_the_listener_reaches_nothing() {
    let live = Live::start().await;
    for (method, path) in ROUTES {
        for host in ["evil.example", "localhost.evil.example:4001", "127.0.0.1.nip.io", "10.1.2.3"] {
            assert_eq!(
                status(&live, method, path, &format!("host: {host}\r\n")).await,
                "403",
                "{path} {host}"
            );
        }
        assert_eq!(status(&live, method, path, "").await, "403", "{path}");
        for host in ["localhost", "127.0.0.1:4001", "[::1]:4001", &live.admin.to_string()] {
            assert_eq!(
                status(&live, method, path, &format!("host: {host}\r\n")).await,
                "200",
                "{path} {host}"
            );
        }
    }
}

#[tokio::test]
async fn the_operator_lists_further_names_of_the_listener() {
    let settings = "admin_hosts: [Gate.internal, .svc.cluster.local]";
    let live = Live::with(|files| files.write("config.yaml", files.yaml_with(settings, CLAUDE))).await;
    for (host, expected) in
        [("gate.internal:4001", "200"), ("x.ops.svc.cluster.local", "200"), ("svc.cluster.local", "403")]
    {
        assert_eq!(status(&live, "GET", "/metrics", &format!("host: {host}\r\n")).await, expected, "{host}");
    }
}

#[tokio::test]
async fn a_page_of_another_site_reaches_nothing() {
    let live = Live::start().await;
    let before = live.reloader.status().reloads;
    for (method, path) in ROUTES {
        for header in [
            "origin: http://evil.example",
            "origin: null",
            "origin: http://localhost:3000",
            "sec-fetch-site: cross-site",
            "sec-fetch-site: same-site",
        ] {
            let headers = format!("host: localhost:4001\r\n{header}\r\n");
            assert_eq!(status(&live, method, path, &headers).await, "403", "{path} {header}");
        }
    }
    assert_eq!(live.reloader.status().reloads, before);
    let own = "host: localhost:4001\r\norigin: http://localhost:4001\r\nsec-fetch-site: same-origin\r\n";
    assert_eq!(status(&live, "POST", "/-/reload", own).await, "200");
}
