//! Conditions as text and as data.

use serde_json::Value;

use crate::prove::ProveError;
use crate::prove::formula::{joined, parsed};

/// A text as Cedar writes it.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.escape_debug())
}

/// A list of texts as Cedar writes it.
pub(super) fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.into_iter().map(quoted).collect();
    format!("[{}]", texts.join(", "))
}

/// True if one of the conditions is.
pub(super) fn or(conditions: impl IntoIterator<Item = String>) -> String {
    let all: Vec<String> = conditions.into_iter().filter(|condition| condition != "false").collect();
    if all.iter().any(|condition| condition == "true") {
        return "true".to_owned();
    }
    tree("||", &all, "false")
}

/// True if all of the conditions are.
pub(super) fn and(conditions: impl IntoIterator<Item = String>) -> String {
    let all: Vec<String> = conditions.into_iter().filter(|condition| condition != "true").collect();
    if all.iter().any(|condition| condition == "false") {
        return "false".to_owned();
    }
    tree("&&", &all, "true")
}

/// True if the condition is not.
pub(super) fn negated(condition: &str) -> String {
    match condition {
        "true" => "false".to_owned(),
        "false" => "true".to_owned(),
        other => format!("!({other})"),
    }
}

/// A condition that matters under another one. Cedar lets an optional attribute be read only in this form.
pub(super) fn when(condition: &str, then: &str) -> String {
    match (condition, then) {
        ("true", _) => then.to_owned(),
        ("false", _) | (_, "true") => "true".to_owned(),
        _ => format!("(if {condition} then {then} else true)"),
    }
}

/// The conditions are both true or both false.
pub(super) fn same(left: &str, right: &str) -> String {
    match right {
        "true" => left.to_owned(),
        "false" => negated(left),
        _ => format!("(({left}) == ({right}))"),
    }
}

/// Joins conditions as a balanced tree, because a long chain is as deep as it is long.
fn tree(operator: &str, conditions: &[String], none: &str) -> String {
    match conditions {
        [] => none.to_owned(),
        [one] => one.clone(),
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            format!("({} {operator} {})", tree(operator, left, none), tree(operator, right, none))
        }
    }
}

/// Reads a condition.
pub(super) fn parse(text: &str) -> Result<Value, ProveError> {
    let policy = parsed(text).map_err(ProveError::Internal)?;
    let json = policy.to_json().map_err(|error| ProveError::Internal(error.to_string()))?;
    Ok(json.pointer("/conditions/0/body").cloned().unwrap_or_default())
}

/// True if all of the conditions are, from the first.
pub(in crate::prove) fn every(conditions: &[Value]) -> Value {
    joined("&&", conditions, true)
}
