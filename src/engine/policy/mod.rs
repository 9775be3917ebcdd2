//! The policies: what each reads, which of them apply to a request, and what Cedar answers.
//!
//! Translated and dropped-in policies come in, then a principal, a resource, their entities and the facts of a request. The
//! policies that hold leave, and the outcome that they come to.

pub(super) mod asked;
pub(super) mod context;
pub(super) mod dropped;
pub(super) mod facts;
pub(super) mod index;
pub(super) mod outcome;
pub(super) mod questions;
pub(super) mod reads;
pub(super) mod store;
