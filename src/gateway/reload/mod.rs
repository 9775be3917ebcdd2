//! Reloads the rules while the gateway runs.
//!
//! Input: changed files, which `watcher` detects, a new `bundle` on a server, or an operator's request. Output: a new
//! generation, which `pipeline` activates in one swap, or an error that changes nothing. `reloader` makes one attempt
//! at a time. `history` remembers what the newest attempts changed.

pub(super) mod bundle;
pub(super) mod history;
pub(super) mod reloader;
mod watcher;
