//! What operators dropped in, validated.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{Entity, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};

use crate::dropins::{DropIn, DropInError, DropIns, Finding, MergedSchema, StaticEntities};

/// What dropped-in files bring to every decision.
#[derive(Debug)]
pub(super) struct Dropped {
    /// Ours, with the additions.
    pub(super) schema: Schema,
    pub(super) statics: StaticEntities,
    /// The entities that dropped-in policies name, by type.
    mentioned: BTreeMap<String, BTreeSet<String>>,
    /// Entities of files that policies name, with all that they are in: a policy may read their attributes.
    pub(super) always: Vec<Entity>,
}

impl Dropped {
    /// Validates what was read, to go beside the translated policies.
    pub(super) fn new(dropins: &DropIns, translated: &[Policy]) -> Result<Self, Box<DropInError>> {
        let known = translated.iter().map(|policy| policy.id().clone()).collect();
        let refused = |findings| DropInError::unless_empty(findings).err();
        let merged = MergedSchema::new(&dropins.schemas);
        let (schema, statics) =
            match merged.and_then(|schema| Ok((StaticEntities::new(&dropins.entities, &schema)?, schema))) {
                Ok((statics, schema)) => (schema.strict, statics),
                Err(findings) => return Err(refused(findings).unwrap_or_default()),
            };
        DropInError::unless_empty(check(&dropins.policies, &known, &schema))?;

        let literals: BTreeSet<EntityUid> =
            dropins.policies.iter().flat_map(|dropin| dropin.policy.entity_literals()).collect();
        let mut mentioned: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for uid in &literals {
            mentioned.entry(uid.type_name().to_string()).or_default().insert(uid.id().unescaped().to_owned());
        }
        let above: BTreeSet<EntityUid> = literals.iter().flat_map(|uid| statics.ancestors(uid)).collect();
        let always = literals.union(&above).filter_map(|uid| statics.get(uid)).cloned().collect();
        Ok(Self { schema, statics, mentioned, always })
    }

    /// The ids of the entities of a type that dropped-in policies name.
    pub(super) fn mentioned(&self, ty: &str) -> impl Iterator<Item = &str> {
        self.mentioned.get(ty).into_iter().flatten().map(String::as_str)
    }

    /// The groups of routes that dropped-in policies name.
    pub(super) fn route_groups(&self) -> impl Iterator<Item = &str> {
        self.mentioned("RouteGroup")
    }
}

fn check(dropins: &[DropIn], known: &BTreeSet<PolicyId>, schema: &Schema) -> Vec<Finding> {
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
