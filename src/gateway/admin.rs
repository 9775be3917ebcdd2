//! The admin listener: what is in force and how it fares, for operators and their tools. No caller reaches it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Method, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::Gateway;
use super::respond::{Answer, json_answer};
use super::server::{self, ServerError};

/// A second socket, with routes of its own. It has no credentials: who reaches its address may use it.
pub struct Admin {
    listener: TcpListener,
    routes: Arc<Routes>,
}

struct Routes {
    gateway: Arc<Gateway>,
    draining: AtomicBool,
}

impl Admin {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    ///
    /// [`ServerError`] when the address is taken or not ours.
    pub async fn bind(address: SocketAddr, gateway: Arc<Gateway>) -> Result<Self, ServerError> {
        let listener = server::bind(address).await?;
        Ok(Self { listener, routes: Arc::new(Routes { gateway, draining: AtomicBool::new(false) }) })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// If the system cannot say.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `drained`. From `draining` on it says that it is not ready, so that nobody sends new requests.
    pub async fn run(self, draining: impl Future<Output = ()>, drained: impl Future<Output = ()>) {
        let routes = Arc::clone(&self.routes);
        let serving = server::serve_until(self.listener, drained, move |request| {
            let routes = Arc::clone(&routes);
            async move { routes.answer(&request) }
        });
        let announcing = async {
            draining.await;
            self.routes.draining.store(true, Ordering::Release);
        };
        tokio::join!(serving, announcing);
    }
}

impl Routes {
    /// The table of routes.
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/health/liveliness" | "/health/liveness") => healthy(),
            (&Method::GET, "/health/readiness") => self.readiness(request.uri().query()),
            (&Method::GET, "/metrics") => self.gateway.metrics(),
            (&Method::GET, "/-/snapshot") => json_answer(StatusCode::OK, &self.snapshot()),
            (_, path) => json_answer(
                StatusCode::NOT_FOUND,
                &json!({"error": format!("no such route of the admin listener: {} {path}", request.method())}),
            ),
        }
    }

    fn readiness(&self, query: Option<&str>) -> Answer {
        let draining = self.draining.load(Ordering::Acquire);
        let (status, text) = if draining {
            (StatusCode::SERVICE_UNAVAILABLE, "draining")
        } else {
            (StatusCode::OK, "healthy")
        };
        let mut body = json!({"status": text});
        let verbose = |query: &str| query.split('&').any(|part| part.split('=').next() == Some("verbose"));
        if let (true, Some(fields)) = (query.is_some_and(verbose), body.as_object_mut()) {
            fields.insert("snapshot".to_owned(), self.snapshot());
        }
        json_answer(status, &body)
    }

    fn snapshot(&self) -> Value {
        let snapshot = self.gateway.engine().load();
        json!({"generation": snapshot.generation(), "config": snapshot.config().file})
    }
}

fn healthy() -> Answer {
    json_answer(StatusCode::OK, &json!({"status": "healthy"}))
}
