//! The limits of the gateway, and counters of what is in flight.
//!
//! Input: the numbers of `modelgate.limits`, which a reload may change, and callers. Output: a guard that counts until
//! it is dropped, or nothing if the limit is reached. `http` then writes the response.

pub(super) mod admission;
pub(super) mod counter;
pub(super) mod limit;
pub(super) mod per_caller;
