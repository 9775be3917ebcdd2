//! Decisions: an immutable [`Snapshot`] of everything that a decision needs.
//!
//! Whoever decides keeps one snapshot from the beginning of a request to its end, and so never sees half of a change.

mod authorize;
mod callable;
mod context;
mod decision;
mod dropped;
mod entities;
mod explain;
mod facts;
mod index;
mod listing;
mod snapshot;
mod team;

pub use decision::{Decision, Denied, Permit, Rule};
pub use explain::{Considered, Explanation};
pub use snapshot::{Snapshot, SnapshotError};
