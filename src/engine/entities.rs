//! The entities of one request, built from its key. Only what a policy can reach from the caller is built: a model's parents
//! are those of the caller's own sets, teams and scopes, so the cost does not grow with the configuration.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression as Value};

use super::key::Key;
use super::profile::TEXTS;
use super::reads::Reads;
use super::{Rule, Snapshot};
use crate::identity::Caller;
use crate::providers;
use crate::routes::RouteList;
use crate::translate::{MASTER_KEY_ROLE, TokenRoleLists};

/// Cedar's names for what the schema declares, parsed once.
#[derive(Debug)]
pub(super) struct Names {
    caller: EntityTypeName,
    role: EntityTypeName,
    token_role: EntityTypeName,
    scope: EntityTypeName,
    organization: EntityTypeName,
    team: EntityTypeName,
    pub(super) refusal: EntityTypeName,
    model_set: EntityTypeName,
    access_group: EntityTypeName,
    provider: EntityTypeName,
    model: EntityTypeName,
    route_group: EntityTypeName,
    route: EntityTypeName,
    action: EntityTypeName,
}

impl Names {
    pub(super) fn new() -> Result<Self, String> {
        let name = |text: &str| text.parse::<EntityTypeName>().map_err(|error| error.to_string());
        Ok(Self {
            action: name("Action")?,
            caller: name("Caller")?,
            role: name("Role")?,
            token_role: name("TokenRole")?,
            scope: name("Scope")?,
            organization: name("Organization")?,
            team: name("Team")?,
            refusal: name("Refusal")?,
            model_set: name("ModelSet")?,
            access_group: name("AccessGroup")?,
            provider: name("Provider")?,
            model: name("Model")?,
            route_group: name("RouteGroup")?,
            route: name("Route")?,
        })
    }

    pub(super) fn action(&self, id: &str) -> EntityUid {
        uid(&self.action, id)
    }

    pub(super) fn model_set_uid(&self, id: &str) -> EntityUid {
        uid(&self.model_set, id)
    }

    pub(super) fn scope_uid(&self, id: &str) -> EntityUid {
        uid(&self.scope, id)
    }

    pub(super) fn team_uid(&self, id: &str) -> EntityUid {
        uid(&self.team, id)
    }
}

fn uid(ty: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.clone(), EntityId::new(id))
}

/// The id of a caller that no policy and no file names.
pub(super) const ANYBODY: &str = "anybody";

/// The id of a caller's entity.
pub(super) fn caller_id(caller: &Caller) -> &str {
    if caller.master_key {
        MASTER_KEY_ROLE
    } else {
        caller.subject.as_deref().or(caller.user_id()).unwrap_or_default()
    }
}

/// What can be read of a caller, and what that ties it to.
#[derive(Debug)]
pub(super) struct Ties<'s> {
    pub(super) key: Key<'s>,
    /// The caller's entries of `modelgate.role_permissions`, inherited ones too.
    pub(super) token_roles: Vec<&'s TokenRoleLists>,
}

impl<'s> Ties<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, key: Key<'s>) -> Self {
        Self { token_roles: snapshot.lists.token_roles_of(&key.caller.role_names), key }
    }

    fn selected_team(&self) -> Option<&'s str> {
        self.key.team.ok().flatten()
    }

    fn teams(&self) -> impl Iterator<Item = &str> {
        self.key.caller.claimed_teams.iter().map(String::as_str).chain(self.selected_team())
    }

    /// The lists of routes that the caller's roles name.
    fn routes(&self, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s (String, RouteList)> {
        let by_role = self.key.caller.roles.iter().filter_map(|role| snapshot.lists.role_routes.get(role));
        by_role.chain(self.token_roles.iter().filter_map(|lists| lists.routes.as_ref()))
    }
}

/// A caller as an entity of Cedar, and its teams.
pub(super) fn caller(snapshot: &Snapshot, ties: &Ties<'_>) -> Result<(EntityUid, Vec<Entity>), String> {
    let (names, profile) = (&snapshot.names, &*ties.key.caller);
    let teams: BTreeSet<&str> = ties.teams().collect();

    let mut parents: HashSet<_> = teams.iter().map(|id| names.team_uid(id)).collect();
    parents.extend(profile.roles.iter().map(|role| uid(&names.role, role.as_str())));
    let inherited = ties.token_roles.iter().flat_map(|lists| &lists.ancestry);
    let token_roles = profile.role_names.iter().chain(inherited);
    parents.extend(token_roles.map(|role| uid(&names.token_role, role)));
    let refusals = profile.overage.then_some(Rule::Overage).into_iter().chain(ties.key.team.err());
    parents.extend(refusals.map(|rule| uid(&names.refusal, rule.as_str())));
    if profile.master_key {
        parents.insert(uid(&names.role, MASTER_KEY_ROLE));
    }

    let mut attrs = Attributes::new(&snapshot.reads);
    attrs.add("admin", || Value::new_bool(profile.admin));
    attrs.add("routes", || {
        Value::new_set(
            ties.routes(snapshot).map(|(id, _)| Value::new_entity_uid(uid(&names.route_group, id))),
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
    let me = uid(&names.caller, profile.id.as_deref().unwrap_or(ANYBODY));
    let mut entities = vec![complete(snapshot, me.clone(), attrs, parents, tags)?];
    for id in teams {
        entities.push(team_entity(snapshot, &snapshot.reads, id)?);
    }
    Ok((me, entities))
}

fn text(text: &str) -> Value {
    Value::new_string(text.to_owned())
}

pub(super) fn team_entity(snapshot: &Snapshot, reads: &Reads, id: &str) -> Result<Entity, String> {
    let names = &snapshot.names;
    let declared = snapshot.teams.get(id);
    // A team that is not declared has no models of its own to be held to (R6.2).
    let all_models = declared.is_none() || snapshot.lists.teams.get(id).is_some_and(|models| models.all);
    let mut attrs = Attributes::new(reads);
    attrs.add("declared", || Value::new_bool(declared.is_some()));
    attrs.add("blocked", || Value::new_bool(declared.is_some_and(|team| team.blocked)));
    attrs.add("all_models", || Value::new_bool(all_models));
    attrs.add_some("alias", declared.and_then(|team| team.alias.as_deref()).map(text));
    let organization = declared.and_then(|team| team.organization.as_deref());
    let parents = organization.map(|id| uid(&names.organization, id)).into_iter().collect();
    complete(snapshot, names.team_uid(id), attrs, parents, Vec::new())
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

/// An entity with what files of operators add to it.
fn complete(
    snapshot: &Snapshot,
    me: EntityUid,
    Attributes { all: mut attrs, .. }: Attributes<'_>,
    mut parents: HashSet<EntityUid>,
    tags: Vec<(String, Value)>,
) -> Result<Entity, String> {
    let statics = &snapshot.dropped.statics;
    if !statics.is_empty() {
        attrs.extend(statics.attributes(&me));
        let described: Vec<_> = parents.iter().chain([&me]).flat_map(|uid| statics.ancestors(uid)).collect();
        parents.extend(described);
    }
    Entity::new_with_tags(me, attrs, parents, tags).map_err(|error| error.to_string())
}

/// A route, in the lists of routes that it matches.
pub(super) fn route(snapshot: &Snapshot, ties: &Ties<'_>) -> Result<(EntityUid, Entity), String> {
    let (names, path) = (&snapshot.names, ties.key.route);
    let of_roles = ties.routes(snapshot).map(|(id, list)| (id, list));
    let lists = snapshot.lists.routes.iter().chain(of_roles).filter(|(_, list)| list.contains(path));
    let parents = lists.map(|(id, _)| uid(&names.route_group, id)).collect();
    let mut attrs = Attributes::new(&snapshot.reads);
    attrs.add("path", || text(path));
    attrs.add_some("method", ties.key.method.map(text));
    let me = uid(&names.route, path);
    let entity = complete(snapshot, me.clone(), attrs, parents, Vec::new())?;
    Ok((me, entity))
}

/// A model, in those sets, scopes and teams that list it and that the caller is tied to.
pub(super) fn model(snapshot: &Snapshot, ties: &Ties<'_>, name: &str) -> Result<(EntityUid, Entity), String> {
    let names = &snapshot.names;
    let lists = &snapshot.lists;

    // A dropped-in policy may name any list, not only the caller's own.
    let of_roles = lists.role_models.values();
    let of_roles = of_roles.filter(|(_, models)| models.contains(name)).map(|(id, _)| id);
    let of_token_roles = ties.token_roles.iter().flat_map(|lists| &lists.models);
    let of_token_roles =
        of_token_roles.filter(|(_, models)| models.contains(name, lists.groups_of(name))).map(|(id, _)| id);
    let scopes = ties.key.caller.scopes.iter().map(String::as_str).chain(snapshot.dropped.mentioned("Scope"));
    let scopes = scopes.filter(|scope| lists.scopes.get(*scope).is_some_and(|set| set.contains(name)));
    let teams = ties.teams().chain(snapshot.dropped.mentioned("Team"));
    let teams = teams.filter(|id| lists.team_lists(id, name));

    let sets = of_roles.chain(of_token_roles).map(|id| names.model_set_uid(id));
    let scopes = scopes.map(|scope| names.scope_uid(scope));
    let parents = sets.chain(scopes).chain(teams.map(|id| names.team_uid(id))).collect();
    model_entity(snapshot, &snapshot.reads, name, parents)
}

/// A model in `parents`, and in its access groups and its provider.
pub(super) fn model_entity(
    snapshot: &Snapshot,
    reads: &Reads,
    name: &str,
    mut parents: HashSet<EntityUid>,
) -> Result<(EntityUid, Entity), String> {
    let names = &snapshot.names;
    parents.extend(snapshot.lists.groups_of(name).map(|group| uid(&names.access_group, group)));
    let provider =
        name.split_once('/').map(|(provider, _)| provider).or_else(|| providers::of_bare_name(name));
    parents.extend(provider.map(|provider| uid(&names.provider, provider)));

    let me = uid(&names.model, name);
    let mut attrs = Attributes::new(reads);
    attrs.add("name", || text(name));
    let entity = complete(snapshot, me.clone(), attrs, parents, Vec::new())?;
    Ok((me, entity))
}
