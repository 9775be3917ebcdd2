//! The steps of a request in order. Each step takes a value that only the previous step can create.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Body as _;
use serde_json::json;

use super::auth::verifier::TokenVerifier;
use super::clock::Moment;
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
use super::loading::generation::InForce;
use super::model_list;
use super::outgoing::Plan;
use super::probe::probe;
use super::references::{self, ReferenceStore, Watch};
use super::telemetry::{Observation, ObservedBody, Observers};
use super::upstream::client::{Connection, Forwarder};
use super::upstream::retrying::{Outcome, Retrying, Routed, Spare};
use super::upstream::router::attempts::Attempts;
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
    pub fn new(in_force: InForce) -> std::io::Result<Self> {
        let observers = Arc::new(Observers::new()?);
        let forwarder = Forwarder::new(&in_force.snapshot().config().gateway.limits)?;
        let load = AdmissionControl::default();
        let limits = in_force.snapshot().config().gateway.limits;
        let active = Arc::new(ArcSwap::from_pointee(in_force));
        let references = Arc::default();
        let sockets = Arc::new(Sockets::new(&active, &observers, &load, &limits)?);
        Ok(Self { active, forwarder, observers, load, references, sockets })
    }

    /// The active configuration.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.active.load_full()
    }

    /// Activates another generation, and returns the previous one. Requests that were already sent upstream finish with
    /// the old one. All others are judged by the new one.
    pub fn put_in_force(&self, next: InForce) -> Arc<InForce> {
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
        let in_force = self.in_force();
        let (sources, cache) = in_force.verifier.as_ref().map(TokenVerifier::state).unwrap_or_default();
        let generation = in_force.snapshot().generation();
        let deployments: Vec<_> = in_force.deployments.samples(Instant::now()).collect();
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
    fn unjudged(&self, head: &Parts, origin: Option<&HeaderValue>) -> Option<Answer> {
        let preflight = |origin| {
            let active = self.active.load();
            cors::preflight(head, active.snapshot().config().gateway.cors.as_ref(), origin)
        };
        origin.and_then(preflight).or_else(|| probe(head))
    }

    /// Runs the steps and informs the observers.
    async fn observed(&self, incoming: &mut IncomingRequest, request_id: &HeaderValue) -> Answer {
        let mut seen = Observation::begin(&self.observers, &incoming.head, request_id);
        // The headers move upstream with the request, and the request may fail after that.
        let by_headers = ErrorShape::by_headers(&incoming.head.headers);
        let answer = match self.steps(incoming, request_id, &mut seen).await {
            Ok(answer) => {
                seen.answered(answer.status(), None);
                answer
            }
            Err(refusal) => {
                let shape = error_shape(&incoming.head.method, incoming.head.uri.path(), by_headers);
                let in_force = self.in_force();
                let denied_model = &in_force.snapshot().config().gateway.denied_model;
                let mut answer = refusal.answer(request_id, shape, denied_model);
                if !incoming.body.is_end_stream() {
                    answer.extensions_mut().insert(UnreadBody);
                }
                seen.answered(answer.status(), Some(&refusal));
                answer
            }
        };
        answer.map(|body| ObservedBody::new(body, seen).boxed_unsync())
    }

    async fn steps(
        &self,
        incoming: &mut IncomingRequest,
        request_id: &HeaderValue,
        seen: &mut Observation,
    ) -> Result<Answer, Refusal> {
        let in_force = self.in_force();
        let settings @ GatewaySettings { limits, max_body_bytes, .. } = &in_force.snapshot().config().gateway;
        seen.judged_by(in_force.snapshot());
        seen.admitted(self.load.admit(limits).ok_or(Refusal::Overloaded)?);
        if incoming.head.headers.len() > limits.headers {
            return Err(Refusal::TooManyHeaders { limit: limits.headers });
        }
        let handshake = Handshake::of(&mut incoming.head)?;
        if handshake.is_some() && !in_force.snapshot().config().gateway.websockets {
            return Err(Refusal::WebSocketsOff);
        }
        let authenticated =
            authenticate(&self.observers, &in_force, &incoming.head.headers, seen.began()).await;
        seen.authenticated(authenticated.as_ref().ok().map(|(caller, _)| &**caller));
        let (caller, expires) = authenticated?;
        let place = self.load.admit_caller(&caller, limits).ok_or(Refusal::TooManyRequests)?;
        seen.caller_admitted(place);
        if let Some(handshake) = handshake {
            let source = source_of(incoming, &in_force);
            let by = (Judged { in_force, expires }, caller);
            return Box::pin(self.sockets.open(handshake, incoming, (source, request_id), by, seen)).await;
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
        let call = body::understood(reading, &body, limits.json_depth)?;
        let call = references::resolve(&self.references, settings, &caller, &incoming.head, &body, call);
        let mut case = Case { judged: Judged { in_force, expires }, caller, call, time: seen.has_read() };
        // Reading the body may have taken long. A request is decided by the generation that is active when it is sent.
        if !case.judged.counts(&self.active, case.time) {
            case = Box::pin(self.judge_again(&incoming.head, &body, seen)).await?;
        }
        let mut attempts = Attempts::default();
        // The loop repeats only if the judgment becomes invalid before the request is sent.
        'judged: loop {
            let source = source_of(incoming, &case.judged.in_force);
            let (judged, caller, mut permit) = case.decide(source, seen)?;
            let InForce { snapshot, deployments, .. } = &*judged.in_force;
            if let Some(answer) = model_list::answer(snapshot, &caller, &permit, &incoming.head.headers) {
                return answer;
            }
            let config = snapshot.config();
            let retrying = Retrying { snapshot, deployments, caller: &caller };
            // The answer of a deployment that failed, until another one is found.
            let mut failed: Option<Box<Result<Answer, Refusal>>> = None;
            // The loop repeats only if a deployment failed and something else may be tried.
            loop {
                let plan = match Plan::new(&judged.in_force, &permit, &incoming.head, &body, &attempts) {
                    Ok(plan) if !attempts.is_fallback() || plan.served().is_some() => plan,
                    planned => {
                        let refusal = planned.err().unwrap_or(Refusal::NoUpstream);
                        let may_fall_back =
                            attempts.is_fallback() || matches!(refusal, Refusal::CoolingDown { .. });
                        if may_fall_back && let Some(next) = retrying.fall_back(&permit, &mut attempts, seen)
                        {
                            permit = next;
                            continue;
                        }
                        return failed.map_or(Err(refusal), |failed| *failed);
                    }
                };
                drop(failed);
                plan.announce(&permit, &mut incoming.head, seen);
                let watch = references::watch(&self.references, &config.gateway, &caller, &permit);
                if watch.is_some() {
                    Watch::ask_for_plain(&mut incoming.head.headers);
                }
                let routed = plan.served().filter(|served| served.is_routed || attempts.is_fallback());
                let routed = match routed {
                    Some(served) => {
                        attempts.ends_at(plan.deadlines().end());
                        let label = deployments.label(served.position);
                        seen.served(label, &permit, attempts.number(), attempts.is_fallback());
                        Some(Routed { permit, served })
                    }
                    None => {
                        drop(permit);
                        None
                    }
                };
                let spare = (routed.is_some() || plan.is_secure())
                    .then(|| Box::new(Spare::of(&incoming.head, &mut body, routed)));
                let connection = if plan.is_secure() {
                    let (gate, shut) = judged::gate(&self.active, &judged);
                    body = body.behind(gate);
                    Ok(Connection::Secure(shut))
                } else if let Some(link) = self.forwarder.idle(plan.uri()) {
                    Ok(Connection::Plain(link))
                } else {
                    // This is boxed, so that a request with a ready connection does not reserve memory for it.
                    let connected = Box::pin(self.forwarder.connect(plan.uri(), plan.deadlines())).await;
                    match connected {
                        Ok(_) if !judged.counts(&self.active, seen.now().wall) => Err(Refusal::Overtaken),
                        connected => connected.map(Connection::Plain),
                    }
                };
                let (is_unsent, answered) = match connection {
                    Ok(connection) => {
                        let sent = std::mem::take(&mut body);
                        let outgoing = plan.outgoing(&config.gateway, &mut incoming.head, sent, connection);
                        let may_be_sent = || judged.counts(&self.active, Moment::now().wall);
                        (false, self.forwarder.relay(outgoing, &may_be_sent, &self.observers).await)
                    }
                    Err(refusal) => (true, Err(refusal)),
                };
                let is_overtaken = matches!(answered, Err(Refusal::Overtaken));
                if is_overtaken && (is_unsent || spare.is_some()) {
                    if let Some(spare) = spare {
                        spare.restore(&mut incoming.head, &mut body);
                    }
                    attempts.start_over();
                    case = Box::pin(self.judge_again(&incoming.head, &body, seen)).await?;
                    continue 'judged;
                }
                seen.upstream(answered.as_ref().map(Response::status));
                if let Some(routed) = spare.and_then(|spare| spare.restore(&mut incoming.head, &mut body))
                    && let Some(next) =
                        Box::pin(retrying.next(routed, Outcome::of(&answered), &mut attempts, seen)).await
                {
                    if !judged.counts(&self.active, seen.now().wall) {
                        attempts.start_over();
                        case = Box::pin(self.judge_again(&incoming.head, &body, seen)).await?;
                        continue 'judged;
                    }
                    failed = Some(Box::new(answered));
                    permit = next;
                    continue;
                }
                return match watch {
                    Some(watch) => answered.map(|answer| watch.over(answer)),
                    None => answered,
                };
            }
        }
    }

    /// Verifies the token and reads the request again, both by the newest rules. Nothing of an earlier judgment is
    /// reused.
    async fn judge_again(
        &self,
        head: &Parts,
        body: &SegmentedBody,
        seen: &mut Observation,
    ) -> Result<Case, Refusal> {
        for _ in 0..ATTEMPTS {
            let in_force = self.in_force();
            let settings = &in_force.snapshot().config().gateway;
            seen.judged_again();
            seen.judged_by(in_force.snapshot());
            if head.headers.len() > settings.limits.headers {
                return Err(Refusal::TooManyHeaders { limit: settings.limits.headers });
            }
            let authenticated = authenticate(&self.observers, &in_force, &head.headers, seen.now()).await;
            seen.authenticated(authenticated.as_ref().ok().map(|(caller, _)| &**caller));
            let (caller, expires) = authenticated?;
            if body.len() > settings.max_body_bytes {
                return Err(Refusal::BodyTooLarge { limit: settings.max_body_bytes });
            }
            let call = read_again(head, body, settings.limits.json_depth)?;
            let call = references::resolve(&self.references, settings, &caller, head, body, call);
            let (judged, time) = (Judged { in_force, expires }, seen.now().wall);
            // Verifying the token may have taken long, too.
            if judged.counts(self.active(), time) {
                return Ok(Case { judged, caller, call, time });
            }
        }
        Err(Refusal::Overtaken)
    }

    /// The active configuration, for checking whether it has changed.
    pub(super) fn active(&self) -> &Active {
        &self.active
    }
}

/// The address that a request comes from.
fn source_of(incoming: &IncomingRequest, in_force: &InForce) -> Option<IpAddr> {
    let trusted_proxies = &in_force.snapshot().config().gateway.trusted_proxies;
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
