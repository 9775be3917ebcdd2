//! The admin listener: what operators ask, on a socket of its own.

use std::net::SocketAddr;

use modelgate::gateway::Admin;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::fixture::{Fixture, MASTER_KEY, Message, read_message, read_until, send, soon};

struct Operator {
    gate: Fixture,
    address: SocketAddr,
    drain: oneshot::Sender<()>,
    stop: oneshot::Sender<()>,
    served: tokio::task::JoinHandle<()>,
}

impl Operator {
    async fn start() -> Self {
        let gate = Fixture::start().await;
        let admin = Admin::bind("127.0.0.1:0".parse().unwrap(), gate.gateway.clone()).await.unwrap();
        let address = admin.local_addr().unwrap();
        let ((drain, drains), (stop, stopped)) = (oneshot::channel(), oneshot::channel());
        let served = tokio::spawn(admin.run(async { drop(drains.await) }, async { drop(stopped.await) }));
        Self { gate, address, drain, stop, served }
    }

    async fn ask(&self, method: &str, path: &str) -> Message {
        soon(read_message(&mut send(self.address, method, path, "", "").await)).await
    }
}

fn json(message: &Message) -> Value {
    serde_json::from_str(&message.body).unwrap()
}

#[tokio::test]
async fn operators_see_health_and_what_is_in_force() {
    let operator = Operator::start().await;
    for path in ["/health/liveliness", "/health/readiness"] {
        let answer = operator.ask("GET", path).await;
        assert_eq!((answer.status(), json(&answer)), ("200", serde_json::json!({"status": "healthy"})));
    }
    let generation = operator.gate.gateway.engine().load().generation();
    assert_eq!(json(&operator.ask("GET", "/-/snapshot").await)["generation"], generation);
    let verbose = json(&operator.ask("GET", "/health/readiness?verbose").await);
    assert_eq!(verbose["snapshot"]["generation"], generation);
}

#[tokio::test]
async fn other_routes_and_methods_do_nothing_there() {
    let operator = Operator::start().await;
    for (method, path) in
        [("GET", "/"), ("POST", "/-/snapshot"), ("GET", "/v1/models"), ("GET", "//-/snapshot")]
    {
        assert_eq!(operator.ask(method, path).await.status(), "404", "{method} {path}");
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
    let operator = Operator::start().await;
    operator.drain.send(()).unwrap();
    let mut stream = send(operator.address, "GET", "/health/readiness", "", "").await;
    soon(async {
        while !read_until(&mut stream, "\r\n\r\n").await.starts_with("HTTP/1.1 503") {
            stream = send(operator.address, "GET", "/health/readiness", "", "").await;
        }
    })
    .await;
    operator.stop.send(()).unwrap();
    soon(operator.served).await.unwrap();
}
