//! Decides a request by one generation. If that generation is replaced before the request is sent, it decides again.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;

use super::http::body;
use super::http::error_response::Refusal;
use super::http::segmented_body::SegmentedBody;
use super::judged::Judged;
use super::loading::generation::InForce;
use super::telemetry::Observation;
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
    body::understood(reading, body, depth)
}
