//! Looks for a request that shows something before the solver is asked.
//!
//! Input: rules, and what a request should show. Output: a request with which the engine shows it, or none. A search begins
//! with requests that meet a policy, lets the engine decide each, and changes what is still in the way: `goals` says what
//! that is, `search` takes the most promising request first, `variants` changes a request so that a condition has a value.
//! `caller`, `claims`, `team`, `resource` and `context` know the parts of a request, `expression` those of a condition. `guide` has
//! the rules, the models and the paths.
//!
//! Nothing rests on this module. What it finds is confirmed by the engine, and what it does not find is a question to the
//! solver.

mod caller;
mod claims;
mod context;
mod expression;
mod goals;
mod guide;
mod resource;
mod search;
mod team;
mod variants;

pub(super) use goals::{FOR_RULE, Seen};
pub(super) use guide::Guide;

#[cfg(test)]
mod tests;
