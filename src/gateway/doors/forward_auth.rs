//! The listener for nginx, Caddy, Traefik and HAProxy: they ask with a subrequest, and describe the original request in its
//! headers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use http::header::HeaderName;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde_json::json;
use tokio::net::TcpListener;

use super::decide::Asked;
use super::original;
use super::seen_body::SeenBody;
use super::verdict::Verdict;
use crate::config::{Convention, ForwardAuth, GatewaySettings};
use crate::display::escape;
use crate::gateway::http::error_response::{Answer, REQUEST_ID, Refusal, json_answer};
use crate::gateway::http::incoming::{IncomingRequest, UnreadBody};
use crate::gateway::limits::counter::Counter;
use crate::gateway::listener::connection::Common;
use crate::gateway::listener::server::{self, ServerError};
use crate::gateway::pipeline::{Gateway, request_id};
use crate::gateway::telemetry::{Observation, ObservedBody};
use crate::routes::surface::{ErrorShape, error_shape};

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
        Ok(Self { listener, convention: settings.convention, gateway })
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
        let Self { listener, convention, gateway } = self;
        let configured = Arc::clone(&gateway);
        let limits = move || configured.active().snapshot().config().gateway.limits;
        let common = Common::new(limits, Counter::default(), Arc::clone(gateway.observers()));
        server::serve_until(listener, None, common, shutdown, move |mut incoming| {
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
    let trusted = trusted(settings);
    let restored = restore(incoming, &trusted, convention);
    let request_id = request_id(&incoming.head);
    let mut observation = Observation::begin(gateway.observers(), &incoming.head, &request_id);
    let by_headers = ErrorShape::by_headers(&incoming.head.headers);
    let shape = error_shape(&incoming.head.method, incoming.head.uri.path(), by_headers);
    let decided = match restored {
        Ok(()) => {
            let seen = if incoming.body.is_end_stream() { SeenBody::Nothing } else { SeenBody::Whole };
            let without_body =
                settings.forward_auth.as_ref().map(|door| door.without_body).unwrap_or_default();
            let asked = Asked { seen, without_body, advice: ADVICE, trusted: &trusted };
            gateway.decide(incoming, &asked, &mut observation).await
        }
        Err(refusal) => Err(refusal),
    };
    let mut answer = match decided {
        Ok(verdict) => permitted(&verdict, &mut observation),
        Err(refusal) => {
            let mut answer = refusal.answer(&request_id, shape, &settings.denied_model);
            if !incoming.body.is_end_stream() {
                answer.extensions_mut().insert(UnreadBody);
            }
            if convention == Convention::XOriginal {
                in_two_statuses(&mut answer);
            }
            observation.answered(answer.status(), Some(&refusal));
            answer
        }
    };
    answer.headers_mut().insert(REQUEST_ID, request_id);
    answer.map(|body| ObservedBody::new(body, observation).boxed_unsync())
}

fn permitted(verdict: &Verdict, observation: &mut Observation) -> Answer {
    let mut answer = json_answer(StatusCode::OK, &json!({ "decision": true }));
    verdict.write(answer.headers_mut());
    observation.answered(StatusCode::OK, None);
    answer
}

/// Replaces the head of a question by the head of the original request.
fn restore(incoming: &mut IncomingRequest, trusted: &[IpNet], convention: Convention) -> Result<(), Refusal> {
    let is_trusted = |peer: IpAddr| trusted.iter().any(|network| network.contains(&peer.to_canonical()));
    if !incoming.peer.is_some_and(is_trusted) {
        return Err(Refusal::UntrustedProxy);
    }
    original::restore(&mut incoming.head, convention)
}

/// The proxies that may ask: `modelgate.trusted_proxies`, or those on this machine.
fn trusted(settings: &GatewaySettings) -> Vec<IpNet> {
    if settings.trusted_proxies.is_empty() {
        let v4 = Ipv4Net::new_assert(Ipv4Addr::LOCALHOST, 8);
        let v6 = Ipv6Net::new_assert(Ipv6Addr::LOCALHOST, 128);
        return vec![v4.into(), v6.into()];
    }
    settings.trusted_proxies.clone()
}

/// nginx passes 401 and 403 on, and turns every other refusal into 500.
fn in_two_statuses(answer: &mut Answer) {
    let status = answer.status();
    if status != StatusCode::UNAUTHORIZED && status != StatusCode::FORBIDDEN {
        answer.headers_mut().insert(STATUS, HeaderValue::from(status.as_u16()));
        *answer.status_mut() = StatusCode::FORBIDDEN;
    }
}
