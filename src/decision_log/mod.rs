//! The decision log: one JSON line for each decision, written in the background.
//!
//! `docs/reference/decision-log.md` describes the format. A request queues its [`Line`] and continues. A separate
//! thread masks the line, adds it to the hash chain, and writes it.

mod chain;
mod file;
mod line;
mod mask;
mod writer;

use std::path::PathBuf;

pub use chain::{Chain, Link, LinkError};
pub use line::{Input, Line, LoggedAccess, LoggedCaller, Served, ShadowDecision, Verdict, cut};
#[cfg(feature = "gateway")]
pub(crate) use mask::Mask;
pub(crate) use mask::shown;
pub use writer::DecisionLog;

/// The decision log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecisionLogError {
    /// The file cannot be opened or read.
    #[error("the decision log `{file}` cannot be opened: {cause}")]
    Open {
        /// The file.
        file: PathBuf,
        /// The reason.
        cause: std::io::Error,
    },
    /// Another process writes to the file. Its lines would break the chain and the rotation.
    #[error("the decision log `{file}` is being written by another process")]
    Taken {
        /// The file.
        file: PathBuf,
    },
    /// The system cannot start a thread.
    #[error("the decision log's thread cannot be started: {0}")]
    Thread(std::io::Error),
}

#[cfg(test)]
mod tests;
