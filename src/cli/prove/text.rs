//! The report as text.

use std::fmt::Write as _;

use crate::display::escape;
use crate::prove::{Claim, Kind, Report, Verdict};

/// Every claim that is not proven, and a summary.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for claim in &report.claims {
        if claim.kind == Kind::Invariant || !matches!(claim.verdict, Verdict::Proven) {
            let _ = writeln!(text, "{claim}");
        }
    }
    for (kind, what) in [
        (Kind::NeverFails, "policies that cannot fail"),
        (Kind::Useful, "rules that matter"),
        (Kind::Invariant, "invariants that hold"),
        (Kind::Translation, "translations that are exact"),
    ] {
        let of: Vec<&Claim> = report.claims.iter().filter(|claim| claim.kind == kind).collect();
        let proven = of.iter().filter(|claim| matches!(claim.verdict, Verdict::Proven)).count();
        if !of.is_empty() {
            let _ = writeln!(text, "{what}: {proven} of {}", of.len());
        }
    }
    let _ = match (report.violated().count(), report.undecided().count()) {
        (0, 0) => writeln!(text, "proven, by {}", escape(&report.solver)),
        (0, undecided) => writeln!(text, "not proven: {undecided} undecided"),
        (violated, undecided) => writeln!(text, "not proven: {violated} violated, {undecided} undecided"),
    };
    text
}
