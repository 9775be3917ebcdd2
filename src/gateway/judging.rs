//! Decides a request by one generation, and once more if that stops counting before the request is sent.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;

use super::http::body;
use super::http::error_response::Refusal;
use super::http::segmented_body::Pieces;
use super::judged::Judged;
use super::loading::generation::InForce;
use super::pipeline::Gateway;
use super::telemetry::Observation;
use crate::engine::Permit;
use crate::identity::Caller;
use crate::request::{ApiCall, Malformed, RequestContext, RequestHead, RequestParser};

/// How often the rules may change under one request before it is given up.
const ATTEMPTS: usize = 8;

/// What is decided: a caller who asks for something, at a time.
pub(super) struct Case {
    pub(super) judged: Judged,
    pub(super) caller: Arc<Caller>,
    pub(super) call: ApiCall,
    pub(super) time: SystemTime,
}

impl Case {
    /// Decides. The rules under trial decide too, to be compared.
    pub(super) fn decide(
        self,
        source: Option<IpAddr>,
        seen: &mut Observation,
    ) -> Result<(Judged, Arc<Caller>, Permit), Refusal> {
        let Self { judged, caller, call, time } = self;
        let call = call.with_context(RequestContext { time: Some(time), source });
        seen.understood(&call);
        let InForce { snapshot, candidate, .. } = &*judged.in_force;
        let on_trial = candidate.as_ref().map(|rules| rules.decide(&rules.identify_again(&caller), &call));
        let decided = snapshot.authorize(&caller, call);
        seen.decided(snapshot, &decided);
        if let Some(on_trial) = on_trial {
            seen.compared(&on_trial);
        }
        let permit = decided?;
        Ok((judged, caller, permit))
    }
}

impl Gateway {
    /// Verifies the token again and reads the request again, both by the newest rules. Nothing of an earlier judgement is
    /// kept.
    pub(super) async fn judge_again(
        &self,
        head: &Parts,
        body: &Pieces,
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
            let authenticated = self.authenticate(&in_force, &head.headers, seen.now()).await;
            seen.authenticated(authenticated.as_ref().ok().map(|(caller, _)| &**caller));
            let (caller, expires) = authenticated?;
            if body.len() > settings.max_body_bytes {
                return Err(Refusal::BodyTooLarge { limit: settings.max_body_bytes });
            }
            let call = read_again(head, body, settings.limits.json_depth)?;
            let (judged, time) = (Judged { in_force, expires }, seen.now().wall);
            // To verify the token may have taken a while, too.
            if judged.counts(self.active(), time) {
                return Ok(Case { judged, caller, call, time });
            }
        }
        Err(Refusal::Overtaken)
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

fn read_again(head: &Parts, body: &Pieces, depth: usize) -> Result<ApiCall, Malformed> {
    let mut reading = reading(head)?;
    if let RequestParser::Streamed(streamed) = &mut reading {
        body.iter().try_for_each(|piece| streamed.feed(piece))?;
    }
    body::understood(reading, body, depth)
}
