//! The schema of a snapshot: ours, and what operators add to it.

use std::sync::OnceLock;

use cedar_policy::{Schema, SchemaFragment};
use serde_json::{Map, Value};

use super::{Finding, TextFile};
use crate::translate::SCHEMA;

/// Ours and every addition, as one.
#[derive(Clone)]
pub(crate) struct MergedSchema {
    /// What policies are validated against.
    pub(crate) strict: Schema,
    /// The same without required attributes: what entity files are validated against, since the configuration gives the
    /// attributes that are required.
    pub(crate) for_entities: Schema,
    /// Our own attributes, by entity type.
    pub(crate) ours: Vec<(String, Vec<String>)>,
}

impl MergedSchema {
    /// Merges the additions into our schema. An addition may declare new types, and new optional attributes and parents
    /// for ours.
    pub(crate) fn new(additions: &[TextFile]) -> Result<Self, Vec<Finding>> {
        // Reading it takes longer than all else of a small snapshot.
        static OURS_ALONE: OnceLock<MergedSchema> = OnceLock::new();
        if !additions.is_empty() {
            return Self::read(additions);
        }
        if let Some(ours) = OURS_ALONE.get() {
            return Ok(ours.clone());
        }
        let ours = Self::read(additions)?;
        Ok(OURS_ALONE.get_or_init(|| ours).clone())
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
                additions
                    .first()
                    .map_or_else(|| internal(&error), |file| vec![Finding::from_diagnostic(file, &error, 0)])
            })
        };
        Ok(Self {
            for_entities: schema(without_required(merged.clone()))?,
            strict: schema(merged)?,
            ours: own_attributes(&base),
        })
    }
}

fn internal(error: &dyn std::fmt::Display) -> Vec<Finding> {
    vec![Finding::unread("modelgate.cedarschema", error.to_string())]
}

fn fragment_of(file: &TextFile) -> Result<Value, Finding> {
    let (fragment, _) = SchemaFragment::from_cedarschema_str(&file.text)
        .map_err(|error| Finding::from_diagnostic(file, &error, 0))?;
    fragment.to_json_value().map_err(|error| Finding::in_file(file, error.to_string()))
}

fn merge(into: &mut Value, addition: Value, file: &TextFile, findings: &mut Vec<Finding>) {
    let (Value::Object(into), Value::Object(addition)) = (into, addition) else { return };
    for (namespace, added) in addition {
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

/// The object at `key`, made if it is not there.
fn object_at<'v>(value: &'v mut Value, key: &str) -> Option<&'v mut Map<String, Value>> {
    value.as_object_mut()?.entry(key).or_insert_with(|| Value::Object(Map::new())).as_object_mut()
}

/// A finding at the first place where the file says `name`.
fn found(file: &TextFile, name: &str, message: String) -> Finding {
    let at = file.text.find(name).unwrap_or_default();
    Finding::in_file(file, message).at(file, at, name.len())
}

fn extend_entity_type(known: &mut Value, added: &Value, name: &str) -> Result<(), String> {
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
