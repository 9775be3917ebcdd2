//! The admin listener for operators.
//!
//! Input: requests of operators and their tools, on a separate address and without credentials. Output: the state of
//! the active configuration: health, metrics, the snapshot. A reload request is the only one that changes anything.

mod guard;
mod server;

pub use server::Admin;
