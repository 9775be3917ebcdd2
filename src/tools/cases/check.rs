//! Runs the cases of a configuration before it is activated.

use super::case::CaseFile;
use super::error::CaseError;
use super::run::{Outcome, run_cases};
use crate::engine::Snapshot;

/// Runs the cases that `modelgate.tests` of the snapshot's configuration names. They run against this snapshot, even if
/// they name another configuration. Call this before a snapshot is activated.
///
/// # Errors
///
/// [`CaseError`] if a case fails or cannot be read.
pub fn check(snapshot: &Snapshot) -> Result<(), CaseError> {
    let files = CaseFile::load_all(&snapshot.config().gateway.tests)?;
    let report = run_cases(snapshot, &files);
    if report.passed() {
        return Ok(());
    }
    let failures: Vec<&Outcome> = report.failures().collect();
    let text = failures.iter().map(ToString::to_string).collect();
    Err(CaseError::Failed { failed: failures.len(), all: report.outcomes.len(), text })
}
