//! The steps of a request in order. Each step takes a value that only the previous step can create.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use serde_json::json;

use super::auth::verifier::TokenVerifier;
use super::clock::Timestamp;
use super::cors;
use super::http::body::{BodyBudget, BodyReader, Codings};
use super::http::error_response::{Answer, REQUEST_ID, Refusal, answer_of, json_answer};
use super::http::incoming::{IncomingRequest, UnreadBody};
use super::http::request_id::RequestIds;
use super::http::segmented_body::SegmentedBody;
use super::http::{body, client_ip};
use super::judged::{self, Active, Judged};
use super::judging::{Case, authenticate, read_again, reading};
use super::limits::admission::AdmissionControl;
use super::loading::generation::Generation;
use super::model_list;
use super::outgoing::Plan;
use super::probe::probe;
use super::references::{self, ReferenceStore, Watch};
use super::telemetry::{Observation, ObservedBody, Observers};
use super::upstream::client::{Connection, Forwarder};
use super::websocket::handshake::Handshake;
use super::websocket::shared::Sockets;
use crate::config::GatewaySettings;
use crate::routes::surface::{ErrorShape, error_shape};

/// The maximum number of times that the rules may change during one request.
const ATTEMPTS: usize = 8;

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
    pub(super) fn load(&self) -> &AdmissionControl {
        &self.load
    }

    /// The metrics in Prometheus' text format.
    pub(super) fn metrics(&self) -> Answer {
        let active = self.active();
        let (sources, cache) = active.verifier.as_ref().map(TokenVerifier::state).unwrap_or_default();
        let generation = active.snapshot().generation();
        match self.observers.scrape(generation, &sources, cache, &self.load, self.references.len()) {
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
    fn unjudged(&self, head: &Parts, origin: Option<&HeaderValue>) -> Option<Answer> {
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
            Err(refusal) => {
                let shape = error_shape(&incoming.head.method, incoming.head.uri.path(), by_headers);
                let generation = self.active();
                let denied_model = &generation.snapshot().config().gateway.denied_model;
                let mut answer = refusal.answer(request_id, shape, denied_model);
                if !incoming.body.is_end_stream() {
                    answer.extensions_mut().insert(UnreadBody);
                }
                observation.answered(answer.status(), Some(&refusal));
                answer
            }
        };
        answer.map(|body| ObservedBody::new(body, observation).boxed_unsync())
    }

    async fn steps(
        &self,
        incoming: &mut IncomingRequest,
        request_id: &HeaderValue,
        observation: &mut Observation,
    ) -> Result<Answer, Refusal> {
        let generation = self.active();
        let settings @ GatewaySettings { limits, max_body_bytes, .. } =
            &generation.snapshot().config().gateway;
        observation.record_snapshot(generation.snapshot());
        observation.admitted(self.load.admit(limits).ok_or(Refusal::Overloaded)?);
        if incoming.head.headers.len() > limits.headers {
            return Err(Refusal::TooManyHeaders { limit: limits.headers });
        }
        let handshake = Handshake::of(&mut incoming.head)?;
        if handshake.is_some() && !generation.snapshot().config().gateway.websockets {
            return Err(Refusal::WebSocketsOff);
        }
        let authenticated =
            authenticate(&self.observers, &generation, &incoming.head.headers, observation.began()).await;
        observation.authenticated(authenticated.as_ref().ok().map(|(caller, _)| &**caller));
        let (caller, expires) = authenticated?;
        let place = self.load.admit_caller(&caller, limits).ok_or(Refusal::TooManyRequests)?;
        observation.caller_admitted(place);
        if let Some(handshake) = handshake {
            let source = source_of(incoming, &generation);
            let by = (Judged { generation, expires }, caller);
            return Box::pin(self.sockets.open(handshake, incoming, (source, request_id), by, observation))
                .await;
        }

        if matches!(incoming.head.method, Method::CONNECT | Method::TRACE) {
            return Err(Refusal::Method);
        }
        let codings = Codings::take(&mut incoming.head.headers)?;
        let mut reading = reading(&incoming.head)?;
        let budget =
            BodyBudget { limits, max_body_bytes: *max_body_bytes, taken: self.load.body_bytes.nothing() };
        let mut body_reader = BodyReader::new(incoming, budget)?;
        let body = body::read(&mut reading, &mut body_reader, codings).await?;
        let mut body = body.keeping(body_reader.taken());
        let call = body::finish(reading, &body, limits.json_depth)?;
        let call = references::resolve(&self.references, settings, &caller, &incoming.head, &body, call);
        let mut case =
            Case { judged: Judged { generation, expires }, caller, call, time: observation.received_at() };
        // Reading the body may have taken long. A request is decided by the generation that is active when it is sent.
        if !case.judged.counts(&self.active, case.time) {
            case = Box::pin(self.judge_again(&incoming.head, &body, observation)).await?;
        }
        // The loop repeats only if the judgment becomes invalid before the request is sent.
        loop {
            let source = source_of(incoming, &case.judged.generation);
            let (judged, caller, permit) = case.decide(source, observation)?;
            let snapshot = judged.generation.snapshot();
            if let Some(answer) = model_list::answer(snapshot, &caller, &permit, &incoming.head.headers) {
                return answer;
            }
            let config = snapshot.config();
            let mut plan = Plan::new(&judged.generation, &permit, &incoming.head, &body)?;
            plan.announce(&permit, &mut incoming.head, observation);
            let created = (incoming.head.uri.query(), &body);
            let watch = references::watch(&self.references, &config.gateway, &caller, &permit, created);
            let listing = references::listing(&self.references, &config.gateway, &caller, &permit);
            if watch.is_some() || listing.is_some() {
                Watch::ask_for_plain(&mut incoming.head.headers);
            }
            drop(permit);
            if plan.needs_token() {
                Box::pin(plan.fetch_token())
                    .await
                    .inspect_err(|refusal| observation.upstream(Err(refusal)))?;
                if !judged.counts(&self.active, observation.now().wall) {
                    case = Box::pin(self.judge_again(&incoming.head, &body, observation)).await?;
                    continue;
                }
            }
            let (connection, unsent) = if plan.is_secure() {
                let (gate, shut) = judged::gate(&self.active, &judged);
                let unsent = Box::new((incoming.head.headers.clone(), body.copied()));
                body = body.behind(gate);
                (Connection::Secure(shut), Some(unsent))
            } else if let Some(link) = self.forwarder.idle(plan.uri()) {
                (Connection::Plain(link), None)
            } else {
                // This is boxed, so that a request with a ready connection does not reserve memory for it.
                let connected = Box::pin(self.forwarder.connect(plan.uri(), plan.deadlines())).await;
                let link = connected.inspect_err(|refusal| observation.upstream(Err(refusal)))?;
                if !judged.counts(&self.active, observation.now().wall) {
                    case = Box::pin(self.judge_again(&incoming.head, &body, observation)).await?;
                    continue;
                }
                (Connection::Plain(link), None)
            };
            let outgoing =
                plan.outgoing(&config.gateway, &mut incoming.head, std::mem::take(&mut body), connection)?;
            let may_be_sent = || judged.counts(&self.active, Timestamp::now().wall);
            let answered = self.forwarder.relay(outgoing, &may_be_sent, &self.observers).await;
            let is_overtaken = matches!(answered, Err(Refusal::Overtaken));
            if let Some(unsent) = unsent.filter(|_| is_overtaken) {
                let (headers, copy) = *unsent;
                incoming.head.headers = headers;
                let budget = self.load.body_bytes.of(copy.len());
                body = copy.keeping(budget);
                case = Box::pin(self.judge_again(&incoming.head, &body, observation)).await?;
                continue;
            }
            observation.upstream(answered.as_ref().map(Response::status));
            return match (watch, listing) {
                (Some(watch), _) => answered.map(|answer| watch.over(answer)),
                (None, Some(listing)) => {
                    Box::pin(listing.over(answered?, self.load.body_bytes.nothing())).await
                }
                (None, None) => answered,
            };
        }
    }

    /// Verifies the token and reads the request again, both by the newest rules. Nothing of an earlier judgment is
    /// reused.
    async fn judge_again(
        &self,
        head: &Parts,
        body: &SegmentedBody,
        observation: &mut Observation,
    ) -> Result<Case, Refusal> {
        for _ in 0..ATTEMPTS {
            let generation = self.active();
            let settings = &generation.snapshot().config().gateway;
            observation.judged_again();
            observation.record_snapshot(generation.snapshot());
            if head.headers.len() > settings.limits.headers {
                return Err(Refusal::TooManyHeaders { limit: settings.limits.headers });
            }
            let authenticated =
                authenticate(&self.observers, &generation, &head.headers, observation.now()).await;
            observation.authenticated(authenticated.as_ref().ok().map(|(caller, _)| &**caller));
            let (caller, expires) = authenticated?;
            if body.len() > settings.max_body_bytes {
                return Err(Refusal::BodyTooLarge { limit: settings.max_body_bytes });
            }
            let call = read_again(head, body, settings.limits.json_depth)?;
            let call = references::resolve(&self.references, settings, &caller, head, body, call);
            let (judged, time) = (Judged { generation, expires }, observation.now().wall);
            // Verifying the token may have taken long, too.
            if judged.counts(&self.active, time) {
                return Ok(Case { judged, caller, call, time });
            }
        }
        Err(Refusal::Overtaken)
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
fn request_id(head: &Parts) -> HeaderValue {
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
