//! The names that policies use.

use std::collections::BTreeSet;

use cedar_policy::EntityUid;
use serde_json::{Map, Value};

/// Everything by which policies can tell requests apart.
#[derive(Clone, Debug, Default)]
pub(super) struct Vocabulary {
    /// Entities, as type and id.
    pub(super) entities: BTreeSet<(String, String)>,
    /// Those of them that not only `principal` or `resource` alone is compared with.
    pub(super) compared_otherwise: BTreeSet<(String, String)>,
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
        self.add_names(json);
        self.add_otherwise(json);
    }

    /// Adds an entity of a file that may be the caller or the resource.
    pub(super) fn add_described(&mut self, uid: &EntityUid) {
        let entity = (uid.type_name().to_string(), uid.id().unescaped().to_owned());
        if ["Caller", "Model", "Route"].contains(&entity.0.as_str()) {
            self.entities.insert(entity.clone());
            self.compared_otherwise.insert(entity);
        }
    }

    fn add_otherwise(&mut self, json: &Value) {
        match json {
            Value::Object(members) => {
                if let (Some(Value::String(ty)), Some(Value::String(id))) =
                    (members.get("type"), members.get("id"))
                {
                    self.compared_otherwise.insert((ty.clone(), id.clone()));
                    return;
                }
                let operator = members.get("op").and_then(Value::as_str);
                let is_scope = operator.is_some_and(|op| ["==", "in"].contains(&op));
                if is_scope || compared(members).is_some() {
                    return;
                }
                let members = members.iter().filter(|(key, _)| *key != "annotations");
                members.for_each(|(_, value)| self.add_otherwise(value));
            }
            Value::Array(items) => items.iter().for_each(|item| self.add_otherwise(item)),
            _ => {}
        }
    }

    fn add_names(&mut self, json: &Value) {
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
                    self.add_names(value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.add_names(item)),
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

/// How a variable is compared with an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Comparison {
    /// `==`
    Is,
    /// `in`
    In,
}

/// The variable, the type and the id in `principal in Role::"x"` and the like.
pub(super) fn compared(members: &Map<String, Value>) -> Option<(&str, Comparison, &str, &str)> {
    let (operator, sides) = members.iter().next().filter(|_| members.len() == 1)?;
    let comparison = match operator.as_str() {
        "==" => Comparison::Is,
        "in" => Comparison::In,
        _ => return None,
    };
    let variable = sides.pointer("/left/Var")?.as_str()?;
    let entity = sides.pointer("/right/Value/__entity")?;
    let text = |name: &str| entity.get(name).and_then(Value::as_str);
    ["principal", "resource"].contains(&variable).then_some((
        variable,
        comparison,
        text("type")?,
        text("id")?,
    ))
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
