//! The steps of a request, in order: each takes what only the step before it can make.

use std::net::IpAddr;
use std::sync::{Arc, LazyLock};

use arc_swap::ArcSwap;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use http_body_util::BodyExt as _;
use ipnet::IpNet;
use serde_json::json;

use super::arrival::Arrival;
use super::body::{Arriving, Room};
use super::forward::{self, Forwarder, Sent};
use super::keys::Moment;
use super::load::Load;
use super::observe::{Ended, Observation, Observers};
use super::request_id::RequestIds;
use super::respond::{Answer, REQUEST_ID, Refusal, answer_of, json_answer};
use super::{InForce, TokenVerifier, body, models, source};
use crate::authn::{Bearer, TokenError, VerifiedClaims, is_master_key};
use crate::config::GatewaySettings;
use crate::identity::Caller;
use crate::request::{RequestContext, RequestHead, RequestParser};

/// The gateway, without a socket: requests in, answers out.
pub struct Gateway {
    in_force: ArcSwap<InForce>,
    forwarder: Forwarder,
    observers: Arc<Observers>,
    load: Load,
}

impl Gateway {
    /// A gateway that verifies, decides and forwards by what is in force.
    ///
    /// # Errors
    ///
    /// If the system's certificates cannot be loaded.
    pub fn new(in_force: InForce) -> std::io::Result<Self> {
        let observers = Arc::new(Observers::new()?);
        let forwarder = Forwarder::new(&in_force.snapshot().config().gateway.limits)?;
        let load = Load::default();
        Ok(Self { in_force: ArcSwap::from_pointee(in_force), forwarder, observers, load })
    }

    /// What is in force. Load it once for each request.
    #[must_use]
    pub fn in_force(&self) -> Arc<InForce> {
        self.in_force.load_full()
    }

    /// Puts something else in force, and returns what was. Requests that hold the old one finish with it.
    pub fn put_in_force(&self, next: InForce) -> Arc<InForce> {
        self.in_force.swap(Arc::new(next))
    }

    /// Those who are told of requests.
    #[must_use]
    pub fn observers(&self) -> &Arc<Observers> {
        &self.observers
    }

    /// What is in flight.
    pub(super) fn load(&self) -> &Load {
        &self.load
    }

    /// What is counted and measured, in Prometheus' text format.
    pub(super) fn metrics(&self) -> Answer {
        let in_force = self.in_force();
        let (sources, cache) = in_force.verifier.as_ref().map(TokenVerifier::state).unwrap_or_default();
        match self.observers.scrape(in_force.snapshot().generation(), &sources, cache, &self.load) {
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
        mut arrival: Arrival,
    ) -> impl Future<Output = Answer> + Send + 'static {
        // Whatever comes after borrows the request, for the same reason.
        async move {
            let request_id = request_id(&arrival.head);
            let mut answer = match health(&arrival.head) {
                Some(answer) => answer,
                None => self.observed(&mut arrival, &request_id).await,
            };
            answer.headers_mut().insert(REQUEST_ID, request_id);
            answer
        }
    }

    /// The steps, and whoever is to know of them.
    async fn observed(&self, arrival: &mut Arrival, request_id: &HeaderValue) -> Answer {
        let mut seen = Observation::begin(&self.observers, &arrival.head, request_id);
        let answer = match self.steps(arrival, &mut seen).await {
            Ok(answer) => {
                seen.answered(answer.status(), None);
                answer
            }
            Err(refusal) => {
                let answer = refusal.answer(request_id);
                seen.answered(answer.status(), Some(&refusal));
                answer
            }
        };
        answer.map(|body| Ended::new(body, seen).boxed_unsync())
    }

    async fn steps(&self, arrival: &mut Arrival, seen: &mut Observation) -> Result<Answer, Refusal> {
        // One load: the whole request is verified, judged and forwarded by one generation.
        let in_force = self.in_force();
        let snapshot = in_force.snapshot();
        seen.judged_by(snapshot);
        let GatewaySettings { limits, max_body_bytes, trusted_proxies, .. } = &snapshot.config().gateway;
        seen.admitted(self.load.admit(limits)?);
        if arrival.head.headers.len() > limits.headers {
            return Err(Refusal::TooManyHeaders { limit: limits.headers });
        }
        let caller = self.authenticate(&in_force, &arrival.head.headers, seen.began()).await;
        seen.authenticated(caller.as_deref().ok());
        let caller = caller?;
        seen.caller_admitted(self.load.admit_caller(&caller, limits)?);

        let head = &arrival.head;
        if matches!(head.method, Method::CONNECT | Method::TRACE) {
            return Err(Refusal::Method);
        }
        let mut reading = RequestParser::begin(&RequestHead {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query(),
            headers: &head.headers,
        })?;
        let source = source_of(arrival, trusted_proxies);
        let room = Room { limits, max_body_bytes: *max_body_bytes, taken: self.load.body_bytes.nothing() };
        let mut arriving = Arriving::new(arrival, room)?;
        let body = body::read(&mut reading, &mut arriving).await?.keeping(arriving.taken());
        // What is only needed until the request is sent ends with this block, and takes no room while the answer is waited for.
        let mut outgoing = {
            let call = body::understood(reading, &body, limits.json_depth)?;
            let call = call.with_context(RequestContext { time: Some(seen.has_read()), source });
            seen.understood(&call);
            let candidate = in_force.candidate.as_ref();
            let on_trial = candidate.map(|rules| rules.decide(&rules.identify_again(&caller), &call));
            let decided = snapshot.authorize(&caller, call);
            seen.decided(snapshot, &decided);
            if let Some(on_trial) = on_trial {
                seen.compared(&on_trial);
            }
            let permit = decided?;
            if let Some(answer) = models::answer(snapshot, &caller, &permit) {
                return answer;
            }
            let sent = Sent { head: &mut arrival.head, body };
            forward::outgoing(&in_force.deployments, limits, &permit, sent, seen)?
        };
        let answered = self.forwarder.relay(&mut outgoing, &self.observers).await;
        seen.upstream(answered.as_ref().map(Response::status));
        answered
    }

    async fn authenticate(
        &self,
        in_force: &InForce,
        headers: &HeaderMap,
        now: Moment,
    ) -> Result<Arc<Caller>, Refusal> {
        let config = in_force.snapshot().config();
        let presented = Bearer::presented(headers)?;
        let verifying = in_force.verifier.as_ref().zip(config.jwt.as_ref());
        // A token that was verified in this generation is not its master key: that was looked at then.
        if let Some(caller) =
            verifying.and_then(|(verifier, jwt)| verifier.known(presented, &jwt.tokens, now))
        {
            self.observers.metrics().accepted_token(true);
            return Ok(caller);
        }
        let bearer = Bearer::new(presented)?;
        if config.master_key.as_ref().is_some_and(|key| is_master_key(&bearer, key)) {
            return Ok(Arc::new(Caller::master_key()));
        }
        let (verifier, jwt) = verifying.ok_or(Refusal::Token(TokenError::Shape))?;
        let identify = |claims: &VerifiedClaims| in_force.snapshot().identify(claims);
        // By itself, so that a request whose token is known has no room for it.
        let caller = Box::pin(verifier.caller(&bearer, &jwt.tokens, identify)).await?;
        self.observers.metrics().accepted_token(false);
        Ok(caller)
    }
}

/// From where a request comes.
fn source_of(arrival: &Arrival, trusted_proxies: &[IpNet]) -> Option<IpAddr> {
    source::address(arrival.peer?, &arrival.head.headers, trusted_proxies)
}

/// LiteLLM's health routes: open to everybody, and silent about everything but that we are here.
fn health(head: &Parts) -> Option<Answer> {
    let known = matches!(head.uri.path(), "/health/liveliness" | "/health/liveness" | "/health/readiness");
    (known && head.method == Method::GET).then(|| json_answer(StatusCode::OK, &json!({"status": "healthy"})))
}

static IDS: LazyLock<RequestIds> = LazyLock::new(RequestIds::new);

/// The caller's own id where it is short and plain, so that both sides' logs can be joined; else a random one.
fn request_id(head: &Parts) -> HeaderValue {
    let plain = |value: &&HeaderValue| {
        (1..=64).contains(&value.len())
            && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
            // A key or a token in the wrong header.
            && ![&b"sk-"[..], b"eyJ"].iter().any(|sign| value.as_bytes().starts_with(sign))
    };
    if let Some(sent) = head.headers.get(REQUEST_ID).filter(plain) {
        return sent.clone();
    }
    IDS.next()
}
