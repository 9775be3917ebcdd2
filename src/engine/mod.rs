//! Decisions: an immutable [`Snapshot`] behind one pointer.

mod decision;

pub use decision::{Decision, Denied, Permit, Rule};
