//! What operators' files say about entities, and the hierarchy above callers, as conditions.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::{EntityId, EntityTypeName, EntityUid};
use serde_json::{Value, json};

use super::policy::renamed;
use super::text::{or, quoted, same, when};
use super::world::World;
use crate::names::Role;
use crate::prove::ProveError;
use crate::prove::vocabulary::Comparison;
use crate::rules::{MASTER_KEY_ROLE, Rule};

impl World<'_> {
    /// Whether an entity of a type may be above one of another type, by the schema.
    pub(super) fn is_above(&self, below: &str, above: &str) -> bool {
        self.ancestors.get(below).is_some_and(|types| types.contains(above))
    }

    /// Every entity in which a token itself may place a caller.
    fn parents(&self) -> BTreeSet<(String, String)> {
        let facts = self.side.facts();
        let of = |ty: &'static str| move |id: &str| (ty.to_owned(), id.to_owned());
        let roles = Role::ALL.iter().map(|role| role.as_str()).chain([MASTER_KEY_ROLE]);
        let mut all: BTreeSet<(String, String)> = roles.map(of("Role")).collect();
        all.extend(facts.token_roles().map(of("TokenRole")));
        all.extend(self.known_teams().iter().map(|team| of("Team")(team)));
        let rules = [Rule::Overage, Rule::TeamHeader, Rule::UnknownTeam, Rule::NoTeam, Rule::NoTeamWithModel];
        all.extend(rules.iter().map(|rule| of("Refusal")(rule.as_str())));
        let named = self.vocabulary.entities.iter().cloned();
        let described = facts.described().map(|entity| entity.uid);
        let described = described.map(|uid| (uid.type_name().to_string(), uid.id().unescaped().to_owned()));
        let kinds = ["Caller", "TokenRole", "Team", "Role", "Refusal"];
        all.extend(named.chain(described).filter(|(ty, _)| kinds.contains(&ty.as_str())));
        all
    }

    /// The hierarchy above every such entity.
    pub(super) fn find_hierarchy(&mut self) {
        let facts = self.side.facts();
        for (ty, id) in self.parents() {
            let Ok(name) = ty.parse::<EntityTypeName>() else { continue };
            let uid = EntityUid::from_type_name_and_id(name, EntityId::new(&id));
            let above = facts.above(&uid);
            let above =
                above.iter().map(|uid| (uid.type_name().to_string(), uid.id().unescaped().to_owned()));
            for group in above.chain([(ty.clone(), id.clone())]) {
                self.below.entry(group).or_default().insert((ty.clone(), id.clone()));
            }
        }
    }

    /// The condition under which the caller is in an entity.
    pub(super) fn caller_in(&mut self, ty: &str, id: &str) -> String {
        let below = self.below.get(&(ty.to_owned(), id.to_owned())).cloned().unwrap_or_default();
        or(below.iter().map(|(ty, id)| self.own_parent(ty, id)))
    }

    /// The caller's place in the hierarchy, for each entity that a policy names.
    pub(super) fn add_hierarchy(&mut self) {
        for (ty, id) in self.vocabulary.entities.clone() {
            if ty == "Caller" {
                let is = self.own_parent(&ty, &id);
                self.define(None, Comparison::Is, [&ty, &id], is);
            }
            if self.is_above("Caller", &ty) {
                let is_in = self.caller_in(&ty, &id);
                self.define(None, Comparison::In, [&ty, &id], is_in);
            }
        }
    }

    /// The attributes, tags and ancestors of described entities, and that no other entity has any.
    pub(super) fn add_described(&mut self) -> Result<(), ProveError> {
        let facts = self.side.facts();
        let own = self.own_attributes();
        let mut of_type: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for entity in facts.described() {
            let (ty, id) = (entity.uid.type_name().to_string(), entity.uid.id().unescaped());
            let uid = self.side.entity(&ty, id);
            of_type.entry(ty.clone()).or_default().push(uid.clone());
            for attribute in own.get(&ty).into_iter().flatten() {
                self.add_value(&uid, attribute, entity.attributes.get(attribute))?;
            }
            for tag in self.vocabulary.tags.clone() {
                if !self.has_tags(&ty) || ty == "Caller" {
                    continue;
                }
                let Some(value) = entity.tags.get(&tag) else {
                    self.require(format!("!{uid}.hasTag({})", quoted(&tag)));
                    continue;
                };
                let own = format!("{uid}.hasTag({0}) && {uid}.getTag({0}) == true", quoted(&tag));
                self.add_equal(super::text::parse(&own)?, value);
            }
            let above = facts.above(entity.uid);
            let above: BTreeSet<(String, String)> = above
                .iter()
                .map(|uid| (uid.type_name().to_string(), uid.id().unescaped().to_owned()))
                .collect();
            for (group, group_id) in self.vocabulary.entities.clone() {
                if self.is_above(&ty, &group) {
                    let is_in =
                        above.contains(&(group.clone(), group_id.clone())) || (group == ty && group_id == id);
                    let own = format!("({uid} in {})", self.side.entity(&group, &group_id));
                    self.require(same(&own, if is_in { "true" } else { "false" }));
                }
            }
        }
        // An entity without a description has no such attribute.
        let caller = self.side.caller();
        let variables = [
            ("Caller", caller.clone(), "true".to_owned()),
            ("Model", self.side.model(), "true".to_owned()),
            ("Route", self.side.route(), "true".to_owned()),
            ("Team", format!("{caller}.team"), format!("{caller} has team")),
        ];
        for (ty, variable, exists) in variables {
            let described = of_type.remove(ty).unwrap_or_default();
            let is_described = or(described.iter().map(|uid| format!("{variable} == {uid}")));
            for attribute in own.get(ty).into_iter().flatten() {
                let has = format!("!({variable} has {})", name(attribute));
                let condition = or([is_described.clone(), has]);
                self.require(when(&exists, &condition));
            }
        }
        Ok(())
    }

    fn add_value(&mut self, uid: &str, attribute: &str, value: Option<&Value>) -> Result<(), ProveError> {
        let Some(value) = value else {
            self.require(format!("!({uid} has {})", name(attribute)));
            return Ok(());
        };
        let own = format!("{uid} has {} && {uid}[{}] == true", name(attribute), quoted(attribute));
        self.add_equal(super::text::parse(&own)?, value);
        Ok(())
    }

    /// Adds a comparison. `value` takes the place of its right side.
    fn add_equal(&mut self, mut comparison: Value, value: &Value) {
        if let Some(right) = find_right(&mut comparison) {
            *right = json!({"Value": renamed(value, self.side.namespace)});
        }
        self.formulas.push(comparison);
    }

    /// The attributes of each type that policies read and that only files set.
    fn own_attributes(&self) -> BTreeMap<String, Vec<String>> {
        let base = built_in_attributes();
        let json = self.side.facts().schema_json();
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (namespace, declared) in json.as_object().into_iter().flatten() {
            let types = declared.get("entityTypes").and_then(Value::as_object);
            for (ty, declared) in types.into_iter().flatten() {
                let qualified = if namespace.is_empty() { ty.clone() } else { format!("{namespace}::{ty}") };
                let attributes = declared.pointer("/shape/attributes").and_then(Value::as_object);
                let names = attributes.into_iter().flatten().map(|(name, _)| name);
                let is_own = |attribute: &&String| {
                    self.vocabulary.reads(attribute)
                        && !base.get(&qualified).is_some_and(|known| known.contains(*attribute))
                };
                found.insert(qualified.clone(), names.filter(is_own).cloned().collect());
            }
        }
        found
    }

    fn has_tags(&self, ty: &str) -> bool {
        let (namespace, name) = ty.rsplit_once("::").unwrap_or(("", ty));
        let json = self.side.facts().schema_json();
        let types = json.get(namespace).and_then(|declared| declared.get("entityTypes"));
        types.and_then(|types| types.get(name)).is_some_and(|ty| ty.get("tags").is_some())
    }
}

/// The right side of the comparison at the end of a conjunction.
fn find_right(condition: &mut Value) -> Option<&mut Value> {
    if condition.get("&&").is_some() {
        return find_right(condition.pointer_mut("/&&/right")?);
    }
    condition.pointer_mut("/==/right")
}

fn name(attribute: &str) -> String {
    let is_plain = attribute.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !attribute.starts_with(|c: char| c.is_ascii_digit());
    if is_plain { attribute.to_owned() } else { quoted(attribute) }
}

fn built_in_attributes() -> &'static BTreeMap<String, Vec<String>> {
    static KNOWN: std::sync::OnceLock<BTreeMap<String, Vec<String>>> = std::sync::OnceLock::new();
    KNOWN.get_or_init(|| {
        let parsed = cedar_policy::SchemaFragment::from_cedarschema_str(crate::translate::SCHEMA);
        let json = parsed.ok().and_then(|(fragment, _)| fragment.to_json_value().ok()).unwrap_or_default();
        let types = json.pointer("//entityTypes").and_then(Value::as_object).into_iter().flatten();
        let attributes = |ty: &Value| {
            let attributes = ty.pointer("/shape/attributes").and_then(Value::as_object);
            attributes.map(|attributes| attributes.keys().cloned().collect()).unwrap_or_default()
        };
        types.map(|(name, ty)| (name.clone(), attributes(ty))).collect()
    })
}
