//! The schema of formulas: the types of each side in a namespace, and one action with everything as its context.

use cedar_policy::Schema;
use serde_json::{Map, Value, json};

use super::claims::Claims;
use super::side::Side;
use crate::prove::ProveError;

/// The type that stands for the principal and the resource, which formulas do not read.
const NOBODY: &str = "ProofNobody";
/// The action of formulas.
const REQUEST: &str = "proof_request";

/// The type of the principal and the resource, and the action.
pub(in crate::prove) fn request() -> (String, String) {
    (format!("A::{NOBODY}"), format!("A::Action::\"{REQUEST}\""))
}

/// The schema for these sides.
pub(in crate::prove) fn of(sides: &[Side<'_>], claims: &Claims) -> Result<(Schema, String), ProveError> {
    let mut namespaces = Map::new();
    for side in sides {
        for (namespace, declared) in side.facts().schema_json().as_object().into_iter().flatten() {
            let mut declared = declared.clone();
            qualify(&mut declared, side.namespace);
            for action in members(&mut declared, "actions") {
                action.as_object_mut().map(|action| action.remove("appliesTo"));
            }
            let name =
                [side.namespace, namespace.as_str()].join(if namespace.is_empty() { "" } else { "::" });
            namespaces.insert(name, declared);
        }
    }
    let Some(first) = sides.first() else { return Err(ProveError::Internal("no side".to_owned())) };
    let context = |action: &str| {
        let at = format!("//actions/{action}/appliesTo/context");
        first.facts().schema_json().pointer(&at).cloned().unwrap_or_default()
    };
    let mut attributes = Map::new();
    attributes.insert("cr".to_owned(), context("call_route"));
    attributes.insert("um".to_owned(), context("use_model"));
    attributes.insert("mc".to_owned(), json!({"type": "Long"}));
    attributes.insert("rc".to_owned(), json!({"type": "Long"}));
    attributes.insert("c".to_owned(), claims.record());
    for side in sides {
        let of = |ty: &str| json!({"type": "Entity", "name": format!("{}::{ty}", side.namespace)});
        let entities = json!({"caller": of("Caller"), "model": of("Model"), "route": of("Route")});
        attributes.insert(side.member.to_owned(), json!({"type": "Record", "attributes": entities}));
    }
    let action = json!({"appliesTo": {"principalTypes": [NOBODY], "resourceTypes": [NOBODY],
        "context": {"type": "Record", "attributes": attributes}}});
    if let Some(own) = namespaces.get_mut(first.namespace) {
        insert(own, "actions", REQUEST, action);
        insert(own, "entityTypes", NOBODY, json!({}));
    }
    let json = Value::Object(namespaces);
    let text = json.to_string();
    let schema = Schema::from_json_value(json).map_err(|error| ProveError::Internal(error.to_string()))?;
    Ok((schema, text))
}

fn members<'v>(value: &'v mut Value, key: &str) -> impl Iterator<Item = &'v mut Value> {
    value.get_mut(key).and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
}

fn insert(into: &mut Value, part: &str, name: &str, value: Value) {
    if let Some(into) = into.as_object_mut() {
        let part = into.entry(part).or_insert_with(|| json!({}));
        part.as_object_mut().map(|part| part.insert(name.to_owned(), value));
    }
}

/// Moves names with a namespace into the namespace of the side. Names without one are found there anyway.
fn qualify(value: &mut Value, side: &str) {
    match value {
        Value::String(name) if name.contains("::") && !name.starts_with("__cedar") => {
            *name = format!("{side}::{name}");
        }
        Value::Array(items) => items.iter_mut().for_each(|item| qualify(item, side)),
        Value::Object(items) => {
            items
                .iter_mut()
                .filter(|(key, _)| *key != "annotations")
                .for_each(|(_, item)| qualify(item, side));
        }
        _ => {}
    }
}
