//! What is in flight.

use std::sync::Arc;

use super::callers::{CallerShare, Callers};
use super::meter::{Meter, Share};
use super::respond::Refusal;
use crate::config::Limits;
use crate::identity::Caller;

/// What the gateway has taken on. Each has a bound in `modelgate.limits`.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) connections: Meter,
    pub(super) body_bytes: Meter,
    requests: Meter,
    callers: Arc<Callers>,
}

impl Load {
    /// A request comes in.
    pub(super) fn admit(&self, limits: &Limits) -> Result<Share, Refusal> {
        self.requests.take_one(limits.requests).ok_or(Refusal::Overloaded)
    }

    /// Its caller is known.
    pub(super) fn admit_caller(&self, caller: &Caller, limits: &Limits) -> Result<CallerShare, Refusal> {
        self.callers.take_one(caller, limits.requests_per_caller).ok_or(Refusal::TooManyRequests)
    }
}
