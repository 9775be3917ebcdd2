//! Validated drop-in files.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use cedar_policy::{Entity, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use foldhash::fast::RandomState;

use super::reads::Reads;
use crate::dropins::{Declared, DropIn, DropInError, DropIns, Finding, MergedSchema, StaticEntities};
use crate::translate::TranslatedPolicy;

/// The actions of modelgate's own schema.
const BUILT_IN_ACTIONS: [&str; 2] = ["call_route", "use_model"];

/// The contribution of drop-in files to every decision.
#[derive(Debug)]
pub(in crate::engine) struct ValidatedDropIns {
    /// The built-in schema with operators' additions.
    pub(in crate::engine) schema: Schema,
    /// The same without required attributes, for entities of which only a part is known.
    pub(in crate::engine) for_entities: Schema,
    /// The declarations of the schema.
    pub(in crate::engine) declared: Arc<Declared>,
    /// The actions that operators declare, with the groups that contain them.
    pub(in crate::engine) actions: Vec<Entity>,
    pub(in crate::engine) statics: StaticEntities,
    /// Entities that policies name in order to ask about their attributes or ancestors.
    pub(in crate::engine) subjects: BTreeSet<EntityUid>,
    /// The names that dropped-in policies read.
    by_policies: Reads,
    /// `by_policies`, with the values of attributes and tags in entity files. Policies use these names to ask what an
    /// entity contains.
    pub(in crate::engine) asked_about: Reads,
    /// `by_policies`, with everything that entity files name.
    pub(in crate::engine) reads: Reads,
}

impl ValidatedDropIns {
    /// Validates drop-in files together with the translated policies. `reads_of` returns the names that a policy reads.
    pub(in crate::engine) fn new(
        dropins: &DropIns,
        translated: &[TranslatedPolicy],
        reads_of: impl Fn(&Policy) -> Reads,
    ) -> Result<Self, Box<DropInError>> {
        let known = translated.iter().map(TranslatedPolicy::id).collect();
        let refused = |findings| DropInError::unless_empty(findings).err();
        let merged = MergedSchema::new(&dropins.schemas);
        let (merged, statics) =
            match merged.and_then(|schema| Ok((StaticEntities::new(&dropins.entities, &schema)?, schema))) {
                Ok((statics, schema)) => (schema, statics),
                Err(findings) => return Err(refused(findings).unwrap_or_default()),
            };
        let MergedSchema { strict: schema, for_entities, declared, .. } = merged;
        DropInError::unless_empty(check(&dropins.policies, &known, &schema))?;

        let (mut by_policies, mut subjects) = (Reads::default(), BTreeSet::new());
        for dropin in &dropins.policies {
            let its = reads_of(&dropin.parsed);
            let literals = dropin.parsed.entity_literals().into_iter();
            let is_action = |uid: &EntityUid| uid.type_name().basename() == "Action";
            subjects.extend(literals.filter(|uid| its.is_subject(uid) && !is_action(uid)));
            by_policies.add_all(&its);
        }
        let (mut asked_about, mut reads) = (by_policies.clone(), by_policies.clone());
        asked_about.add_values(statics.all());
        reads.add_entities(statics.all());
        let actions = own_actions(&schema)
            .map_err(|error| refused(vec![Finding::unread("*.cedarschema", error)]).unwrap_or_default())?;
        Ok(Self {
            schema,
            for_entities,
            declared,
            actions,
            statics,
            subjects,
            by_policies,
            asked_about,
            reads,
        })
    }

    /// The entities that a policy can reach from `uid` through its attributes and tags.
    pub(in crate::engine) fn held_by(&self, uid: &EntityUid) -> impl Iterator<Item = &EntityUid> {
        let held = self.statics.get(uid).into_iter().flat_map(|described| &described.holds);
        let is_read = |name: &Option<String>| match name {
            Some(attribute) => self.by_policies.value_of(attribute),
            None => true,
        };
        held.filter(move |(name, _)| is_read(name)).map(|(_, uid)| uid)
    }
}

/// The entities of the actions that operators declare.
fn own_actions(schema: &Schema) -> Result<Vec<Entity>, String> {
    let actions = schema.action_entities().map_err(|error| error.to_string())?;
    let is_built_in = |action: &Entity| BUILT_IN_ACTIONS.contains(&action.uid().id().unescaped());
    Ok(actions.into_iter().filter(|action| !is_built_in(action)).collect())
}

fn check(dropins: &[DropIn], known: &HashSet<&PolicyId, RandomState>, schema: &Schema) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut first: BTreeMap<&PolicyId, &DropIn> = BTreeMap::new();
    let mut set = PolicySet::new();
    for dropin in dropins {
        let id = dropin.policy.id();
        let taken = match first.get(id) {
            Some(other) => Some(other.source()),
            None => known.contains(id).then(|| "the configuration".to_owned()),
        };
        if let Some(other) = taken {
            let message = format!("the id `{id}` is taken by {other}");
            findings.push(Finding::in_file(&dropin.file, message).at(&dropin.file, dropin.offset, 1));
            continue;
        }
        first.insert(id, dropin);
        if let Err(error) = set.add(dropin.policy.clone()) {
            findings.push(Finding::in_file(&dropin.file, error.to_string()).at(
                &dropin.file,
                dropin.offset,
                1,
            ));
        }
    }
    let outcome = Validator::new(schema.clone()).validate(&set, ValidationMode::Strict);
    for error in outcome.validation_errors() {
        if let Some(dropin) = first.get(error.policy_id()) {
            findings.push(Finding::from_diagnostic(&dropin.file, error, dropin.offset));
        }
    }
    findings
}
