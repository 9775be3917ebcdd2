//! The routes of the admin listener, and their answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Body as _;
use serde_json::json;
use tokio::sync::watch;

use super::api::{ApiRequest, Need, OperatorApi, Served};
use super::operator::OperatorError;
use super::{guard, operator, state};
use crate::authn::BearerError;
use crate::config::{Limits, Mode};
use crate::display::escape;
use crate::gateway::http::body::{BodyBudget, BodyReader};
use crate::gateway::http::error_response::{Answer, Refusal, json_answer};
use crate::gateway::http::incoming::{IncomingRequest, UnreadBody};
use crate::gateway::limits::counter::Counter;
use crate::gateway::reload::reloader::Reloader;
use crate::reload::Outcome;

/// The maximum number of bytes of all request bodies in flight.
const BODY_BYTES: usize = 32 * 1024 * 1024;

/// What a browser may do with an answer. Every answer has these, so that no file is ever shown without them.
const PROTECTION: [(HeaderName, &str); 5] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; object-src 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

pub(super) struct Routes {
    pub(super) reloader: Arc<Reloader>,
    /// The address of the listener; `None` for a Unix socket.
    pub(super) address: Option<SocketAddr>,
    pub(super) api: Option<Arc<dyn OperatorApi>>,
    pub(super) draining: AtomicBool,
    pub(super) stopping: watch::Sender<bool>,
    pub(super) body_bytes: Counter,
}

/// The routes that this layer answers.
#[derive(Clone, Copy)]
enum Own {
    Alive,
    Ready,
    Metrics,
    Deployments,
    Snapshot,
    Reload,
}

impl Own {
    /// The table of routes.
    fn of(head: &Parts) -> Option<Self> {
        Some(match (&head.method, head.uri.path()) {
            (&Method::GET, "/health/liveliness" | "/health/liveness") => Self::Alive,
            (&Method::GET, "/health/readiness") => Self::Ready,
            (&Method::GET, "/metrics") => Self::Metrics,
            (&Method::GET, "/-/deployments") => Self::Deployments,
            (&Method::GET, "/-/snapshot") => Self::Snapshot,
            (&Method::POST, "/-/reload") => Self::Reload,
            _ => return None,
        })
    }

    fn need(self, query: Option<&str>) -> Need {
        match self {
            // Probes have no credential.
            Self::Ready if is_verbose(query) => Need::Viewer,
            Self::Alive | Self::Ready => Need::Nothing,
            Self::Metrics | Self::Deployments | Self::Snapshot => Need::Viewer,
            Self::Reload => Need::Operator,
        }
    }
}

impl Routes {
    /// Answers a request, with the headers that protect browsers.
    pub(super) async fn answer(&self, mut incoming: IncomingRequest) -> Answer {
        let mut answer = self.guarded(&mut incoming).await;
        for (name, value) in PROTECTION {
            answer.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        if !incoming.body.is_end_stream() {
            answer.extensions_mut().insert(UnreadBody);
        }
        answer
    }

    async fn guarded(&self, incoming: &mut IncomingRequest) -> Answer {
        let head = &incoming.head;
        let generation = self.reloader.gateway().active();
        let hosts = &generation.snapshot().config().gateway.admin_hosts;
        if let Err(stranger) = guard::check(head, self.address, hosts) {
            let path = escape(head.uri.path());
            tracing::warn!(%path, "refused by the admin listener: {stranger}");
            return json_answer(StatusCode::FORBIDDEN, &json!({"error": stranger.to_string()}));
        }
        let own = Own::of(head);
        let served = self.api.as_ref().and_then(|api| Some((api, api.route(head)?)));
        let need = match (own, &served) {
            (Some(own), _) => own.need(head.uri.query()),
            (None, Some((_, served))) => served.need,
            // Whoever may not see a route may not find out that there is none.
            (None, None) => Need::Viewer,
        };
        let is_local = self.address.is_none_or(|address| address.ip().to_canonical().is_loopback());
        let checked = operator::check(&generation, &head.headers, need, is_local).await;
        drop(generation);
        if let Err(error) = checked {
            let path = escape(head.uri.path());
            tracing::warn!(%path, "refused by the admin listener: {error}");
            return refused(&error);
        }
        match (own, served) {
            (Some(own), _) => self.own(own, incoming.head.uri.query()).await,
            (None, Some((api, served))) => self.api(api.as_ref(), served, incoming).await,
            (None, None) => unknown(&incoming.head),
        }
    }

    async fn own(&self, route: Own, query: Option<&str>) -> Answer {
        match route {
            Own::Alive => json_answer(StatusCode::OK, &json!({"status": "healthy"})),
            Own::Ready => self.readiness(query),
            Own::Metrics => self.reloader.gateway().metrics(),
            Own::Deployments => json_answer(StatusCode::OK, &state::deployments(&self.reloader)),
            Own::Snapshot => json_answer(StatusCode::OK, &state::snapshot(&self.reloader)),
            Own::Reload => self.reload().await,
        }
    }

    async fn api(&self, api: &dyn OperatorApi, served: Served, incoming: &mut IncomingRequest) -> Answer {
        let limits = Limits { body_bytes_in_flight: BODY_BYTES, ..Limits::default() };
        let budget = BodyBudget {
            limits: &limits,
            max_body_bytes: served.max_body_bytes,
            taken: self.body_bytes.nothing(),
        };
        let head = incoming.head.clone();
        let read = async {
            let mut reader = BodyReader::new(incoming, budget)?;
            Ok::<_, Refusal>((reader.joined().await?, reader.taken()))
        };
        let (body, _taken) = match read.await {
            Ok(read) => read,
            Err(refusal) => return json_answer(refusal.status(), &json!({"error": refusal.to_string()})),
        };
        api.answer(ApiRequest { head, body, stopping: self.stopping.subscribe() }).await
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
        if let (true, Some(fields)) = (is_verbose(query), body.as_object_mut()) {
            fields.insert("snapshot".to_owned(), state::snapshot(&self.reloader));
        }
        json_answer(status, &body)
    }

    async fn reload(&self) -> Answer {
        let (status, outcome) = match self.reloader.reload().await {
            Outcome::Loaded => (StatusCode::OK, "loaded"),
            Outcome::Unchanged => (StatusCode::OK, "unchanged"),
            Outcome::Refused => (StatusCode::UNPROCESSABLE_ENTITY, "refused"),
        };
        json_answer(status, &json!({"outcome": outcome, "snapshot": state::snapshot(&self.reloader)}))
    }
}

fn is_verbose(query: Option<&str>) -> bool {
    query.is_some_and(|query| query.split('&').any(|part| part.split('=').next() == Some("verbose")))
}

fn unknown(head: &Parts) -> Answer {
    let (method, path) = (&head.method, escape(head.uri.path()));
    let message = format!("no such route of the admin listener: {method} {path}");
    json_answer(StatusCode::NOT_FOUND, &json!({"error": message}))
}

fn refused(error: &OperatorError) -> Answer {
    let challenge = match error {
        OperatorError::Credential(BearerError::Missing) => Some(r#"Bearer realm="modelgate admin""#),
        OperatorError::Credential(_) | OperatorError::Other | OperatorError::Token(_) => {
            Some(r#"Bearer realm="modelgate admin", error="invalid_token""#)
        }
        OperatorError::Role
        | OperatorError::ViewersOnly
        | OperatorError::ProviderUnavailable
        | OperatorError::Open => None,
    };
    let status = match error {
        _ if challenge.is_some() => StatusCode::UNAUTHORIZED,
        OperatorError::ProviderUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::FORBIDDEN,
    };
    let mut answer = json_answer(status, &json!({"error": error.to_string()}));
    if let Some(challenge) = challenge {
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    }
    answer
}
