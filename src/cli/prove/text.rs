//! The report as text.

use std::fmt::Write as _;

use crate::display::escape;
use crate::prove::{Claim, Counterexample, Kind, Report, Verdict};

/// Every claim that is not proven, and a summary.
pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    for claim in &report.claims {
        let (sign, said) = match &claim.verdict {
            Verdict::Proven if claim.kind == Kind::Invariant => ("✓", "holds".to_owned()),
            Verdict::Proven => continue,
            Verdict::Violated { reason, .. } => ("✗", violated(claim.kind, reason.as_deref()).to_owned()),
            Verdict::Undecided(reason) => ("?", format!("undecided: {}", escape(reason))),
        };
        let place = claim.place.as_deref().map(|place| format!(" [{}]", escape(place))).unwrap_or_default();
        let _ = writeln!(text, "{sign} {}{place}: {said}", name(claim));
        if let Verdict::Violated { counterexample: Some(found), .. } = &claim.verdict {
            text.push_str(&shown(found));
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

fn name(claim: &Claim) -> String {
    match claim.kind {
        Kind::Invariant => format!("\"{}\"", escape(&claim.name)),
        _ => format!("`{}`", escape(&claim.name)),
    }
}

fn violated(kind: Kind, reason: Option<&str>) -> &str {
    reason.unwrap_or(match kind {
        Kind::NeverFails => "its evaluation can fail, and then the request is denied",
        Kind::Invariant => "does not hold",
        Kind::Useful => "it never matters",
        Kind::Translation => "the policies and the configuration disagree",
    })
}

/// A request, the answer, and the policies that decide.
pub(in crate::cli) fn shown(found: &Counterexample) -> String {
    let answer = match found.rule {
        None if found.is_allowed => "allowed".to_owned(),
        Some(rule) => format!("denied by {rule}"),
        None => "refused: no such credential is accepted".to_owned(),
    };
    let mut text = format!("    {}\n    {answer}", escape(&found.scenario.to_string()));
    for (id, place) in &found.policies {
        let place = place.as_deref().map(|place| format!(" [{}]", escape(place))).unwrap_or_default();
        let _ = write!(text, "\n      by {}{place}", escape(id));
    }
    text.push('\n');
    text
}
