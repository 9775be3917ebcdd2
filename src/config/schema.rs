//! The JSON Schema of the file. It is generated from the types of the file and from the tables of other keys.
//!
//! The schema accepts every valid file. It cannot express everything: dependencies between keys and some empty values
//! are only detected when the file is read.

use std::collections::BTreeSet;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::litellm::access_words;
use super::litellm::fates::{self, Fate};
use super::litellm::keys::{MISPLACED, Others, block};
use super::litellm::known_keys;
use super::raw;
use super::yaml::environment::REFERENCE;
use crate::names::Role;

/// The schema, in draft 2020-12.
#[must_use]
pub fn json_schema() -> Value {
    let root = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<raw::File>();
    let mut schema = root.to_value();
    let name_of_root = "";
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), "A configuration of modelgate".into());
        add_foreign_keys(name_of_root, root);
        if let Some(Value::Object(blocks)) = root.get_mut("$defs") {
            for (name, block) in blocks.iter_mut() {
                if let Value::Object(block) = block {
                    add_foreign_keys(name, block);
                    add_roles(name, block);
                }
            }
            let pattern = format!("^{REFERENCE}");
            blocks.insert("variable".to_owned(), json!({"type": "string", "pattern": pattern}));
        }
    }
    tidy(&mut schema);
    schema
}

/// LiteLLM's keys that are ignored or refused in a block, and whether other keys are ignored or refused.
fn add_foreign_keys(name: &str, schema: &mut Map<String, Value>) {
    let block = block(name);
    let mut patterns = Map::new();
    for (keys, fate) in block.rules {
        let value = match fate {
            Fate::Ignore | Fate::Read => json!(true),
            Fate::Warn(reason) => json!({"description": format!("Has no effect here: {reason}.")}),
            // A key that is only named to switch a feature off counts as absent.
            Fate::Refuse(reason) => {
                json!({"description": format!("Not implemented: {reason}."), "enum": [null, false]})
            }
        };
        patterns.insert(any_of(keys.iter().copied()), value);
    }
    if name.is_empty() {
        patterns.insert(any_of(MISPLACED), json!(false));
    }
    if !patterns.is_empty() {
        schema.insert("patternProperties".to_owned(), patterns.into());
    }
    if block.others != Others::Refused {
        schema.remove("additionalProperties");
    }
    if block.others == Others::Ignored {
        let own =
            schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys).cloned();
        let ruled = block.rules.iter().flat_map(|(keys, _)| keys.iter().copied());
        let others = ruled.chain(known_keys::listed(name)).chain(fates::GENERAL_REVIEWED).map(str::to_owned);
        let known: BTreeSet<String> = own.chain(others).collect();
        let names = json!({"anyOf": [{"enum": known}, {"not": {"pattern": access_words::pattern()}}]});
        schema.insert("propertyNames".to_owned(), names);
    }
}

fn any_of<'k>(keys: impl IntoIterator<Item = &'k str>) -> String {
    format!("^({})$", keys.into_iter().collect::<Vec<_>>().join("|"))
}

/// LiteLLM's roles, for keys that contain one.
fn add_roles(name: &str, schema: &mut Map<String, Value>) {
    let key = match name {
        "role_permissions" => "role",
        "role_mappings" => "internal_role",
        _ => return,
    };
    let role = schema.get_mut("properties").and_then(|properties| properties.get_mut(key));
    if let Some(Value::Object(role)) = role {
        role.insert("enum".to_owned(), json!(Role::ALL.map(Role::as_str)));
    }
}

/// Accepts references to the environment for booleans and numbers, and removes parts that carry no information.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.remove("format");
            if object.get("default") == Some(&Value::Null) {
                object.remove("default");
            }
            object.values_mut().for_each(tidy);
            let types = object.get("type").cloned().unwrap_or_default();
            let is = |name: &str| {
                types == name || types.as_array().is_some_and(|types| types.contains(&name.into()))
            };
            if ["boolean", "number", "integer"].into_iter().any(is) {
                let mut plain = Map::from_iter([("type".to_owned(), types)]);
                object.remove("type");
                plain.extend(object.remove("minimum").map(|minimum| ("minimum".to_owned(), minimum)));
                object.insert("anyOf".to_owned(), json!([plain, {"$ref": "#/$defs/variable"}]));
            }
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
