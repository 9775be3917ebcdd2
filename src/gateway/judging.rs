//! Decides a request by one generation. If that generation is replaced before the request is sent, it decides again.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use http::request::Parts;

use super::clock::Timestamp;
use super::http::body;
use super::http::error_response::Refusal;
use super::http::segmented_body::SegmentedBody;
use super::judged::Judged;
use super::loading::generation::Generation;
use super::telemetry::{Observation, Observers};
use crate::authn::{Bearer, BorrowedClaims, TokenError, VerifiedClaims, is_master_key};
use crate::decision_log::DecisionLog;
use crate::engine::Permit;
use crate::identity::Caller;
use crate::request::{ApiCall, Malformed, RequestContext, RequestHead, RequestParser};

/// The input of a decision: a caller, its request and a time.
pub(super) struct Case {
    pub(super) judged: Judged,
    pub(super) caller: Arc<Caller>,
    pub(super) call: ApiCall,
    pub(super) time: SystemTime,
}

impl Case {
    /// Decides. The shadow rules decide too, for comparison.
    pub(super) fn decide(
        self,
        source: Option<IpAddr>,
        observation: &mut Observation,
    ) -> Result<(Judged, Arc<Caller>, Permit), Refusal> {
        let Self { judged, caller, call, time } = self;
        let call = call.with_context(RequestContext { time: Some(time), source });
        observation.record_call(&call);
        let Generation { snapshot, shadow, .. } = &*judged.generation;
        let shadow = shadow.as_ref().map(|rules| rules.decide(&rules.identify_again(&caller), &call));
        let decided = snapshot.authorize(&caller, call);
        observation.decided(snapshot, decided.as_ref().map(Permit::decision).map_err(|denied| &**denied));
        if let Some(shadow) = shadow {
            observation.compared(&shadow);
        }
        let permit = decided?;
        Ok((judged, caller, permit))
    }
}

/// Begins to read a request.
pub(super) fn reading(head: &Parts) -> Result<RequestParser, Malformed> {
    RequestParser::begin(&RequestHead {
        method: &head.method,
        path: head.uri.path(),
        query: head.uri.query(),
        headers: &head.headers,
    })
}

/// Reads the same request again with other limits.
pub(super) fn read_again(head: &Parts, body: &SegmentedBody, depth: usize) -> Result<ApiCall, Malformed> {
    let mut reading = reading(head)?;
    if let RequestParser::Streamed(streamed) = &mut reading {
        body.iter().try_for_each(|piece| streamed.feed(piece))?;
    }
    body::finish(reading, body, depth)
}

/// Identifies the caller, by its credential or by `claims` that somebody else has verified. Then no credential is read. Also
/// returns the expiry of the token, in seconds since 1970.
pub(super) async fn authenticate(
    observers: &Observers,
    generation: &Generation,
    headers: &HeaderMap,
    claims: Option<&VerifiedClaims>,
    now: Timestamp,
) -> Result<(Arc<Caller>, f64), Refusal> {
    if let Some(claims) = claims {
        return Ok((Arc::new(generation.snapshot().identify(claims)), f64::INFINITY));
    }
    let config = generation.snapshot().config();
    let presented = Bearer::presented(headers, config.master_key.as_ref())?;
    let verifying = generation.verifier.as_ref().zip(config.jwt.as_ref());
    let keeps_claims = generation.keeps_claims() || observers.log().is_some_and(DecisionLog::replayable);
    // A cached token is not the master key. That was checked before it was cached.
    let known = verifying.map(|(verifier, jwt)| verifier.known(presented, &jwt.tokens, now, keeps_claims));
    if let Some(Ok(known)) = known {
        observers.metrics().accepted_token(true);
        return Ok(known);
    }
    let bearer = Bearer::new(presented)?;
    if config.master_key.as_ref().is_some_and(|key| is_master_key(&bearer, key)) {
        return Ok((Arc::new(Caller::master_key()), f64::INFINITY));
    }
    let verifying = verifying.zip(known.and_then(Result::err));
    let ((verifier, jwt), unknown) = verifying.ok_or(Refusal::Token(TokenError::Shape))?;
    let identify =
        |claims: &BorrowedClaims<'_>| generation.snapshot().identify_borrowed(claims, keeps_claims);
    // Boxed, so that a request with a cached token does not reserve memory for it.
    let verified = Box::pin(verifier.caller(&bearer, unknown, &jwt.tokens, keeps_claims, identify)).await?;
    observers.metrics().accepted_token(false);
    Ok(verified)
}
