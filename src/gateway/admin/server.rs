//! The admin listener. It exposes health, metrics and the active configuration to operators and their tools. Callers do
//! not use it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Instant, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::guard;
use crate::config::{Limits, Mode};
use crate::display::escape;
use crate::gateway::http::error_response::{Answer, json_answer};
use crate::gateway::limits::counter::Counter;
use crate::gateway::listener::connection::Common;
use crate::gateway::listener::server::{self, ServerError};
use crate::gateway::reload::reloader::Reloader;
use crate::reload::Outcome;

/// The maximum number of connections. Operators have their own listener, so that callers cannot block them.
const CONNECTIONS: usize = 256;

/// A second socket with its own routes. It has no credentials, so anyone who can reach the address may use it.
pub struct Admin {
    listener: TcpListener,
    routes: Arc<Routes>,
}

struct Routes {
    reloader: Arc<Reloader>,
    address: SocketAddr,
    draining: AtomicBool,
}

impl Admin {
    /// Listens on an address; port 0 selects a free port.
    ///
    /// # Errors
    ///
    /// [`ServerError`] if the address is in use or does not belong to this machine.
    pub async fn bind(address: SocketAddr, reloader: Arc<Reloader>) -> Result<Self, ServerError> {
        let listener = server::bind(address).await?;
        let address = listener.local_addr().unwrap_or(address);
        let routes = Routes { reloader, address, draining: AtomicBool::new(false) };
        Ok(Self { listener, routes: Arc::new(routes) })
    }

    /// The address of the listener.
    ///
    /// # Errors
    ///
    /// The system cannot return the address.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `drained`. After `draining`, it reports that it is not ready, so that load balancers send no new
    /// requests.
    pub async fn run(self, draining: impl Future<Output = ()>, drained: impl Future<Output = ()>) {
        let routes = Arc::clone(&self.routes);
        let observers = Arc::clone(self.routes.reloader.gateway().observers());
        let limits = Limits { connections: CONNECTIONS, ..Limits::default() };
        let common = Arc::new(Common::new(move || limits, Counter::default(), observers));
        let serving = server::serve_until(self.listener, None, common, drained, move |incoming| {
            let routes = Arc::clone(&routes);
            async move { routes.answer(&incoming.head).await }
        });
        let announcing = async {
            draining.await;
            self.routes.draining.store(true, Ordering::Release);
        };
        tokio::join!(serving, announcing);
    }
}

impl Routes {
    async fn answer(&self, head: &Parts) -> Answer {
        let generation = self.reloader.gateway().active();
        match guard::check(head, self.address, &generation.snapshot().config().gateway.admin_hosts) {
            Ok(()) => self.route(head).await,
            Err(stranger) => {
                tracing::warn!(path = head.uri.path(), "refused by the admin listener: {stranger}");
                json_answer(StatusCode::FORBIDDEN, &json!({"error": stranger.to_string()}))
            }
        }
    }

    /// The table of routes.
    async fn route(&self, head: &Parts) -> Answer {
        match (&head.method, head.uri.path()) {
            (&Method::GET, "/health/liveliness" | "/health/liveness") => healthy(),
            (&Method::GET, "/health/readiness") => self.readiness(head.uri.query()),
            (&Method::GET, "/metrics") => self.reloader.gateway().metrics(),
            (&Method::GET, "/-/deployments") => json_answer(StatusCode::OK, &self.deployments()),
            (&Method::GET, "/-/snapshot") => json_answer(StatusCode::OK, &self.snapshot()),
            (&Method::POST, "/-/reload") => self.reload().await,
            (_, path) => json_answer(
                StatusCode::NOT_FOUND,
                &json!({"error": format!("no such route of the admin listener: {} {}", head.method, escape(path))}),
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
        let log_only = self.reloader.gateway().active().snapshot().config().gateway.mode == Mode::LogOnly;
        if let (true, Some(fields)) = (log_only, body.as_object_mut()) {
            fields.insert("mode".to_owned(), json!("log_only"));
        }
        let verbose = |query: &str| query.split('&').any(|part| part.split('=').next() == Some("verbose"));
        if let (true, Some(fields)) = (query.is_some_and(verbose), body.as_object_mut()) {
            fields.insert("snapshot".to_owned(), self.snapshot());
        }
        json_answer(status, &body)
    }

    async fn reload(&self) -> Answer {
        let (status, outcome) = match self.reloader.reload().await {
            Outcome::Loaded => (StatusCode::OK, "loaded"),
            Outcome::Unchanged => (StatusCode::OK, "unchanged"),
            Outcome::Refused => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
        };
        json_answer(status, &json!({"outcome": outcome, "snapshot": self.snapshot()}))
    }

    /// The health of each deployment, without keys and with no more of its address than the host.
    fn deployments(&self) -> Value {
        let active = self.reloader.gateway().active();
        let deployments = active.deployments.health(Instant::now()).map(|deployment| {
            json!({
                "model": deployment.model,
                "deployment": deployment.label,
                "host": deployment.host,
                "cooling_down_seconds": deployment.cooling.map(|rest| rest.as_secs_f64()),
                "succeeded": deployment.calls.succeeded,
                "failed": deployment.calls.failed,
            })
        });
        json!({
            "generation": active.snapshot().generation(),
            "deployments": deployments.collect::<Vec<_>>(),
        })
    }

    fn snapshot(&self) -> Value {
        let (generation, status) = (self.reloader.gateway().active(), self.reloader.status());
        let origin = generation.origin();
        let error = status
            .last_error
            .map(|error| json!({"at": time(error.at), "message": escape_lines(&error.message)}));
        json!({
            "generation": generation.snapshot().generation(),
            "hash": origin.map(|origin| &origin.hash),
            "loaded_at": origin.map(|origin| time(origin.loaded_at)),
            "files": origin.map(|origin| origin.files.iter().map(|file| file.to_string_lossy()).collect::<Vec<_>>()),
            "policies": origin.map(|origin| origin.policy_count),
            "reloads": status.reloads,
            "failures": status.failures,
            "last_error": error,
        })
    }
}

/// Escapes each line of a text.
fn escape_lines(text: &str) -> String {
    text.split('\n').map(escape).collect::<Vec<_>>().join("\n")
}

/// Formats a time as RFC 3339, in UTC.
fn time(at: SystemTime) -> String {
    DateTime::<Utc>::from(at).to_rfc3339_opts(SecondsFormat::Millis, true)
}

fn healthy() -> Answer {
    json_answer(StatusCode::OK, &json!({"status": "healthy"}))
}
