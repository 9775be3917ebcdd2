//! Finds drop-in policies with conditions that the comparison does not vary: the time, the address, the body,
//! or a single caller.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;

use cedar_policy::{Effect, Policy};
use serde_json::Value;

use crate::dropins::DropIn;

/// A policy with such a condition. Two policies with the same effect and text are equal. The name and place
/// are only for display.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Condition {
    pub(in crate::cli) permits: bool,
    /// The `when` and `unless` clauses in Cedar, or the whole policy if it names a single caller.
    pub(in crate::cli) text: String,
    pub(in crate::cli) policy: String,
    pub(in crate::cli) source: String,
}

impl Ord for Condition {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.permits, &self.text).cmp(&(other.permits, &other.text))
    }
}

impl PartialOrd for Condition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Condition {}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} [{}] {}", self.effect(), self.policy, self.source, self.text)
    }
}

impl Condition {
    pub(in crate::cli) const fn effect(&self) -> &'static str {
        if self.permits { "permit" } else { "forbid" }
    }

    pub(super) fn of(dropin: &DropIn) -> Self {
        let policy = &dropin.policy;
        let text = canonical(policy);
        let clauses = [") when {", ") unless {"].iter().filter_map(|word| text.find(word)).min();
        let clauses = clauses.filter(|_| !names_a_caller(policy)).and_then(|at| text.get(at + 2..));
        Self {
            policy: policy.id().to_string(),
            permits: policy.effect() == Effect::Permit,
            source: dropin.source(),
            text: clauses.unwrap_or(&text).trim_end_matches(';').to_owned(),
        }
    }
}

/// The policy in Cedar's canonical format and without annotations, so a change of layout is not a change.
pub(super) fn canonical(policy: &Policy) -> String {
    let without_annotations = || {
        let mut json = policy.to_json().ok()?;
        json.as_object_mut()?.remove("annotations");
        Policy::from_json(None, json).ok()?.to_cedar()
    };
    without_annotations().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the policy depends on something that is not compared.
pub(super) fn is_conditional(policy: &Policy) -> bool {
    let Ok(json) = policy.to_json() else { return true };
    names_a_caller(policy) || json.get("conditions").is_some_and(reads)
}

fn names_a_caller(policy: &Policy) -> bool {
    policy.entity_literals().iter().any(|uid| uid.type_name().to_string() == "Caller")
}

/// The attributes that the comparison sets in every token and request of a kind.
const COMPARED: [(&str, &[&str]); 3] = [
    ("principal", &["admin", "roles", "scopes", "teams", "routes", "team"]),
    ("resource", &["name", "path"]),
    ("team", &["declared", "blocked", "all_models", "alias"]),
];

fn reads(expression: &Value) -> bool {
    match expression {
        Value::Object(object) => object.iter().any(|(operator, operands)| match operator.as_str() {
            "." | "has" if is_compared(operands) => false,
            "." | "has" | "getTag" | "hasTag" => true,
            "Var" => operands == "context",
            _ => reads(operands),
        }),
        Value::Array(list) => list.iter().any(reads),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Whether the comparison covers an attribute.
fn is_compared(access: &Value) -> bool {
    let text = |path: &str| access.pointer(path).and_then(Value::as_str);
    let of = match (text("/left/Var"), text("/left/./attr"), text("/left/./left/Var")) {
        (Some(variable), ..) => variable,
        (None, Some("team"), Some("principal")) => "team",
        _ => return false,
    };
    let attribute = text("/attr").unwrap_or_default();
    COMPARED.iter().any(|(whose, attributes)| *whose == of && attributes.contains(&attribute))
}

/// The policy without its conditions. A policy for a single caller then applies to every caller.
pub(super) fn without(dropin: &DropIn) -> Option<DropIn> {
    let mut json = dropin.policy.to_json().ok()?;
    *json.get_mut("conditions")? = Value::Array(Vec::new());
    if names_a_caller(&dropin.policy) && json.pointer("/principal/op").is_some_and(|op| op == "==") {
        *json.get_mut("principal")? = serde_json::json!({"op": "All"});
    }
    let policy = Policy::from_json(Some(dropin.policy.id().clone()), json).ok()?;
    Some(DropIn { parsed: policy.clone(), policy, ..dropin.clone() })
}

/// The strings that a policy compares names with.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) roles: BTreeSet<String>,
    /// These may contain wildcards.
    pub(super) models: BTreeSet<String>,
    /// These may contain wildcards.
    pub(super) routes: BTreeSet<String>,
}

/// The strings in a policy's conditions, by the attribute that they are compared with.
pub(super) fn texts(policy: &Policy) -> Texts {
    let Ok(json) = policy.to_json() else { return Texts::default() };
    let (mut texts, mut attributes) = (BTreeSet::new(), BTreeSet::new());
    if let Some(conditions) = json.get("conditions") {
        collect(conditions, &mut texts, &mut attributes);
    }
    let of = |attribute: &str| if attributes.contains(attribute) { texts.clone() } else { BTreeSet::new() };
    let routes = of("path").into_iter().filter(|path| path.starts_with('/')).collect();
    let no_wildcard = |name: &String| !name.is_empty() && !name.contains('*');
    Texts { roles: of("roles").into_iter().filter(no_wildcard).collect(), models: of("name"), routes }
}

fn collect(expression: &Value, texts: &mut BTreeSet<String>, attributes: &mut BTreeSet<String>) {
    match expression {
        Value::Object(object) => {
            for (operator, operands) in object {
                match (operator.as_str(), operands) {
                    ("attr", Value::String(name)) => drop(attributes.insert(name.clone())),
                    ("Value", Value::String(text)) => drop(texts.insert(text.clone())),
                    ("pattern", Value::Array(elements)) => {
                        let element = |element: &Value| {
                            element.get("Literal").and_then(Value::as_str).unwrap_or("*").to_owned()
                        };
                        texts.insert(elements.iter().map(element).collect());
                    }
                    _ => collect(operands, texts, attributes),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|item| collect(item, texts, attributes)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(condition: &str) -> Policy {
        Policy::parse(None, format!("forbid(principal, action, resource) when {{ {condition} }};")).unwrap()
    }

    #[test]
    fn what_is_compared_is_no_condition() {
        for condition in [
            "principal in TokenRole::\"a\"",
            "resource.name like \"claude-*\"",
            "principal.roles.contains(\"a\") && !principal.admin",
            "principal has team && principal.team.blocked",
        ] {
            assert!(!is_conditional(&policy(condition)), "{condition}");
        }
        for condition in [
            "context.tools > 0",
            "principal has email && principal.email like \"*@a\"",
            "principal.hasTag(\"x\")",
            "principal has team && principal.team.region == \"eu\"",
            "principal == Caller::\"ada\"",
        ] {
            assert!(is_conditional(&policy(condition)), "{condition}");
        }
    }

    #[test]
    fn texts_are_found_by_what_they_are_compared_with() {
        let found = texts(&policy("resource.name like \"claude-*\" && principal.roles.contains(\"dev\")"));
        assert!(found.models.contains("claude-*") && found.roles.contains("dev"));
        assert!(found.routes.is_empty());
    }
}
