//! The report as JSON.

use serde_json::{Value, json};

use crate::prove::{Counterexample, Report, Verdict};

/// The report.
pub(super) fn of(report: &Report) -> Value {
    let claims = report.claims.iter().map(|claim| {
        let (verdict, reason, found) = match &claim.verdict {
            Verdict::Proven => ("proven", None, None),
            Verdict::Violated { reason, counterexample } => {
                ("violated", reason.as_deref(), counterexample.as_deref().map(counterexample_of))
            }
            Verdict::Undecided(reason) => ("undecided", Some(reason.as_str()), None),
        };
        json!({"kind": claim.kind.as_str(), "name": claim.name, "place": claim.place, "verdict": verdict,
            "reason": reason, "because": policies_of(&claim.because), "counterexample": found})
    });
    let claims: Vec<Value> = claims.collect();
    json!({"proven": report.is_proven(), "solver": report.solver, "claims": claims})
}

/// A request with its answer.
pub(in crate::cli) fn counterexample_of(found: &Counterexample) -> Value {
    json!({
        "request": found.scenario.to_json(),
        "allowed": found.is_allowed,
        "rule": found.rule.map(crate::engine::Rule::as_str),
        "policies": policies_of(&found.policies),
    })
}

fn policies_of(policies: &[(String, Option<String>)]) -> Vec<Value> {
    policies.iter().map(|(id, place)| json!({"id": id, "place": place})).collect()
}
