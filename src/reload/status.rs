//! What came of reloading.

use std::path::Path;
use std::time::SystemTime;

use miette::{Diagnostic, NarratableReportHandler};

use crate::engine::Snapshot;

/// The state of reloading.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The number of generations that were activated since the start.
    pub reloads: u64,
    /// The number of attempts that were refused since the start.
    pub failures: u64,
    /// The reason why the last attempt was refused; `None` if it was not.
    pub last_error: Option<Failure>,
}

/// A refused attempt.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The time.
    pub at: SystemTime,
    /// The complete diagnostic.
    pub message: String,
}

/// The result of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new generation was activated.
    Loaded,
    /// The files are the same as those of the active generation.
    Unchanged,
    /// The files were refused, and the active generation stays. [`Status::last_error`] has the reason.
    Refused,
}

impl Status {
    /// Records that new rules are active.
    pub(crate) fn loaded(&mut self) {
        self.reloads += 1;
        self.last_error = None;
    }

    /// Records that the files have not changed.
    pub(crate) fn unchanged(&mut self) {
        self.last_error = None;
    }

    /// Records a refused attempt.
    pub(crate) fn refused(&mut self, message: String) {
        self.failures += 1;
        // An invalid file is read again whenever another file changes, and is then not logged again.
        if self.last_error.as_ref().is_none_or(|last| last.message != message) {
            tracing::error!("the old rules stay active: {message}");
            self.last_error = Some(Failure { at: SystemTime::now(), message });
        }
    }
}

/// Logs what is valid in new rules, but probably not intended.
pub(crate) fn warn(snapshot: &Snapshot, without_policies: Option<&Path>) {
    for warning in &snapshot.config().warnings {
        tracing::warn!("{}", diagnostic(warning));
    }
    for named in snapshot.misnamed_callers() {
        tracing::warn!("{named}");
    }
    if let Some(directory) = without_policies {
        tracing::warn!("there is no policy in `{}`", directory.display());
    }
}

/// The complete diagnostic in plain text.
pub(crate) fn diagnostic(error: &dyn Diagnostic) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail. If it did, only the message would remain.
    match NarratableReportHandler::new().render_report(&mut text, error) {
        Ok(()) => text,
        Err(_) => error.to_string(),
    }
}
