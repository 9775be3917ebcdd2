//! The questions about rules: whether a policy can fail, whether an invariant holds, whether a rule matters.
//!
//! Input: rules. Output: claims with their answers. `task` asks the solver, lets the engine confirm what it finds,
//! and asks again more narrowly if the engine does not. `beside` finds rules that are dead because of few others,
//! and `cover` finds out why a rule is dead.

mod beside;
mod comparison;
mod cover;
mod dead;
mod failures;
mod invariants;
mod task;
mod translation;

pub(super) use comparison::{compare, gained};
pub(super) use dead::useful;
pub(super) use failures::never_fails;
pub(super) use invariants::invariants;
pub(super) use task::Solver;
pub(super) use translation::translation;
