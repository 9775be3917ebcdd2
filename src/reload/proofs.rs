//! Proofs that the configuration demands before rules become active: `modelgate.invariants` and `modelgate.reload`.

use std::path::PathBuf;

use miette::Diagnostic;

use super::beyond;
use crate::config::AllowedChange;
use crate::dropins::DropIns;
use crate::engine::{Snapshot, SnapshotError};
use crate::prove::{Invariants, Limits, ProveError, Prover, Subject, Verdict};
use crate::sources::Loaded;

/// The reason why rules lack a proof that the configuration demands. What is undecided counts as not proven.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum UnprovenError {
    /// Nothing can be proven: there is no solver, or an invariant is invalid.
    #[error("`modelgate.invariants` and `modelgate.reload` demand proofs: {0}")]
    #[diagnostic(transparent)]
    Prove(ProveError),
    /// The directory has no invariant. It is an error because nothing would be demanded.
    #[error("`{}` has no invariants", directory.display())]
    #[diagnostic(help(
        "write them into files whose names end in `.cedar`, or remove `modelgate.invariants`"
    ))]
    Empty {
        /// The directory.
        directory: PathBuf,
    },
    /// Invariants do not hold, or are undecided.
    #[error("{failed} of {all} invariants of `modelgate.invariants` are not proven:\n{text}")]
    #[diagnostic(help(
        "`modelgate prove` asks about the same invariants, without `modelgate.invariants.budget`"
    ))]
    Invariants {
        /// The number of invariants that are not proven.
        failed: usize,
        /// The number of invariants.
        all: usize,
        /// Each of them, with a request that shows the opposite, or the reason.
        text: String,
    },
    /// The rules allow a request that the active ones deny.
    #[error("`modelgate.reload.allow` is `narrower`, but this request would newly be allowed:\n{request}")]
    #[diagnostic(help("a restart takes up the rules without a comparison"))]
    Wider {
        /// The request, and what allows it.
        request: String,
    },
    /// Whether the rules allow more is undecided.
    #[error(
        "`modelgate.reload.allow` is `narrower`, and whether a request would newly be allowed is undecided: {reason}"
    )]
    #[diagnostic(help(
        "`modelgate.reload.budget` limits the time. A restart takes up the rules without a comparison"
    ))]
    Undecided {
        /// The reason.
        reason: String,
    },
    /// A setting that no proof covers may allow more.
    #[error(
        "`modelgate.reload.allow` is `narrower`, and changes that no proof covers may allow more: {settings}"
    )]
    #[diagnostic(help("a restart takes up the settings without a comparison"))]
    Beyond {
        /// The settings.
        settings: String,
    },
}

impl From<ProveError> for UnprovenError {
    fn from(error: ProveError) -> Self {
        Self::Prove(error)
    }
}

impl From<SnapshotError> for UnprovenError {
    fn from(error: SnapshotError) -> Self {
        Self::Prove(error.into())
    }
}

/// Proves what the configuration of `loaded` and the active rules demand. This takes up to the budgets of both, so call it
/// where that blocks nobody.
pub(crate) fn check(active: Option<&Snapshot>, loaded: &Loaded) -> Result<(), UnprovenError> {
    let next = &loaded.snapshot;
    let is_narrower = |snapshot: &Snapshot| snapshot.config().gateway.reload.allow == AllowedChange::Narrower;
    // The active rules decide which change is allowed. At a start, there is nothing to compare with.
    match active.filter(|active| is_narrower(active)) {
        Some(active) => narrower(active, next)?,
        // Without a solver, every later reload would be refused.
        None if is_narrower(next) => drop(Prover::new(Limits::default())?),
        None => {}
    }
    loaded.invariants.as_ref().map_or(Ok(()), |files| hold(next, &loaded.dropins, files))
}

fn narrower(active: &Snapshot, next: &Snapshot) -> Result<(), UnprovenError> {
    let settings = beyond::settings(active, next);
    if !settings.is_empty() {
        return Err(UnprovenError::Beyond { settings: settings.join(", ") });
    }
    let prover = Prover::new(Limits::within(active.config().gateway.reload.budget))?;
    match prover.gained(active, next)? {
        Verdict::Proven => Ok(()),
        Verdict::Violated { counterexample, reason } => {
            let request = counterexample.map(|found| found.to_string()).or(reason).unwrap_or_default();
            Err(UnprovenError::Wider { request })
        }
        Verdict::Undecided(reason) => Err(UnprovenError::Undecided { reason }),
    }
}

fn hold(next: &Snapshot, dropins: &DropIns, files: &DropIns) -> Result<(), UnprovenError> {
    let Some(demanded) = &next.config().gateway.invariants else { return Ok(()) };
    let invariants = Invariants::new(files.clone())?;
    if invariants.is_empty() {
        return Err(UnprovenError::Empty { directory: demanded.directory.clone() });
    }
    let subject = Subject::new(next.config().clone(), dropins.clone())?;
    // A mistake in an invariant is reported without a solver, too.
    invariants.validate(&subject)?;
    let prover = Prover::new(Limits::within(demanded.budget))?;
    let report = prover.hold(&subject, &invariants)?;
    let failed: Vec<String> = report.violated().chain(report.undecided()).map(ToString::to_string).collect();
    if report.is_proven() && report.claims.len() == invariants.len() {
        return Ok(());
    }
    Err(UnprovenError::Invariants { failed: failed.len(), all: invariants.len(), text: failed.join("\n") })
}
