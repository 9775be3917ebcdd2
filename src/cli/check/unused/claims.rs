//! Claims that a single drop-in policy spells in its own way.

use std::collections::BTreeMap;

use serde_json::Value;

use super::warning::{Warning, meant, place};
use crate::engine::{PolicyView, Snapshot};

/// Warns about each claim that one policy reads, and that is similar to one that more policies read, or an earlier one.
pub(super) fn unknown(snapshot: &Snapshot) -> Vec<Warning> {
    let mut readers: BTreeMap<String, Vec<PolicyView<'_>>> = BTreeMap::new();
    let mut in_order = Vec::new();
    for view in snapshot.policies().filter(|view| view.is_dropped_in()) {
        let mut claims = Vec::new();
        if let Ok(json) = view.policy().to_json() {
            collect(&json, &mut claims);
        }
        for claim in claims {
            let of_claim = readers.entry(claim.clone()).or_default();
            if of_claim.is_empty() {
                in_order.push(claim);
            }
            if of_claim.last().is_none_or(|last| last.id() != view.id()) {
                of_claim.push(view);
            }
        }
    }
    let mut warnings = Vec::new();
    for (at, claim) in in_order.iter().enumerate() {
        let Some([view]) = readers.get(claim).map(Vec::as_slice) else { continue };
        let is_better = |(other_at, other): &(usize, &String)| {
            *other_at < at || readers.get(*other).is_some_and(|readers| readers.len() > 1)
        };
        let others = in_order.iter().enumerate().filter(is_better).map(|(_, other)| other.as_str());
        if let Some(meant) = meant(claim, others) {
            warnings.push(Warning {
                message: format!(
                    "{}the claim `{claim}` in the policy `{}`: nothing else mentions it",
                    place(view.source()),
                    view.id()
                ),
                help: format!("did you mean `{meant}`?"),
            });
        }
    }
    warnings
}

/// The names of tags in a policy as data.
fn collect(json: &Value, claims: &mut Vec<String>) {
    match json {
        Value::Object(object) => {
            for operator in ["hasTag", "getTag"] {
                let tag =
                    object.get(operator).and_then(|operands| operands.get("right")?.get("Value")?.as_str());
                claims.extend(tag.map(str::to_owned));
            }
            object.values().for_each(|value| collect(value, claims));
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, claims)),
        _ => {}
    }
}
