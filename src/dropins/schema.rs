//! The schema of a snapshot: the built-in one, with operators' additions.

use std::sync::{Arc, OnceLock};

use cedar_policy::{Schema, SchemaFragment};
use serde_json::{Map, Value};

use super::{Declared, Finding, TextFile};
use crate::translate::SCHEMA;

/// The built-in schema merged with every addition.
#[derive(Clone)]
pub(crate) struct MergedSchema {
    /// The schema for policies.
    pub(crate) strict: Schema,
    /// The schema without required attributes, for entity files. The configuration sets the required attributes.
    pub(crate) for_entities: Schema,
    /// The attributes of the built-in schema by entity type. Only the configuration sets them.
    pub(crate) ours: Vec<(String, Vec<String>)>,
    /// The declarations as data.
    pub(crate) declared: Arc<Declared>,
}

impl MergedSchema {
    /// Merges additions into the built-in schema. An addition may declare new types. For a built-in type it may declare
    /// optional attributes and parents.
    pub(crate) fn new(additions: &[TextFile]) -> Result<Self, Vec<Finding>> {
        // Parsing the schema takes longer than the rest of a small snapshot.
        static BUILT_IN: OnceLock<MergedSchema> = OnceLock::new();
        if !additions.is_empty() {
            return Self::read(additions);
        }
        if let Some(ours) = BUILT_IN.get() {
            return Ok(ours.clone());
        }
        let ours = Self::read(additions)?;
        Ok(BUILT_IN.get_or_init(|| ours).clone())
    }

    fn read(additions: &[TextFile]) -> Result<Self, Vec<Finding>> {
        let (fragment, _) = SchemaFragment::from_cedarschema_str(SCHEMA).map_err(|error| internal(&error))?;
        let base = fragment.to_json_value().map_err(|error| internal(&error))?;
        let mut merged = base.clone();
        let mut findings = Vec::new();
        for file in additions {
            match fragment_of(file) {
                Ok(addition) => merge(&mut merged, addition, file, &mut findings),
                Err(finding) => findings.push(finding),
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let schema = |json: Value| {
            Schema::from_json_value(json).map_err(|error| {
                locate_error(additions, &error.to_string()).map_or_else(
                    || internal(&error),
                    |(file, at)| vec![Finding::from_diagnostic(file, &error, at)],
                )
            })
        };
        let ours = own_attributes(&base);
        let built_in = ours.iter().map(|(name, _)| name.clone()).collect();
        Ok(Self {
            for_entities: schema(without_required(merged.clone()))?,
            strict: schema(merged.clone())?,
            declared: Arc::new(Declared::new(merged, built_in)),
            ours,
        })
    }
}

/// The addition and position that an error message refers to. The first name of the message that occurs in an addition
/// decides.
fn locate_error<'f>(additions: &'f [TextFile], message: &str) -> Option<(&'f TextFile, usize)> {
    let names = message.split(['`', '"', ' ', ',']).filter(|name| name.len() > 1 && !name.is_empty());
    let declared = |name: &str| {
        additions.iter().find_map(|file| {
            let is_name = |(at, _): &(usize, &str)| {
                let around = |c: Option<char>| !c.is_some_and(|c| c.is_alphanumeric() || c == '_');
                let (before, after) = file.text.split_at(*at);
                around(before.chars().next_back())
                    && around(after.get(name.len()..).and_then(|rest| rest.chars().next()))
            };
            file.text.match_indices(name).find(is_name).map(|(at, _)| (file, at))
        })
    };
    let quoted = message.split('`').skip(1).step_by(2);
    quoted.chain(names).find_map(declared).or_else(|| additions.first().map(|file| (file, 0)))
}

fn internal(error: &dyn std::fmt::Display) -> Vec<Finding> {
    vec![Finding::unread("modelgate.cedarschema", error.to_string())]
}

fn fragment_of(file: &TextFile) -> Result<Value, Finding> {
    let (fragment, _) = SchemaFragment::from_cedarschema_str(&file.text)
        .map_err(|error| Finding::from_diagnostic(file, &error, 0))?;
    fragment.to_json_value().map_err(|error| Finding::in_file(file, error.to_string()))
}

/// Names of Cedar's own types. A declared type with such a name would replace Cedar's type in the built-in schema too.
const CEDAR_TYPES: [&str; 11] = [
    "Action", "Bool", "Boolean", "Entity", "Long", "Set", "String", "datetime", "decimal", "duration",
    "ipaddr",
];

fn merge(into: &mut Value, addition: Value, file: &TextFile, findings: &mut Vec<Finding>) {
    let (Value::Object(into), Value::Object(addition)) = (into, addition) else { return };
    for (namespace, added) in addition {
        if namespace.is_empty() {
            refuse_redefinitions(into, &added, file, findings);
        }
        let Some(known) = into.get_mut(&namespace) else {
            into.insert(namespace, added);
            continue;
        };
        for part in ["commonTypes", "actions", "entityTypes"] {
            let Some(Value::Object(added)) = added.get(part) else { continue };
            let Some(known) = object_at(known, part) else { continue };
            for (name, declaration) in added {
                match known.get_mut(name) {
                    None => {
                        known.insert(name.clone(), declaration.clone());
                    }
                    Some(known) if part == "entityTypes" => {
                        if let Err(message) = extend_entity_type(known, declaration, name) {
                            findings.push(found(file, name, message));
                        }
                    }
                    Some(_) => findings.push(found(file, name, format!("`{name}` is declared already"))),
                }
            }
        }
    }
}

/// Refuses types with the name of a Cedar type. Also refuses a common type and an entity type with the same name,
/// because Cedar would read an ambiguous name as the common type.
fn refuse_redefinitions(
    into: &Map<String, Value>,
    added: &Value,
    file: &TextFile,
    findings: &mut Vec<Finding>,
) {
    let is_known = |kind: &str, name: &str| {
        into.get("").and_then(|known| known.get(kind)).is_some_and(|known| known.get(name).is_some())
    };
    for (kind, other) in [("commonTypes", "entityTypes"), ("entityTypes", "commonTypes")] {
        for name in added.get(kind).and_then(Value::as_object).into_iter().flat_map(Map::keys) {
            if CEDAR_TYPES.contains(&name.as_str()) {
                let message = format!("`{name}` is a Cedar type");
                findings.push(found(file, name, message).help("give the type another name"));
            } else if is_known(other, name) {
                let message = format!("`{name}` is declared already");
                findings.push(found(file, name, message).help("give the type another name"));
            }
        }
    }
}

/// The object at `key`. It is inserted if it is missing.
fn object_at<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Map<String, Value>> {
    value.as_object_mut()?.entry(key).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

/// A finding at the declaration of `name`, or at the first occurrence of `name`.
fn found(file: &TextFile, name: &str, message: String) -> Finding {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let words = || {
        file.text.match_indices(name).map(|(at, _)| at).filter(|at| {
            let (before, after) = file.text.split_at(*at);
            !before.ends_with(is_part)
                && !after.get(name.len()..).is_some_and(|rest| rest.starts_with(is_part))
        })
    };
    let is_declared = |at: &usize| {
        let line = file.text.get(..*at).and_then(|before| before.lines().next_back()).unwrap_or_default();
        ["entity", "type", "action"].iter().any(|keyword| line.trim_start().starts_with(keyword))
    };
    let at = words().find(is_declared).or_else(|| words().next()).unwrap_or_default();
    Finding::in_file(file, message).at(file, at, name.len())
}

fn extend_entity_type(known: &mut Value, added: &Value, name: &str) -> Result<(), String> {
    if known.get("enum").is_some() || added.get("enum").is_some() {
        return Err(format!("`{name}` is declared already, so its entities cannot be listed here"));
    }
    if let (Some(tags), Some(known)) = (added.get("tags"), known.as_object_mut()) {
        if known.contains_key("tags") {
            return Err(format!("`{name}` has tags already"));
        }
        known.insert("tags".to_owned(), tags.clone());
    }
    if added.get("shape").is_some_and(|shape| shape.get("attributes").is_none()) {
        return Err(format!("write out the attributes of `{name}`"));
    }
    let parents: Vec<Value> = added["memberOfTypes"].as_array().cloned().unwrap_or_default();
    let known_parents = known
        .as_object_mut()
        .map(|known| known.entry("memberOfTypes").or_insert_with(|| Value::Array(Vec::new())));
    if let Some(Value::Array(known)) = known_parents {
        for parent in parents {
            if !known.contains(&parent) {
                known.push(parent);
            }
        }
    }
    let Some(attributes) = added.pointer("/shape/attributes").and_then(Value::as_object) else {
        return Ok(());
    };
    let Some(shape) = object_at(known, "shape") else { return Ok(()) };
    shape.entry("type").or_insert_with(|| Value::from("Record"));
    let Some(known) = shape.entry("attributes").or_insert_with(|| Value::Object(Map::new())).as_object_mut()
    else {
        return Ok(());
    };
    for (attribute, declaration) in attributes {
        if known.contains_key(attribute) {
            return Err(format!("`{name}` has an attribute `{attribute}` already"));
        }
        if declaration["required"] != Value::Bool(false) {
            return Err(format!("write `{attribute}?`: not every `{name}` has an entry in an entity file"));
        }
        known.insert(attribute.clone(), declaration.clone());
    }
    Ok(())
}

fn each_attribute(schema: &mut Value, each: &mut dyn FnMut(&mut Value)) {
    let namespaces = schema.as_object_mut().into_iter().flat_map(|schema| schema.values_mut());
    let types = namespaces.filter_map(|namespace| namespace.get_mut("entityTypes")?.as_object_mut());
    let shapes = types.flat_map(|types| types.values_mut()).filter_map(|ty| ty.get_mut("shape"));
    let attributes = shapes.filter_map(|shape| shape.get_mut("attributes")?.as_object_mut());
    attributes.flat_map(|attributes| attributes.values_mut()).for_each(each);
}

fn without_required(mut schema: Value) -> Value {
    each_attribute(&mut schema, &mut |attribute| {
        if let Some(attribute) = attribute.as_object_mut() {
            attribute.insert("required".to_owned(), Value::Bool(false));
        }
    });
    schema
}

fn own_attributes(base: &Value) -> Vec<(String, Vec<String>)> {
    let types = base.pointer("//entityTypes").and_then(Value::as_object).into_iter().flatten();
    let attributes = |ty: &Value| {
        let attributes = ty.pointer("/shape/attributes").and_then(Value::as_object);
        attributes.map(|attributes| attributes.keys().cloned().collect()).unwrap_or_default()
    };
    types.map(|(name, ty)| (name.clone(), attributes(ty))).collect()
}
