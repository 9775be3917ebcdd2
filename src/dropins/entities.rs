//! Entities that operators describe in files: hierarchies of teams, attributes of models.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityUid, RestrictedExpression};
use serde_json::Value;

use super::{Finding, MergedSchema, TextFile};

/// The entities of every file.
#[derive(Debug, Default)]
pub(crate) struct StaticEntities {
    all: Entities,
}

impl StaticEntities {
    pub(crate) fn new(files: &[TextFile], schema: &MergedSchema) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut all = Entities::empty();
        for file in files {
            let added = parse(file, schema).and_then(|entities| {
                let known = std::mem::take(&mut all);
                known.add_entities(entities, None).map_err(|error| found(file, &error.to_string()))
            });
            match added {
                Ok(entities) => all = entities,
                Err(finding) => findings.push(finding),
            }
        }
        if findings.is_empty() { Ok(Self { all }) } else { Err(findings) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(crate) fn all(&self) -> &Entities {
        &self.all
    }

    /// The entity that a file describes.
    pub(crate) fn get(&self, uid: &EntityUid) -> Option<&Entity> {
        self.all.get(uid)
    }

    /// The attributes that the files give an entity.
    pub(crate) fn attributes(&self, uid: &EntityUid) -> HashMap<String, RestrictedExpression> {
        let Some(entity) = self.get(uid) else { return HashMap::new() };
        let (_, attributes, _) = entity.clone().into_inner();
        attributes
    }

    /// Everything that the files place an entity in.
    pub(crate) fn ancestors(&self, uid: &EntityUid) -> HashSet<EntityUid> {
        self.all.ancestors(uid).into_iter().flatten().cloned().collect()
    }
}

fn parse(file: &TextFile, schema: &MergedSchema) -> Result<Vec<Entity>, Finding> {
    let json: Value = serde_json::from_str(&file.text).map_err(|error| {
        let line_start: usize =
            file.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let offset = line_start + error.column().saturating_sub(1);
        Finding::in_file(file, format!("it is not JSON: {error}")).at(file, offset, 1)
    })?;
    let entities = Entities::from_json_value(json, Some(&schema.for_entities))
        .map_err(|error| found(file, &chain(&error)))?;
    // Actions come with the schema.
    let described: Vec<Entity> =
        entities.iter().filter(|entity| entity.uid().type_name().basename() != "Action").cloned().collect();
    for entity in &described {
        if let Some(attribute) = own_attribute(entity, schema) {
            let message = format!("`{attribute}` of `{}` comes from the configuration", entity.uid());
            return Err(found(file, &message).help("leave the attribute out"));
        }
    }
    Ok(described)
}

/// An attribute that the configuration gives.
fn own_attribute<'s>(entity: &Entity, schema: &'s MergedSchema) -> Option<&'s str> {
    let ty = entity.uid().type_name().to_string();
    let (_, ours) = schema.ours.iter().find(|(name, _)| *name == ty)?;
    ours.iter().map(String::as_str).find(|attribute| entity.attr(attribute).is_some())
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

/// A finding, at the entity that the message speaks of.
fn found(file: &TextFile, message: &str) -> Finding {
    let finding = Finding::in_file(file, message);
    // Messages quote entities as `Type::"id"`.
    let id = message
        .split_once("::\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(id, _)| format!("\"{id}\""));
    match id.and_then(|id| file.text.find(&id).map(|at| (at, id.len()))) {
        Some((at, length)) => finding.at(file, at, length),
        None => finding,
    }
}
