//! The policies: the names that each reads, the policies that apply to a request, and Cedar's answers.
//!
//! Input: translated and dropped-in policies, then a principal, a resource, their entities and the facts of a request.
//! Output: the policies that hold, and the outcome.

pub(super) mod asked;
pub(super) mod context;
pub(super) mod drop_ins;
pub(super) mod facts;
pub(super) mod index;
pub(super) mod outcome;
pub(super) mod questions;
pub(super) mod reads;
pub(super) mod shapes;
pub(super) mod store;
