//! The decision log: one JSON line for each decision, written beside the requests.
//!
//! `docs/reference/decision-log.md` has the format. A request hands its [`Line`] over and goes on; a thread of its own masks it,
//! chains it to the one before, and writes it.

mod chain;
mod file;
mod line;
mod mask;
mod writer;

use std::path::PathBuf;

pub use chain::{Chain, Link, LinkError};
pub use line::{Input, Line, LoggedCaller, OnTrial, Verdict, cut};
pub(crate) use mask::shown;
pub use writer::DecisionLog;

/// The decision log cannot be written from the start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionLogError {
    /// The file cannot be opened or read.
    #[error("the decision log `{file}` cannot be opened: {cause}")]
    Open {
        /// The file.
        file: PathBuf,
        /// Why.
        cause: std::io::Error,
    },
    /// Somebody else writes it: their lines would break its chain and its rotation.
    #[error("the decision log `{file}` is being written by another process")]
    Taken {
        /// The file.
        file: PathBuf,
    },
    /// The system gives no thread.
    #[error("the decision log's thread cannot be started: {0}")]
    Thread(std::io::Error),
}

#[cfg(test)]
mod tests;
