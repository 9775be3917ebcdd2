//! The steps of a request in order. Each step takes a value that only the previous step can create.
//!
//! Input: a request whose body has not arrived. Output: the answer. `reading` has the steps before the decision. `sending` is the last
//! step: it sends what was permitted.

mod reading;
mod sending;

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use sending::{Sender, Sending};
use serde_json::json;

use crate::gateway::auth::verifier::TokenVerifier;
use crate::gateway::cors;
use crate::gateway::http::client_ip;
use crate::gateway::http::error_response::{Answer, REQUEST_ID, Refusal, answer_of, json_answer};
use crate::gateway::http::incoming::{IncomingRequest, UnreadBody};
use crate::gateway::http::request_id::RequestIds;
use crate::gateway::judged::Active;
use crate::gateway::limits::admission::AdmissionControl;
use crate::gateway::loading::generation::Generation;
use crate::gateway::model_list;
use crate::gateway::probe::probe;
use crate::gateway::references::ReferenceStore;
use crate::gateway::telemetry::{Observation, ObservedBody, Observers};
use crate::gateway::upstream::client::Forwarder;
use crate::gateway::upstream::router::attempts::Attempts;
use crate::gateway::websocket::handshake::Handshake;
use crate::gateway::websocket::shared::Sockets;
use crate::routes::surface::{ErrorShape, error_shape};

/// The gateway without a socket: it turns requests into responses.
pub struct Gateway {
    active: Active,
    forwarder: Forwarder,
    observers: Arc<Observers>,
    load: AdmissionControl,
    references: Arc<ReferenceStore>,
    sockets: Arc<Sockets>,
}

impl Gateway {
    /// A gateway that uses this generation to verify, decide and forward.
    ///
    /// # Errors
    ///
    /// The system's certificates cannot be loaded.
    pub fn new(generation: Generation) -> std::io::Result<Self> {
        let observers = Arc::new(Observers::new()?);
        let forwarder = Forwarder::new(&generation.snapshot().config().gateway.limits)?;
        let load = AdmissionControl::default();
        let limits = generation.snapshot().config().gateway.limits;
        let active = Arc::new(ArcSwap::from_pointee(generation));
        let references = Arc::default();
        let sockets = Arc::new(Sockets::new(&active, &observers, &load, &references, &limits)?);
        Ok(Self { active, forwarder, observers, load, references, sockets })
    }

    /// The active configuration.
    #[must_use]
    pub fn active(&self) -> Arc<Generation> {
        self.active.load_full()
    }

    /// Activates another generation, and returns the previous one. Requests that were already sent upstream finish with
    /// the old one. All others are judged by the new one.
    pub fn activate(&self, next: Generation) -> Arc<Generation> {
        self.active.swap(Arc::new(next))
    }

    /// The observers of requests.
    #[must_use]
    pub fn observers(&self) -> &Arc<Observers> {
        &self.observers
    }

    /// The counters of what is in flight.
    pub(in crate::gateway) fn load(&self) -> &AdmissionControl {
        &self.load
    }

    /// The metrics in Prometheus' text format.
    pub(super) fn metrics(&self) -> Answer {
        let active = self.active();
        let (sources, cache) = active.verifier.as_ref().map(TokenVerifier::state).unwrap_or_default();
        let generation = active.snapshot().generation();
        let deployments: Vec<_> = active.deployments.samples(Instant::now()).collect();
        let references = self.references.len();
        match self.observers.scrape(generation, &sources, cache, &self.load, references, &deployments) {
            Ok(text) => answer_of(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
            Err(error) => {
                let error = json!({"error": error.to_string()});
                json_answer(StatusCode::INTERNAL_SERVER_ERROR, &error)
            }
        }
    }

    /// Answers a request.
    #[expect(clippy::manual_async_fn, reason = "an async function has room for its arguments twice")]
    pub(super) fn handle(
        self: Arc<Self>,
        mut incoming: IncomingRequest,
    ) -> impl Future<Output = Answer> + Send + 'static {
        // The next steps borrow the request for the same reason.
        async move {
            let request_id = request_id(&incoming.head);
            let origin = cors::origin(&incoming.head.headers);
            let mut answer = match self.unjudged(&incoming.head, origin.as_ref()) {
                Some(answer) => answer,
                None => self.observed(&mut incoming, &request_id).await,
            };
            if let Some(origin) = origin {
                let active = self.active.load();
                cors::share(answer.headers_mut(), active.snapshot().config().gateway.cors.as_ref(), origin);
            }
            answer.headers_mut().insert(REQUEST_ID, request_id);
            answer
        }
    }

    /// Answers a request that needs no decision.
    pub(super) fn unjudged(&self, head: &Parts, origin: Option<&HeaderValue>) -> Option<Answer> {
        let preflight = |origin| {
            let active = self.active.load();
            cors::preflight(head, active.snapshot().config().gateway.cors.as_ref(), origin)
        };
        origin.and_then(preflight).or_else(|| probe(head))
    }

    /// Runs the steps and informs the observers.
    async fn observed(&self, incoming: &mut IncomingRequest, request_id: &HeaderValue) -> Answer {
        let mut observation = Observation::begin(&self.observers, &incoming.head, request_id);
        // The headers move upstream with the request, and the request may fail after that.
        let by_headers = ErrorShape::by_headers(&incoming.head.headers);
        let answer = match self.steps(incoming, request_id, &mut observation).await {
            Ok(answer) => {
                observation.answered(answer.status(), None);
                answer
            }
            Err(refusal) => self.refused(&refusal, incoming, by_headers, request_id, &mut observation),
        };
        answer.map(|body| ObservedBody::new(body, observation).boxed_unsync())
    }

    /// Builds the answer to a refused request, and informs the observers.
    pub(super) fn refused(
        &self,
        refusal: &Refusal,
        incoming: &IncomingRequest,
        by_headers: ErrorShape,
        request_id: &HeaderValue,
        observation: &mut Observation,
    ) -> Answer {
        let shape = error_shape(&incoming.head.method, incoming.head.uri.path(), by_headers);
        let generation = self.active();
        let denied_model = &generation.snapshot().config().gateway.denied_model;
        let mut answer = refusal.answer(request_id, shape, denied_model);
        if !incoming.body.is_end_stream() {
            answer.extensions_mut().insert(UnreadBody);
        }
        observation.answered(answer.status(), Some(refusal));
        answer
    }

    async fn steps(
        &self,
        incoming: &mut IncomingRequest,
        request_id: &HeaderValue,
        observation: &mut Observation,
    ) -> Result<Answer, Refusal> {
        let generation = self.admit(&incoming.head, observation)?;
        let handshake = Handshake::of(incoming)?;
        if handshake.is_some() && !generation.snapshot().config().gateway.websockets {
            return Err(Refusal::WebSocketsOff);
        }
        let by = self.identify(generation, &incoming.head, None, observation).await?;
        if let Some(handshake) = handshake {
            let source = source_of(incoming, &by.0.generation);
            return Box::pin(self.sockets.open(handshake, incoming, (source, request_id), by, observation))
                .await;
        }
        let (mut case, mut body) = self.read(incoming, by, None, observation).await?;
        let mut attempts = Attempts::default();
        // The loop repeats only if the judgment becomes invalid before the request is sent.
        loop {
            let source = source_of(incoming, &case.judged.generation);
            let (judged, caller, permit) = case.decide(source, observation)?;
            let snapshot = judged.generation.snapshot();
            if let Some(answer) = model_list::answer(snapshot, &caller, &permit, &incoming.head.headers) {
                return answer;
            }
            let request =
                Sending { judged: &judged, caller: &caller, head: &mut incoming.head, body: &mut body };
            if let Some(answered) = self.sender().send(request, permit, &mut attempts, observation).await {
                return answered;
            }
            attempts.start_over();
            case = Box::pin(self.judge_again(&incoming.head, &body, None, observation)).await?;
        }
    }

    fn sender(&self) -> Sender<'_> {
        let Self { active, forwarder, observers, references, load, .. } = self;
        Sender { active, forwarder, observers, references, load }
    }
}

/// The address that a request comes from.
fn source_of(incoming: &IncomingRequest, generation: &Generation) -> Option<IpAddr> {
    let trusted_proxies = &generation.snapshot().config().gateway.trusted_proxies;
    client_ip::address(incoming.peer?, &incoming.head.headers, trusted_proxies)
}

static IDS: LazyLock<RequestIds> = LazyLock::new(RequestIds::new);

/// The caller's own request id if it is short and plain, so that both sides can match their logs. Otherwise a random
/// id.
pub(super) fn request_id(head: &Parts) -> HeaderValue {
    let plain = |value: &&HeaderValue| {
        (1..=64).contains(&value.len())
            && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
            // This may be a key or a token in the wrong header.
            && ![&b"sk-"[..], b"eyJ"].iter().any(|sign| value.as_bytes().starts_with(sign))
    };
    if let Some(sent) = head.headers.get(REQUEST_ID).filter(plain) {
        return sent.clone();
    }
    IDS.next()
}
