//! The steps of a request, in order: each takes what only the step before it can make.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde_json::json;

use super::forward::{Forwarder, Sent};
use super::observe::{Ended, Observation, Observers};
use super::respond::{Answer, REQUEST_ID, Refusal, answer_of, json_answer};
use super::{TokenVerifier, body, models};
use crate::authn::{Bearer, TokenError, is_master_key};
use crate::engine::{Engine, Snapshot};
use crate::identity::Caller;
use crate::request::{Reading, RequestHead};

/// The gateway, without a socket: requests in, answers out.
pub struct Gateway {
    engine: Engine,
    verifier: Option<TokenVerifier>,
    forwarder: Forwarder,
    observers: Arc<Observers>,
}

impl Gateway {
    /// A gateway that decides with `engine` and verifies tokens with `verifier`; without one every token is refused.
    ///
    /// # Errors
    ///
    /// If the system's certificates cannot be loaded.
    pub fn new(engine: Engine, verifier: Option<TokenVerifier>) -> std::io::Result<Self> {
        let observers = Arc::new(Observers::new()?);
        Ok(Self { engine, verifier, forwarder: Forwarder::new()?, observers })
    }

    /// The engine, to put another snapshot in force.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Those who are told of requests.
    #[must_use]
    pub fn observers(&self) -> &Arc<Observers> {
        &self.observers
    }

    /// What is counted and measured, in Prometheus' text format.
    pub(super) fn metrics(&self) -> Answer {
        let (sources, cache) = self.verifier.as_ref().map(TokenVerifier::state).unwrap_or_default();
        match self.observers.scrape(self.engine.load().generation(), &sources, cache) {
            Ok(text) => answer_of(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text),
            Err(error) => {
                let error = json!({"error": error.to_string()});
                json_answer(StatusCode::INTERNAL_SERVER_ERROR, &error)
            }
        }
    }

    /// Fetches the keys of every provider, so that the first token need not wait. What fails is logged, and tried again
    /// when a token needs it.
    pub async fn warm_up(&self) {
        let snapshot = self.engine.load();
        if let (Some(verifier), Some(jwt)) = (&self.verifier, &snapshot.config().jwt) {
            verifier.warm_up(&jwt.tokens).await;
        }
    }

    /// Answers a request.
    pub(super) async fn handle(self: Arc<Self>, request: Request<Incoming>) -> Answer {
        let request_id = request_id(&request);
        let mut answer = match health(&request) {
            Some(answer) => answer,
            None => self.observed(request, &request_id).await,
        };
        answer.headers_mut().insert(REQUEST_ID, request_id);
        answer
    }

    /// The steps, and whoever is to know of them.
    async fn observed(&self, request: Request<Incoming>, request_id: &HeaderValue) -> Answer {
        let mut seen = Observation::begin(&self.observers, &request, request_id);
        let answer = match self.steps(request, &mut seen).await {
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

    async fn steps(&self, request: Request<Incoming>, seen: &mut Observation) -> Result<Answer, Refusal> {
        // One load: the whole request is judged and forwarded under one configuration.
        let snapshot = self.engine.load();
        seen.judged_by(&snapshot);
        let caller = self.authenticate(&snapshot, &request).await;
        seen.authenticated(caller.as_ref().ok());
        let caller = caller?;

        let (head, incoming) = request.into_parts();
        if matches!(head.method, Method::CONNECT | Method::TRACE) {
            return Err(Refusal::Method);
        }
        let reading = Reading::begin(&RequestHead {
            method: &head.method,
            path: head.uri.path(),
            query: head.uri.query(),
            headers: &head.headers,
        })?;
        let (call, body) = body::read(reading, incoming, snapshot.config().gateway.max_body_bytes).await?;
        seen.read(&call);
        let decided = snapshot.authorize(&caller, call);
        seen.decided(&snapshot, &decided);
        let permit = decided?;
        if let Some(answer) = models::answer(&snapshot, &caller, &permit) {
            return answer;
        }
        self.forwarder.forward(&snapshot, permit, Sent { head, body }, seen).await
    }

    async fn authenticate(
        &self,
        snapshot: &Snapshot,
        request: &Request<Incoming>,
    ) -> Result<Caller, Refusal> {
        let config = snapshot.config();
        let bearer = Bearer::from_headers(request.headers())?;
        if config.master_key.as_ref().is_some_and(|key| is_master_key(&bearer, key)) {
            return Ok(Caller::master_key());
        }
        let (Some(verifier), Some(jwt)) = (&self.verifier, &config.jwt) else {
            return Err(Refusal::Token(TokenError::Shape));
        };
        let claims = verifier.verify(&bearer, &jwt.tokens).await?;
        Ok(snapshot.identify(&claims))
    }
}

/// LiteLLM's health routes: open to everybody, and silent about everything but that we are here.
fn health(request: &Request<Incoming>) -> Option<Answer> {
    let known =
        matches!(request.uri().path(), "/health/liveliness" | "/health/liveness" | "/health/readiness");
    (known && *request.method() == Method::GET)
        .then(|| json_answer(StatusCode::OK, &json!({"status": "healthy"})))
}

/// The caller's own id where it is short and plain, so that both sides' logs can be joined; else a random one.
fn request_id(request: &Request<Incoming>) -> HeaderValue {
    let plain = |value: &&HeaderValue| {
        (1..=64).contains(&value.len())
            && value.as_bytes().iter().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(b))
    };
    if let Some(sent) = request.headers().get(REQUEST_ID).filter(plain) {
        return sent.clone();
    }
    let mut random = [0_u8; 16];
    // Without randomness the id stays zero: it names a request, and guards nothing.
    let _ = aws_lc_rs::rand::fill(&mut random);
    let text = format!("{:032x}", u128::from_be_bytes(random));
    HeaderValue::from_maybe_shared(Bytes::from(text)).unwrap_or_else(|_| HeaderValue::from_static("none"))
}
