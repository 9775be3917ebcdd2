//! Admits requests and connections.

use std::sync::Arc;

use super::counter::{Counter, CounterGuard};
use super::per_caller::{CallerCounters, CallerGuard};
use crate::config::Limits;
use crate::identity::Caller;

/// Everything in flight. Each counter has a limit in `modelgate.limits`.
#[derive(Debug, Default)]
pub(in crate::gateway) struct AdmissionControl {
    pub(in crate::gateway) connections: Counter,
    pub(in crate::gateway) body_bytes: Counter,
    requests: Counter,
    callers: Arc<CallerCounters>,
}

impl AdmissionControl {
    /// Admits a request. `None`: too many are in flight.
    pub(in crate::gateway) fn admit(&self, limits: &Limits) -> Option<CounterGuard> {
        self.requests.take_one(limits.requests)
    }

    /// Counts the request for its caller. `None`: too many requests of this caller are in flight.
    pub(in crate::gateway) fn admit_caller(&self, caller: &Caller, limits: &Limits) -> Option<CallerGuard> {
        self.callers.take_one(caller, limits.requests_per_caller)
    }
}
