//! Entities that operators describe in files, such as team hierarchies and attributes of models.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entities, Entity, EntityUid, EvalResult, RestrictedExpression};
use serde_json::Value;

use super::{Finding, MergedSchema, TextFile};

/// The entities of all files.
#[derive(Debug, Default)]
pub(crate) struct StaticEntities {
    all: Entities,
    described: HashMap<EntityUid, Described>,
}

/// The description of one entity in a file.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) attributes: HashMap<String, RestrictedExpression>,
    pub(crate) tags: Vec<(String, RestrictedExpression)>,
    /// All ancestors that the files define.
    pub(crate) ancestors: HashSet<EntityUid>,
    /// The entities that a policy can reach from this one. Each has the name of its attribute, or `None` for a tag.
    pub(crate) holds: Vec<(Option<String>, EntityUid)>,
    file: TextFile,
}

impl StaticEntities {
    pub(crate) fn new(files: &[TextFile], schema: &MergedSchema) -> Result<Self, Vec<Finding>> {
        let mut findings = Vec::new();
        let mut all = Entities::empty();
        let mut file_of = HashMap::new();
        for file in files {
            let added = parse(file, schema).and_then(|entities| {
                file_of.extend(entities.iter().map(|entity| (entity.uid(), file)));
                let known = std::mem::take(&mut all);
                known.add_entities(entities, None).map_err(|error| found(file, &error.to_string()))
            });
            match added {
                Ok(entities) => all = entities,
                Err(finding) => findings.push(finding),
            }
        }
        if !findings.is_empty() {
            return Err(findings);
        }
        let described = all.iter().filter_map(|entity| {
            let uid = entity.uid();
            let file = TextFile::clone(file_of.get(&uid)?);
            Some((uid, Described::new(entity, file)))
        });
        let described = described.collect();
        Ok(Self { all, described })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.described.is_empty()
    }

    pub(crate) fn all(&self) -> &Entities {
        &self.all
    }

    /// The description of an entity, if a file contains one.
    pub(crate) fn get(&self, uid: &EntityUid) -> Option<&Described> {
        self.described.get(uid)
    }

    /// Every described entity, with its position.
    pub(crate) fn places(&self) -> impl Iterator<Item = (String, EntityUid)> {
        self.described
            .iter()
            .map(|(uid, described)| (described.finding(&format!("`{uid}`")).place(), uid.clone()))
    }

    /// The ancestors of an entity that the files define.
    pub(crate) fn ancestors(&self, uid: &EntityUid) -> impl Iterator<Item = &EntityUid> {
        self.get(uid).into_iter().flat_map(|described| &described.ancestors)
    }

    /// Every described entity, unordered.
    pub(crate) fn described(&self) -> impl Iterator<Item = &EntityUid> {
        self.described.keys()
    }
}

impl Described {
    fn new(entity: &Entity, file: TextFile) -> Self {
        let mut holds = Vec::new();
        for (name, value) in entity.attrs() {
            if let Ok(value) = value {
                reach(&value, &mut |uid| holds.push((Some(name.to_owned()), uid.clone())));
            }
        }
        let mut tags = Vec::new();
        for (name, value) in entity.tags() {
            let Ok(value) = value else { continue };
            reach(&value, &mut |uid| holds.push((None, uid.clone())));
            tags.extend(expression(&value).map(|value| (name.to_owned(), value)));
        }
        // Cedar returns the ancestors with the parents.
        let (_, attributes, ancestors) = entity.clone().into_inner();
        Self { attributes, tags, ancestors, holds, file }
    }

    /// A finding at this entity, which `message` names first.
    pub(crate) fn finding(&self, message: &str) -> Finding {
        found(&self.file, message)
    }
}

/// Calls `each` with the entities that a policy can reach through a value. Policies cannot take a member out of a set.
fn reach(value: &EvalResult, each: &mut dyn FnMut(&EntityUid)) {
    match value {
        EvalResult::EntityUid(uid) => each(uid),
        EvalResult::Record(members) => members.iter().for_each(|(_, member)| reach(member, each)),
        EvalResult::Bool(_)
        | EvalResult::Long(_)
        | EvalResult::String(_)
        | EvalResult::Set(_)
        | EvalResult::ExtensionValue(_) => {}
    }
}

/// Converts a value into an expression that evaluates to it.
fn expression(value: &EvalResult) -> Option<RestrictedExpression> {
    Some(match value {
        EvalResult::Bool(value) => RestrictedExpression::new_bool(*value),
        EvalResult::Long(value) => RestrictedExpression::new_long(*value),
        EvalResult::String(value) => RestrictedExpression::new_string(value.clone()),
        EvalResult::EntityUid(uid) => RestrictedExpression::new_entity_uid(uid.clone()),
        EvalResult::Set(members) => {
            RestrictedExpression::new_set(members.iter().map(expression).collect::<Option<Vec<_>>>()?)
        }
        EvalResult::Record(members) => {
            let members = members.iter().map(|(name, member)| Some((name.clone(), expression(member)?)));
            RestrictedExpression::new_record(members.collect::<Option<Vec<_>>>()?).ok()?
        }
        EvalResult::ExtensionValue(call) => call.parse().ok()?,
    })
}

fn parse(file: &TextFile, schema: &MergedSchema) -> Result<Vec<Entity>, Finding> {
    let json: Value = serde_json::from_str(&file.text).map_err(|error| {
        let line_start: usize =
            file.text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let offset = line_start + error.column().saturating_sub(1);
        Finding::in_file(file, format!("invalid JSON: {error}")).at(file, offset, 1)
    })?;
    let entities = Entities::from_json_value(json, Some(&schema.for_entities))
        .map_err(|error| found(file, &chain(&error)))?;
    // Actions come with the schema.
    let described: Vec<Entity> =
        entities.iter().filter(|entity| entity.uid().type_name().basename() != "Action").cloned().collect();
    for entity in &described {
        let uid = entity.uid();
        if let Some(attribute) = own_attribute(entity, schema) {
            let message = format!("`{uid}`: its attribute `{attribute}` comes from the configuration");
            return Err(found(file, &message).help("remove the attribute"));
        }
        if uid.type_name().to_string() == "Caller" && entity.tags().next().is_some() {
            let message = format!("`{uid}`: the tags of a caller come from its token");
            return Err(found(file, &message).help("remove the tags"));
        }
    }
    Ok(described)
}

/// An attribute of the entity that only the configuration may set.
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

/// A finding at the entity that the message names.
fn found(file: &TextFile, message: &str) -> Finding {
    let finding = Finding::in_file(file, message);
    // Messages quote entities as `Type::"id"`.
    let id = message
        .split_once("::\"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(id, _)| format!("\"{id}\""));
    let Some(id) = id else { return finding };
    // Prefers the description of the entity to its use as a parent.
    let places = || file.text.match_indices(&id).map(|(at, _)| at);
    let is_described = |at: &usize| {
        let before = file.text.get(..*at).unwrap_or_default();
        before.rfind("\"uid\"").is_some_and(|uid| !before.get(uid..).unwrap_or_default().contains('}'))
    };
    match places().find(is_described).or_else(|| places().next()) {
        Some(at) => finding.at(file, at, id.len()),
        None => finding,
    }
}
