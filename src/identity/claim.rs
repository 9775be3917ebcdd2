//! Reads claims as names, roles or single values.

use serde_json::{Map, Value};

/// Reads a claim as names: a list of strings, or one string split at ASCII white space (D1). Other values contain no
/// names.
pub(super) fn names(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Reads a claim as roles: names, or an object whose keys are the roles, as Zitadel writes them (D11).
pub(super) fn roles(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::Object(roles)) => roles.keys().cloned().collect(),
        value => names(value),
    }
}

/// Reads a claim as a single non-empty string. A list stands for its first element, and anything else is absent (D4).
pub(super) fn scalar(value: Option<&Value>) -> Option<String> {
    let value = match value? {
        Value::Array(list) => list.first()?,
        value => value,
    };
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The scope claim (RFC 8693 section 4.2). Entra ID and Okta call it `scp`.
pub(crate) fn scope(claims: &Map<String, Value>) -> Option<&Value> {
    ["scope", "scp"].into_iter().find_map(|name| claims.get(name).filter(|value| !value.is_null()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_come_from_lists_and_from_words() {
        assert_eq!(names(Some(&json!(["a", 1, "b c"]))), ["a", "b c"]);
        assert_eq!(names(Some(&json!(" a  b\tc "))), ["a", "b", "c"]);
        // OAuth separates scopes with spaces. Every other reader sees one name here.
        assert_eq!(names(Some(&json!("a\u{a0}b c\u{2003}d\u{85}e"))), ["a\u{a0}b", "c\u{2003}d\u{85}e"]);
    }

    #[test]
    fn other_types_name_nothing() {
        for value in [json!(1), json!(true), json!(null), json!({"a": "b"})] {
            assert!(names(Some(&value)).is_empty(), "{value}");
        }
    }

    #[test]
    fn roles_are_names_or_the_keys_of_an_object() {
        assert_eq!(roles(Some(&json!({"admin": {"1": "a.com"}, "user": null}))), ["admin", "user"]);
        assert_eq!(roles(Some(&json!("a b"))), ["a", "b"]);
        assert!(roles(Some(&json!({}))).is_empty() && roles(None).is_empty());
    }

    #[test]
    fn a_scalar_is_a_non_empty_string_or_the_first_of_a_list() {
        assert_eq!(scalar(Some(&json!("a"))).as_deref(), Some("a"));
        assert_eq!(scalar(Some(&json!(["a", "b"]))).as_deref(), Some("a"));
        for value in [json!(""), json!([]), json!([1, "a"]), json!([["a"]]), json!(1), json!(null)] {
            assert_eq!(scalar(Some(&value)), None, "{value}");
        }
    }
}
