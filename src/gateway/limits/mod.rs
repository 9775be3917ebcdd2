//! The bounds of the gateway, and counts of what is in flight.
//!
//! In come the numbers of `modelgate.limits`, which a reload may change, and callers. Out go guards, each of which counts
//! until it is dropped, or nothing where there is too much already. What a caller is told then is `http`'s to say.

pub(super) mod admission;
pub(super) mod counter;
pub(super) mod limit;
pub(super) mod per_caller;
