//! The steps before the decision: a request is admitted, its caller identified, and its body read.

use std::sync::Arc;
use std::time::SystemTime;

use http::Method;
use http::request::Parts;

use super::Gateway;
use crate::authn::VerifiedClaims;
use crate::gateway::http::body::{self, BodyBudget, BodyReader, Codings};
use crate::gateway::http::error_response::Refusal;
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::http::segmented_body::SegmentedBody;
use crate::gateway::judged::Judged;
use crate::gateway::judging::{Case, authenticate, read_again, reading};
use crate::gateway::loading::generation::Generation;
use crate::gateway::references;
use crate::gateway::telemetry::Observation;
use crate::identity::Caller;

/// The maximum number of times that the rules may change during one request.
const ATTEMPTS: usize = 8;

impl Gateway {
    /// Admits a request within the limits. Returns the generation that judges it.
    pub(in crate::gateway) fn admit(
        &self,
        head: &Parts,
        observation: &mut Observation,
    ) -> Result<Arc<Generation>, Refusal> {
        let generation = self.active();
        let limits = &generation.snapshot().config().gateway.limits;
        observation.record_snapshot(generation.snapshot());
        observation.admitted(self.load.admit(limits).ok_or(Refusal::Overloaded)?);
        if head.headers.len() > limits.headers {
            return Err(Refusal::TooManyHeaders { limit: limits.headers });
        }
        Ok(generation)
    }

    /// Verifies the credential of a request, and admits the request within the limit of its caller. `claims` that somebody
    /// else has verified replace the credential.
    pub(in crate::gateway) async fn identify(
        &self,
        generation: Arc<Generation>,
        head: &Parts,
        claims: Option<&VerifiedClaims>,
        observation: &mut Observation,
    ) -> Result<(Judged, Arc<Caller>), Refusal> {
        let authenticated =
            authenticate(&self.observers, &generation, &head.headers, claims, observation.began()).await;
        observation.authenticated(authenticated.as_ref().ok().map(|(caller, _)| &**caller));
        self.admit_caller(generation, authenticated?, observation)
    }

    fn admit_caller(
        &self,
        generation: Arc<Generation>,
        (caller, expires): (Arc<Caller>, f64),
        observation: &mut Observation,
    ) -> Result<(Judged, Arc<Caller>), Refusal> {
        let limits = &generation.snapshot().config().gateway.limits;
        let place = self.load.admit_caller(&caller, limits).ok_or(Refusal::TooManyRequests)?;
        observation.caller_admitted(place);
        Ok((Judged { generation, expires }, caller))
    }

    /// Reads the body of a request, and parses the request. `claims` are those that identified the caller.
    pub(in crate::gateway) async fn read(
        &self,
        incoming: &mut IncomingRequest,
        (judged, caller): (Judged, Arc<Caller>),
        claims: Option<&VerifiedClaims>,
        observation: &mut Observation,
    ) -> Result<(Case, SegmentedBody), Refusal> {
        let generation = Arc::clone(&judged.generation);
        let settings = &generation.snapshot().config().gateway;
        let limits = &settings.limits;
        if matches!(incoming.head.method, Method::CONNECT | Method::TRACE) {
            return Err(Refusal::Method);
        }
        let codings = Codings::take(&mut incoming.head.headers)?;
        let mut reading = reading(&incoming.head)?;
        let taken = self.load.body_bytes.nothing();
        let budget = BodyBudget { limits, max_body_bytes: settings.max_body_bytes, taken };
        let mut body_reader = BodyReader::new(incoming, budget)?;
        let body = body::read(&mut reading, &mut body_reader, codings).await?;
        let body = body.keeping(body_reader.taken());
        let call = body::finish(reading, &body, limits.json_depth)?;
        let call = references::resolve(&self.references, settings, &caller, &incoming.head, &body, call);
        let case = Case { judged, caller, call, time: observation.received_at() };
        // Reading the body may have taken long. A request is decided by the generation that is active when it is sent.
        if case.judged.counts(&self.active, case.time) {
            return Ok((case, body));
        }
        Ok((Box::pin(self.judge_again(&incoming.head, &body, claims, observation)).await?, body))
    }

    /// Whether the active rules are still those that identified a caller.
    pub(in crate::gateway) fn is_current(&self, judged: &Judged, time: SystemTime) -> bool {
        judged.counts(&self.active, time)
    }

    /// Verifies the token and reads the request again, both by the newest rules. Nothing of an earlier judgment is
    /// reused.
    pub(super) async fn judge_again(
        &self,
        head: &Parts,
        body: &SegmentedBody,
        claims: Option<&VerifiedClaims>,
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
                authenticate(&self.observers, &generation, &head.headers, claims, observation.now()).await;
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
