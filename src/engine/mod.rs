//! Decides requests with an immutable [`Snapshot`] of everything that a decision needs.
//!
//! Input: a configuration with its policies, then a caller and a request. Output: a [`Permit`], or [`Denied`] with the
//! rule that denies. One snapshot decides a request from beginning to end, so no request sees half of a change.

mod access;
mod authorize;
mod authz_context;
mod authz_query;
mod cache;
mod callable;
mod decision;
mod entities;
mod explain;
mod listing;
#[cfg(feature = "cli")]
mod mentions;
mod policy;
#[cfg(feature = "prove")]
pub(crate) mod proof;
mod snapshot;
mod team;
mod teams;

pub use access::AccessQuery;
pub use authz_query::AuthzQuery;
#[cfg(feature = "prove")]
pub(crate) use authz_query::MatchedPolicies;
#[cfg(feature = "cli")]
pub(crate) use callable::MODEL_ROUTES;
pub use decision::{Decision, Denied, Permit};
pub use explain::{Considered, Explanation};
pub use policy::facts::PolicyView;
pub use snapshot::{Snapshot, SnapshotError};

pub use crate::rules::Rule;

#[cfg(test)]
mod tests;
