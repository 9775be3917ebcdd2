//! Decisions: an immutable [`Snapshot`] of everything that a decision needs.
//!
//! Whoever decides keeps one snapshot from the beginning of a request to its end, and so never sees half of a change.

mod authorize;
mod callable;
mod circles;
mod context;
mod decision;
mod dropped;
mod entities;
mod explain;
mod facts;
mod hierarchy;
mod index;
mod inquiry;
mod key;
mod listing;
mod names;
mod outcome;
mod profile;
mod questions;
mod reads;
mod situation;
mod snapshot;
mod team;
mod ties;

#[cfg(feature = "cli")]
pub(crate) use callable::MODEL_ROUTES;
pub use decision::{Decision, Denied, Permit, Rule};
pub use explain::{Considered, Explanation};
pub use facts::PolicyView;
pub use inquiry::Inquiry;
pub(crate) use profile::Profile;
pub use snapshot::{Snapshot, SnapshotError};

#[cfg(test)]
mod tests;
