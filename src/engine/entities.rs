//! The entities of one request, built from its key. An entity comes with everything that it is in, so that Cedar need not be
//! shown what is above it.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Entity, EntityUid, RestrictedExpression as Value};

use super::hierarchy::Candidates;
use super::names::uid;
use super::profile::TEXTS;
use super::reads::Reads;
use super::ties::Ties;
use super::{Rule, Snapshot};
use crate::translate::MASTER_KEY_ROLE;

/// The id of a caller that no policy and no file names: that of a token without issuer and subject.
pub(super) const ANYBODY: &str = "#";

/// A caller as an entity of Cedar, and its teams.
pub(super) fn caller(snapshot: &Snapshot, ties: &Ties<'_>) -> Result<(EntityUid, Vec<Entity>), String> {
    let (names, profile) = (&snapshot.names, &*ties.key.caller);
    let mut attrs = Attributes::new(&snapshot.reads);
    attrs.add("admin", || Value::new_bool(profile.admin));
    attrs.add("routes", || {
        Value::new_set(
            ties.candidates
                .routes
                .iter()
                .take(ties.own_routes)
                .map(|(id, _)| Value::new_entity_uid(uid(&names.route_group, id))),
        )
    });
    attrs.add("roles", || Value::new_set(profile.role_names.iter().map(|role| text(role))));
    attrs.add("scopes", || {
        Value::new_set(profile.scopes.iter().map(|scope| Value::new_entity_uid(names.scope_uid(scope))))
    });
    attrs.add("teams", || {
        Value::new_set(profile.claimed_teams.iter().map(|id| Value::new_entity_uid(names.team_uid(id))))
    });
    for (name, value) in TEXTS.into_iter().zip(&profile.texts) {
        attrs.add_some(name, value.as_deref().map(text));
    }
    attrs.add_some("team", ties.selected_team().map(|id| Value::new_entity_uid(names.team_uid(id))));

    let texts = |texts: &[String]| Value::new_set(texts.iter().map(|value| text(value)));
    let tags = profile.tags.iter().map(|(name, values)| (name.clone(), texts(values))).collect();
    let teams: BTreeSet<&str> = ties.teams().collect();
    let me = ties.principal.clone();
    let mut entities = vec![complete(snapshot, me.clone(), attrs, ties.above.clone(), tags)?];
    for id in teams {
        entities.push(team(snapshot, &snapshot.reads, id)?);
    }
    Ok((me, entities))
}

/// The caller's parents by its token and its team, before the hierarchy.
pub(super) fn parents_of_caller(snapshot: &Snapshot, key: &super::key::Key<'_>) -> HashSet<EntityUid> {
    let (names, profile) = (&snapshot.names, &*key.caller);
    let teams = profile.claimed_teams.iter().map(String::as_str).chain(key.team.ok().flatten());
    let mut parents: HashSet<_> = teams.map(|id| names.team_uid(id)).collect();
    parents.extend(profile.roles.iter().map(|role| uid(&names.role, role.as_str())));
    parents.extend(profile.role_names.iter().map(|role| uid(&names.token_role, role)));
    let refusals = profile.overage.then_some(Rule::Overage).into_iter().chain(key.team.err());
    parents.extend(refusals.map(|rule| uid(&names.refusal, rule.as_str())));
    if profile.master_key {
        parents.insert(uid(&names.role, MASTER_KEY_ROLE));
    }
    parents
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

/// A team, with the organization that it is in.
pub(super) fn team(snapshot: &Snapshot, reads: &Reads, id: &str) -> Result<Entity, String> {
    let declared = snapshot.teams.get(id);
    // A team that is not declared has no models of its own to be held to (R6.2).
    let all_models = declared.is_none() || snapshot.lists.teams.get(id).is_some_and(|models| models.all);
    let mut attrs = Attributes::new(reads);
    attrs.add("declared", || Value::new_bool(declared.is_some()));
    attrs.add("blocked", || Value::new_bool(declared.is_some_and(|team| team.blocked)));
    attrs.add("all_models", || Value::new_bool(all_models));
    attrs.add_some("alias", declared.and_then(|team| team.alias.as_deref()).map(text));
    let me = snapshot.names.team_uid(id);
    let above = snapshot.above(&me, &Candidates::default());
    complete(snapshot, me, attrs, above, Vec::new())
}

/// A route, in the lists of routes that it matches. Only the route that is asked for has a method.
pub(super) fn route(
    snapshot: &Snapshot,
    candidates: &Candidates<'_>,
    path: &str,
    method: Option<&str>,
) -> Result<(EntityUid, Entity), String> {
    let me = uid(&snapshot.names.route, path);
    let mut attrs = Attributes::new(&snapshot.reads);
    attrs.add("path", || text(path));
    attrs.add_some("method", method.map(text));
    let above = snapshot.above(&me, candidates);
    let entity = complete(snapshot, me.clone(), attrs, above, Vec::new())?;
    Ok((me, entity))
}

/// A model, in its groups, and in those candidates that list it.
pub(super) fn model(
    snapshot: &Snapshot,
    reads: &Reads,
    candidates: &Candidates<'_>,
    name: &str,
) -> Result<(EntityUid, Entity), String> {
    let me = uid(&snapshot.names.model, name);
    let mut attrs = Attributes::new(reads);
    attrs.add("name", || text(name));
    let above = snapshot.above(&me, candidates);
    let entity = complete(snapshot, me.clone(), attrs, above, Vec::new())?;
    Ok((me, entity))
}

/// An entity that a policy reaches otherwise than as the caller or as what is asked for.
pub(super) fn other(
    snapshot: &Snapshot,
    candidates: &Candidates<'_>,
    me: &EntityUid,
) -> Result<Entity, String> {
    let (names, ty, id) = (&snapshot.names, me.type_name(), me.id().unescaped());
    if *ty == names.team {
        team(snapshot, &snapshot.reads, id)
    } else if *ty == names.model {
        model(snapshot, &snapshot.reads, candidates, id).map(|(_, entity)| entity)
    } else if *ty == names.route {
        route(snapshot, candidates, id, None).map(|(_, entity)| entity)
    } else {
        let above = snapshot.above(me, candidates);
        complete(snapshot, me.clone(), Attributes::new(&snapshot.reads), above, Vec::new())
    }
}

/// The attributes of an entity, except for those that no policy reads: Cedar takes time over each.
struct Attributes<'s> {
    reads: &'s Reads,
    all: HashMap<String, Value>,
}

impl<'s> Attributes<'s> {
    fn new(reads: &'s Reads) -> Self {
        Self { reads, all: HashMap::new() }
    }

    fn add(&mut self, name: &str, value: impl FnOnce() -> Value) {
        if self.reads.attribute(name) {
            self.all.insert(name.to_owned(), value());
        }
    }

    fn add_some(&mut self, name: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.add(name, || value);
        }
    }
}

/// An entity with the attributes and tags that files of operators add to it.
fn complete(
    snapshot: &Snapshot,
    me: EntityUid,
    Attributes { all: mut attrs, .. }: Attributes<'_>,
    above: HashSet<EntityUid>,
    mut tags: Vec<(String, Value)>,
) -> Result<Entity, String> {
    if let Some(described) = snapshot.dropped.statics.get(&me) {
        attrs.extend(described.attributes.clone());
        tags.extend(described.tags.iter().cloned());
    }
    Entity::new_with_tags(me, attrs, above, tags).map_err(|error| error.to_string())
}
