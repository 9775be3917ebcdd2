//! Reads claims as names, roles or single values.

use crate::json::{Json, Object};

/// Reads a claim as names: a list of strings, or one string split at ASCII white space (D1). Other values contain no
/// names.
pub(super) fn names(value: Option<&Json<'_>>) -> Vec<String> {
    match value {
        Some(Json::Text(text)) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Some(Json::List(list)) => list.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// Reads a claim as roles: names, or an object whose keys are the roles, as Zitadel writes them (D11).
pub(super) fn roles(value: Option<&Json<'_>>) -> Vec<String> {
    match value {
        Some(Json::Object(roles)) => roles.iter().map(|(role, _)| role.to_owned()).collect(),
        value => names(value),
    }
}

/// Reads a claim as a single non-empty string. A list stands for its first element, and anything else is absent (D4).
pub(super) fn scalar<'c>(value: Option<&'c Json<'_>>) -> Option<&'c str> {
    let value = match value? {
        Json::List(list) => list.first()?,
        value => value,
    };
    value.as_str().filter(|text| !text.is_empty())
}

/// The scope claim (RFC 8693 section 4.2). Entra ID and Okta call it `scp`.
pub(super) fn scope<'c, 'j>(claims: &'c Object<'j>) -> Option<&'c Json<'j>> {
    ["scope", "scp"].into_iter().find_map(|name| claims.get(name).filter(|value| !value.is_null()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read<T>(value: Value, read: impl Fn(Option<&Json<'_>>) -> T) -> T {
        let object = json!({"claim": value});
        read(Object::of_map(object.as_object().unwrap()).get("claim"))
    }

    fn names(value: Value) -> Vec<String> {
        read(value, super::names)
    }

    fn roles(value: Value) -> Vec<String> {
        read(value, super::roles)
    }

    fn scalar(value: Value) -> Option<String> {
        read(value, |value| super::scalar(value).map(str::to_owned))
    }

    #[test]
    fn names_come_from_lists_and_from_words() {
        assert_eq!(names(json!(["a", 1, "b c"])), ["a", "b c"]);
        assert_eq!(names(json!(" a  b\tc ")), ["a", "b", "c"]);
        // OAuth separates scopes with spaces. Every other reader sees one name here.
        assert_eq!(names(json!("a\u{a0}b c\u{2003}d\u{85}e")), ["a\u{a0}b", "c\u{2003}d\u{85}e"]);
    }

    #[test]
    fn other_types_name_nothing() {
        for value in [json!(1), json!(true), json!(null), json!({"a": "b"})] {
            assert!(names(value.clone()).is_empty(), "{value}");
        }
    }

    #[test]
    fn roles_are_names_or_the_keys_of_an_object() {
        assert_eq!(roles(json!({"admin": {"1": "a.com"}, "user": null})), ["admin", "user"]);
        assert_eq!(roles(json!("a b")), ["a", "b"]);
        assert!(roles(json!({})).is_empty() && super::roles(None).is_empty());
    }

    #[test]
    fn a_scalar_is_a_non_empty_string_or_the_first_of_a_list() {
        assert_eq!(scalar(json!("a")).as_deref(), Some("a"));
        assert_eq!(scalar(json!(["a", "b"])).as_deref(), Some("a"));
        for value in [json!(""), json!([]), json!([1, "a"]), json!([["a"]]), json!(1), json!(null)] {
            assert_eq!(scalar(value.clone()), None, "{value}");
        }
    }
}
