//! How LiteLLM's router treats deployments that fail: cool-downs, shares, and what is tried next.
//!
//! In come the settings, outcomes of calls and the time. Out go choices among deployments, waits, and the models that stand
//! in for another. Nothing here uses the network or reads a clock.

pub(in crate::gateway) mod attempts;
pub(in crate::gateway) mod choice;
pub(in crate::gateway) mod fallbacks;
pub(in crate::gateway) mod health;
pub(in crate::gateway) mod outcome;
pub(in crate::gateway) mod rules;
