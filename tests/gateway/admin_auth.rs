//! Who may use the admin listener: `modelgate.admin_auth`.

use std::sync::Arc;

use modelgate::gateway::{Admin, AdminError};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;

use crate::fixture::{Message, bearer, read_message, send, soon};
use crate::reload::{CLAUDE, Live};

const OPEN: [(&str, &str); 3] =
    [("GET", "/health/liveliness"), ("GET", "/health/liveness"), ("GET", "/health/readiness")];
const READ: [(&str, &str); 4] = [
    ("GET", "/metrics"),
    ("GET", "/-/snapshot"),
    ("GET", "/-/deployments"),
    ("GET", "/health/readiness?verbose"),
];
const CHANGE: [(&str, &str); 1] = [("POST", "/-/reload")];

async fn with(auth: &str) -> Live {
    let settings = format!("admin_auth: {{{auth}}}");
    Live::with(|files| files.write("config.yaml", files.yaml_with(&settings, CLAUDE))).await
}

async fn answer(live: &Live, (method, path): (&str, &str), headers: &str) -> Message {
    soon(read_message(&mut send(live.admin, method, path, headers, "").await)).await
}

async fn statuses(live: &Live, routes: &[(&str, &str)], headers: &str) -> Vec<String> {
    let mut statuses = Vec::new();
    for route in routes {
        statuses.push(answer(live, *route, headers).await.status().to_owned());
    }
    statuses.dedup();
    statuses
}

#[tokio::test]
async fn probes_need_no_credential_and_everything_else_does() {
    let live = with("token: s3cret").await;
    assert_eq!(statuses(&live, &OPEN, "").await, ["200"]);
    for headers in ["", "authorization: Basic s3cret\r\n", &bearer("s3cre"), &bearer("s3cret2")] {
        for routes in [&READ[..], &CHANGE, &[("GET", "/-/other"), ("GET", "/api/v1/sources")]] {
            assert_eq!(statuses(&live, routes, headers).await, ["401"], "{headers}");
        }
    }
    let refused = answer(&live, ("GET", "/metrics"), "").await;
    assert!(
        refused.head.contains("www-authenticate: Bearer realm=\"modelgate admin\"\r\n"),
        "{}",
        refused.head
    );
    let twice = bearer("s3cret").repeat(2);
    assert_eq!(statuses(&live, &READ, &twice).await, ["401"]);
    let holder = bearer("s3cret");
    assert_eq!(statuses(&live, &READ, &holder).await, ["200"]);
    assert_eq!(statuses(&live, &CHANGE, &holder).await, ["200"]);
    assert_eq!(answer(&live, ("GET", "/-/other"), &holder).await.status(), "404");
    // The master key and callers' tokens open nothing here.
    let token = live.gate.token(&["basic_user"]);
    assert_eq!(statuses(&live, &READ, &bearer(&token)).await, ["401"]);
}

#[tokio::test]
async fn tokens_with_a_listed_role_may_read() {
    let live = with("token: s3cret, roles: [platform-viewer, auditor]").await;
    let viewer = bearer(&live.gate.token(&["basic_user", "auditor"]));
    assert_eq!(statuses(&live, &READ, &viewer).await, ["200"]);
    assert_eq!(statuses(&live, &CHANGE, &viewer).await, ["403"]);
    assert_eq!(statuses(&live, &CHANGE, &bearer("s3cret")).await, ["200"]);
    let other = bearer(&live.gate.token(&["basic_user"]));
    assert_eq!(statuses(&live, &READ, &other).await, ["403"]);
    let token = live.gate.token(&["auditor"]);
    let forged = format!("{}AAAA", &token[..token.len() - 4]);
    assert_eq!(statuses(&live, &READ, &bearer(&forged)).await, ["401"]);
}

#[tokio::test]
async fn a_credential_does_not_open_the_listener_to_pages_of_other_sites() {
    let live = with("token: s3cret").await;
    let headers = format!("{}origin: http://evil.example\r\n", bearer("s3cret"));
    assert_eq!(statuses(&live, &READ, &headers).await, ["403"]);
}

#[tokio::test]
async fn without_credentials_only_this_machine_is_served() {
    let live = Live::start().await;
    for address in ["0.0.0.0:0", "[::]:0"] {
        let bound = Admin::bind(address.parse().unwrap(), Arc::clone(&live.reloader)).await;
        assert!(matches!(bound, Err(AdminError::Open(_))), "{address}");
    }
    let live = with("token: s3cret").await;
    let admin = Admin::bind("0.0.0.0:0".parse().unwrap(), Arc::clone(&live.reloader)).await.unwrap();
    let port = admin.local_addr().unwrap().port();
    tokio::spawn(admin.run(std::future::pending(), std::future::pending()));
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let ask = async |path: &str| {
        soon(read_message(&mut send(address, "GET", path, &bearer("s3cret"), "").await)).await
    };
    assert_eq!(ask("/metrics").await.status(), "200");

    // A reload removes the credential, not the address.
    live.files().write("config.yaml", live.files().yaml(CLAUDE));
    live.reloader.reload().await;
    assert_eq!(ask("/metrics").await.status(), "403");
    assert_eq!(ask("/health/readiness").await.status(), "200");
}

#[tokio::test]
async fn a_unix_socket_is_served_and_removed_at_the_end() {
    let live = Live::start().await;
    let path = live.gate.directory.path().join("admin.sock");
    let admin = Admin::bind_unix(&path, Arc::clone(&live.reloader)).await.unwrap();
    assert_eq!(admin.place(), format!("unix:{}", path.display()));
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(admin.run(std::future::pending(), async { drop(stopped.await) }));
    for (host, status) in [("localhost", "200"), ("evil.example", "403"), ("10.1.2.3", "403")] {
        let mut stream = soon(UnixStream::connect(&path)).await.unwrap();
        let text = format!("GET /-/snapshot HTTP/1.1\r\nhost: {host}\r\n\r\n");
        soon(stream.write_all(text.as_bytes())).await.unwrap();
        assert_eq!(soon(read_message(&mut stream)).await.status(), status, "{host}");
    }
    stop.send(()).unwrap();
    soon(async {
        while path.exists() {
            tokio::task::yield_now().await
        }
    })
    .await;
    served.abort();
}
