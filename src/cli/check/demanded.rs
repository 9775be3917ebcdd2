//! Proves what the configuration demands: `modelgate.invariants`, and the solver that `modelgate.reload` needs.

use miette::{MietteDiagnostic, Report, Severity};
use serde_json::{Value, json};

use crate::config::AllowedChange;
use crate::dropins::DropIns;
use crate::sources::Loaded;

/// What came of the proofs.
pub(super) struct Demanded {
    /// The number of invariants.
    invariants: Option<usize>,
    is_narrower: bool,
    /// The reason why nothing was proven.
    unproven: Option<Unproven>,
}

struct Unproven {
    reason: String,
    help: Option<String>,
}

/// Proves what is demanded. A machine without a solver may still be used to check the rest of a configuration.
pub(super) fn prove(loaded: &Loaded) -> miette::Result<Demanded> {
    Ok(Demanded {
        invariants: loaded.invariants.as_ref().map(DropIns::policy_count),
        is_narrower: loaded.snapshot.config().gateway.reload.allow == AllowedChange::Narrower,
        unproven: unproven(loaded)?,
    })
}

#[cfg(feature = "prove")]
fn unproven(loaded: &Loaded) -> miette::Result<Option<Unproven>> {
    use miette::Diagnostic as _;

    use crate::prove::ProveError;
    use crate::reload::{self, UnprovenError};

    match reload::check(None, loaded) {
        Ok(()) => Ok(None),
        Err(UnprovenError::Prove(error @ (ProveError::NoSolver | ProveError::Solver { .. }))) => {
            let help = error.help().map(|help| help.to_string());
            Ok(Some(Unproven { reason: error.to_string(), help }))
        }
        Err(error) => Err(Report::new(error)),
    }
}

/// Without proofs, a configuration that demands them is refused when it is read.
#[cfg(not(feature = "prove"))]
fn unproven(_: &Loaded) -> miette::Result<Option<Unproven>> {
    Ok(None)
}

impl Demanded {
    /// A line for each demand.
    pub(super) fn lines(&self) -> String {
        let state = if self.unproven.is_none() { "proven" } else { "not proven, there is no solver here" };
        let invariants = self.invariants.map(|count| format!("invariants: {count}, {state}\n"));
        let reload = "reload: only changes that are proven to allow nothing new (`modelgate.reload.allow: narrower`)\n";
        invariants.unwrap_or_default() + if self.is_narrower { reload } else { "" }
    }

    /// Says what a gateway needs to start.
    pub(super) fn warning(&self) -> Option<Report> {
        let Unproven { reason, help } = self.unproven.as_ref()?;
        let message =
            format!("nothing was proven, and a gateway does not start without the solver: {reason}");
        let warning = MietteDiagnostic::new(message).with_severity(Severity::Warning);
        Some(Report::new(match help {
            Some(help) => warning.with_help(help),
            None => warning,
        }))
    }

    pub(super) fn json(&self) -> Value {
        let proven = self.unproven.is_none();
        let invariants = self.invariants.map(|count| json!({"count": count, "proven": proven}));
        json!({"invariants": invariants, "reload": if self.is_narrower { "narrower" } else { "any" },
            "unproven": self.unproven.as_ref().map(|unproven| &unproven.reason)})
    }
}
