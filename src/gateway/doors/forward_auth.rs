//! The listener for nginx, Caddy, Traefik and HAProxy: they ask with a subrequest, and describe the original request in its
//! headers.

use std::net::SocketAddr;
use std::sync::Arc;

use http::header::HeaderName;
use http::{HeaderValue, StatusCode};
use hyper::body::Body as _;
use serde_json::json;
use tokio::net::TcpListener;

use super::ask::{ask, check_peer, common, trusted};
use super::decide::Asked;
use super::original;
use super::seen_body::SeenBody;
use crate::config::{Convention, ForwardAuth};
use crate::display::escape;
use crate::gateway::http::error_response::{Answer, json_answer};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::listener::server::{self, ServerError};
use crate::gateway::listener::tls::{self, TlsSource};
use crate::gateway::pipeline::Gateway;

/// The path of the question.
const PATH: &str = "/-/authorize";
/// The status that the gateway would answer with, where nginx understands 401 and 403 alone.
const STATUS: HeaderName = HeaderName::from_static("x-modelgate-status");
const ADVICE: &str = "let the proxy send it along (Traefik: `forwardBody: true`), let modelgate forward the request, or see \
                      `modelgate.forward_auth.without_body`";

/// The listener of `modelgate.forward_auth`.
pub struct ForwardAuthServer {
    listener: TcpListener,
    convention: Convention,
    tls: Option<TlsSource>,
    gateway: Arc<Gateway>,
}

impl ForwardAuthServer {
    /// Listens on the address of the settings; port 0 selects a free port.
    ///
    /// # Errors
    ///
    /// [`ServerError`] if the address is in use or does not belong to this machine.
    pub async fn bind(settings: &ForwardAuth, gateway: Arc<Gateway>) -> Result<Self, ServerError> {
        let listener = server::bind(settings.listen).await?;
        let tls = tls::source(&gateway, |listeners| listeners.forward_auth.as_ref());
        Ok(Self { listener, convention: settings.convention, tls, gateway })
    }

    /// The address of the listener.
    ///
    /// # Errors
    ///
    /// The system cannot return the address.
    pub fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Answers until `shutdown`, then lets questions in flight finish.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, convention, tls, gateway } = self;
        let common = common(&gateway);
        server::serve_until(listener, tls, common, shutdown, move |mut incoming| {
            let gateway = Arc::clone(&gateway);
            async move { answer(&gateway, &mut incoming, convention).await }
        })
        .await;
    }
}

/// Answers a question.
async fn answer(gateway: &Gateway, incoming: &mut IncomingRequest, convention: Convention) -> Answer {
    if incoming.head.uri.path() != PATH {
        let path = escape(incoming.head.uri.path());
        let error = format!("no such route of the forward-auth listener: {path}: ask at `{PATH}`");
        return json_answer(StatusCode::NOT_FOUND, &json!({ "error": error }));
    }
    let generation = gateway.active();
    let settings = &generation.snapshot().config().gateway;
    let trusted = trusted(settings, incoming);
    let described = check_peer(incoming, &trusted, generation.tls.forward_auth.as_ref())
        .and_then(|()| original::restore(&mut incoming.head, convention));
    let seen = if incoming.body.is_end_stream() { SeenBody::Nothing } else { SeenBody::Whole };
    let without_body = settings.forward_auth.as_ref().map(|door| door.without_body).unwrap_or_default();
    let asked =
        Asked { seen, without_body, advice: ADVICE, trusted: &trusted, claims: None, stated_use: None };
    let mut answer = ask(gateway, incoming, &asked, described).await.over_http(|_| ());
    if convention == Convention::XOriginal {
        in_two_statuses(&mut answer);
    }
    answer
}

/// nginx passes 401 and 403 on, and turns every other refusal into 500.
fn in_two_statuses(answer: &mut Answer) {
    let status = answer.status();
    if ![StatusCode::OK, StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&status) {
        answer.headers_mut().insert(STATUS, HeaderValue::from(status.as_u16()));
        *answer.status_mut() = StatusCode::FORBIDDEN;
    }
}
