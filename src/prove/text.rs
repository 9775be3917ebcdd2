//! Claims and counterexamples as text.

use std::fmt;

use super::report::{Claim, Counterexample, Kind, Verdict};
use crate::display::escape;

impl fmt::Display for Claim {
    /// A line with the claim and its answer, and the request that shows the opposite.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = escape(&self.name);
        let quote = if self.kind == Kind::Invariant { '"' } else { '`' };
        let sign = match &self.verdict {
            Verdict::Proven => '✓',
            Verdict::Violated { .. } => '✗',
            Verdict::Undecided(_) => '?',
        };
        write!(f, "{sign} {quote}{name}{quote}")?;
        if let Some(place) = &self.place {
            write!(f, " [{}]", escape(place))?;
        }
        match &self.verdict {
            Verdict::Proven if self.kind == Kind::Invariant => f.write_str(": holds"),
            Verdict::Proven => f.write_str(": proven"),
            Verdict::Undecided(reason) => write!(f, ": undecided: {}", escape(reason)),
            Verdict::Violated { reason, counterexample } => {
                write!(f, ": {}", escape(reason.as_deref().unwrap_or_else(|| opposite(self.kind))))?;
                counterexample.as_ref().map_or(Ok(()), |found| write!(f, "\n{found}"))?;
                by(f, &self.because)
            }
        }
    }
}

/// What is true if the claim is not.
fn opposite(kind: Kind) -> &'static str {
    match kind {
        Kind::NeverFails => "its evaluation can fail, and then the request is denied",
        Kind::Invariant => "does not hold",
        Kind::Useful => "it never matters",
        Kind::Translation => "the policies and the configuration disagree",
    }
}

impl fmt::Display for Counterexample {
    /// A request, the answer, and the policies that decide, each on an indented line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "    {}\n    ", escape(&self.scenario.to_string()))?;
        match self.rule {
            None if self.is_allowed => f.write_str("allowed")?,
            Some(rule) => write!(f, "denied by {rule}")?,
            None => f.write_str("refused: no such credential is accepted")?,
        }
        by(f, &self.policies)
    }
}

/// The policies, each on an indented line.
fn by(f: &mut fmt::Formatter<'_>, policies: &[(String, Option<String>)]) -> fmt::Result {
    for (id, place) in policies {
        write!(f, "\n      by {}", escape(id))?;
        if let Some(place) = place {
            write!(f, " [{}]", escape(place))?;
        }
    }
    Ok(())
}
