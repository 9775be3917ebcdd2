//! Exposes token claims to dropped-in policies.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// The claims that policies read as attributes of the caller.
const ATTRIBUTES: [&str; 5] = ["iss", "sub", "azp", "client_id", "scope"];

/// The depth limit. Identity providers nest claims less deeply.
const DEEPEST: usize = 8;

/// Collects every claim that is a string or a list of strings and for which `is_asked_for` is true. A nested claim has
/// a dotted name. If two claims have the same name, the outer one counts.
pub(super) fn of<'c>(
    claims: &'c Map<String, Value>,
    is_asked_for: &dyn Fn(&str) -> bool,
) -> BTreeMap<String, Vec<&'c str>> {
    let mut found = Found { is_asked_for, tags: BTreeMap::new() };
    let outer = claims.iter().filter(|(name, _)| !ATTRIBUTES.contains(&name.as_str()));
    for (name, value) in outer {
        found.collect(name, value, 0);
    }
    found.tags
}

struct Found<'c, 'f> {
    is_asked_for: &'f dyn Fn(&str) -> bool,
    tags: BTreeMap<String, Vec<&'c str>>,
}

impl<'c> Found<'c, '_> {
    fn collect(&mut self, name: &str, value: &'c Value, depth: usize) {
        match value {
            Value::Object(inner) if depth < DEEPEST => {
                for (key, value) in inner {
                    self.collect(&format!("{name}.{key}"), value, depth + 1);
                }
            }
            _ if !(self.is_asked_for)(name) => {}
            Value::String(text) => self.add(name, depth, vec![text]),
            Value::Array(list) => {
                let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
                if let Some(texts) = texts {
                    self.add(name, depth, texts);
                }
            }
            _ => {}
        }
    }

    fn add(&mut self, name: &str, depth: usize, texts: Vec<&'c str>) {
        if depth == 0 {
            self.tags.insert(name.to_owned(), texts);
        } else {
            self.tags.entry(name.to_owned()).or_insert(texts);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tags(claims: &Value) -> Vec<(String, Vec<&str>)> {
        of(claims.as_object().unwrap(), &|_| true).into_iter().collect()
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
    fn what_is_not_asked_for_is_left_out() {
        let claims = json!({"department": "a", "other": "b", "realm": {"roles": ["c"], "name": "d"}});
        let found = of(claims.as_object().unwrap(), &|name| ["department", "realm.roles"].contains(&name));
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["department", "realm.roles"]);
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
