//! Claims for dropped-in policies to rule on.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The claims that policies read as attributes of the caller.
const ATTRIBUTES: [&str; 5] = ["iss", "sub", "azp", "client_id", "scope"];

/// Deeper than identity providers nest claims.
const DEEPEST: usize = 8;

/// Every claim that is a string or a list of strings, by its name; one inside another has a name with a dot. Of two that
/// come to the same name, the outer one counts.
pub(super) fn of(claims: &Map<String, Value>) -> BTreeMap<String, Vec<&str>> {
    let mut found = BTreeMap::new();
    let outer = claims.iter().filter(|(name, _)| !ATTRIBUTES.contains(&name.as_str()));
    for (name, value) in outer {
        collect(name, value, 0, &mut found);
    }
    found
}

fn collect<'c>(name: &str, value: &'c Value, depth: usize, found: &mut BTreeMap<String, Vec<&'c str>>) {
    match value {
        Value::String(text) => {
            add(found, name, depth, vec![text]);
        }
        Value::Array(list) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            if let Some(texts) = texts {
                add(found, name, depth, texts);
            }
        }
        Value::Object(inner) if depth < DEEPEST => {
            for (key, value) in inner {
                collect(&format!("{name}.{key}"), value, depth + 1, found);
            }
        }
        _ => {}
    }
}

fn add<'c>(found: &mut BTreeMap<String, Vec<&'c str>>, name: &str, depth: usize, texts: Vec<&'c str>) {
    if depth == 0 {
        found.insert(name.to_owned(), texts);
    } else {
        found.entry(name.to_owned()).or_insert(texts);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tags(claims: &Value) -> Vec<(String, Vec<&str>)> {
        of(claims.as_object().unwrap()).into_iter().collect()
    }

    #[test]
    fn strings_and_lists_of_strings_are_tags() {
        let claims =
            json!({"department": "research and more", "groups": ["a", "b"], "level": 3, "mixed": ["a", 1]});
        let expected =
            [("department".to_owned(), vec!["research and more"]), ("groups".to_owned(), vec!["a", "b"])];
        assert_eq!(tags(&claims), expected);
    }

    #[test]
    fn what_is_an_attribute_is_no_tag() {
        assert!(
            tags(&json!({"iss": "i", "sub": "s", "azp": "a", "client_id": "c", "scope": "x"})).is_empty()
        );
    }

    #[test]
    fn a_claim_inside_another_has_a_name_with_a_dot() {
        let claims = json!({"realm_access": {"roles": ["a"]}});
        assert_eq!(tags(&claims), [("realm_access.roles".to_owned(), vec!["a"])]);
    }

    #[test]
    fn of_two_that_come_to_one_name_the_outer_one_counts() {
        for claims in
            [json!({"a": {"b": "inner"}, "a.b": "outer"}), json!({"a.b": "outer", "a": {"b": "inner"}})]
        {
            assert_eq!(tags(&claims), [("a.b".to_owned(), vec!["outer"])]);
        }
    }
}
