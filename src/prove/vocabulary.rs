//! The names that policies use.

use std::collections::BTreeSet;

use serde_json::Value;

/// Everything by which policies can tell requests apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Vocabulary {
    /// Entities, as type and id.
    pub(super) entities: BTreeSet<(String, String)>,
    /// Texts.
    pub(super) texts: BTreeSet<String>,
    /// Patterns of `like`. `None` stands for any characters.
    pub(super) likes: BTreeSet<Vec<Option<char>>>,
    /// Attributes of entities and of the context.
    pub(super) attributes: BTreeSet<String>,
    /// Tags with a known name.
    pub(super) tags: BTreeSet<String>,
}

impl Vocabulary {
    /// Adds the names in a policy, in Cedar's JSON format.
    pub(super) fn add(&mut self, json: &Value) {
        match json {
            Value::Object(members) => {
                if let (Some(Value::String(ty)), Some(Value::String(id))) =
                    (members.get("type"), members.get("id"))
                {
                    self.entities.insert((ty.clone(), id.clone()));
                    return;
                }
                for (key, value) in members {
                    match (key.as_str(), value) {
                        ("annotations", _) => continue,
                        ("Value", Value::String(text)) => {
                            self.texts.insert(text.clone());
                        }
                        ("attr", Value::String(name)) => {
                            self.attributes.insert(name.clone());
                        }
                        ("getTag" | "hasTag", call) => {
                            if let Some(name) = call.pointer("/right/Value").and_then(Value::as_str) {
                                self.tags.insert(name.to_owned());
                            }
                        }
                        ("like", call) => {
                            if let Some(parts) = call.get("pattern").and_then(Value::as_array) {
                                self.likes.insert(pattern(parts));
                            }
                        }
                        _ => {}
                    }
                    self.add(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.add(item)),
            _ => {}
        }
    }

    /// The ids of the entities of a type.
    pub(super) fn of_type(&self, ty: &str) -> impl Iterator<Item = &str> {
        self.entities.iter().filter(move |(known, _)| known == ty).map(|(_, id)| id.as_str())
    }

    /// Whether an attribute is read, of whatever.
    pub(super) fn reads(&self, attribute: &str) -> bool {
        self.attributes.contains(attribute)
    }
}

/// A pattern of `like`. Adjacent characters are one element in Cedar's format.
fn pattern(parts: &[Value]) -> Vec<Option<char>> {
    let mut all = Vec::new();
    for part in parts {
        match part.get("Literal").and_then(Value::as_str) {
            Some(text) => all.extend(text.chars().map(Some)),
            None => all.push(None),
        }
    }
    all
}
