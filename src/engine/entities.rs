//! The entities of one request. Only what a policy can reach from the caller is built: a model's parents are those of
//! the caller's own sets, teams and scopes, so the cost does not grow with the configuration.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression as Value};

use super::Snapshot;
use crate::identity::Caller;
use crate::names::ModelName;
use crate::providers;
use crate::translate::MASTER_KEY_ROLE;

/// Cedar's names for what the schema declares, parsed once.
#[derive(Debug)]
pub(super) struct Names {
    caller: EntityTypeName,
    role: EntityTypeName,
    scope: EntityTypeName,
    organization: EntityTypeName,
    team: EntityTypeName,
    model_set: EntityTypeName,
    access_group: EntityTypeName,
    provider: EntityTypeName,
    model: EntityTypeName,
    route_group: EntityTypeName,
    route: EntityTypeName,
    pub(super) call_route: EntityUid,
    pub(super) use_model: EntityUid,
}

impl Names {
    pub(super) fn new() -> Result<Self, String> {
        let name = |text: &str| text.parse::<EntityTypeName>().map_err(|error| error.to_string());
        let action = name("Action")?;
        Ok(Self {
            caller: name("Caller")?,
            role: name("Role")?,
            scope: name("Scope")?,
            organization: name("Organization")?,
            team: name("Team")?,
            model_set: name("ModelSet")?,
            access_group: name("AccessGroup")?,
            provider: name("Provider")?,
            model: name("Model")?,
            route_group: name("RouteGroup")?,
            route: name("Route")?,
            call_route: uid(&action, "call_route"),
            use_model: uid(&action, "use_model"),
        })
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

/// A caller as an entity of Cedar, with the team that was selected for the request.
pub(super) fn caller(
    snapshot: &Snapshot,
    caller: &Caller,
    team: Result<Option<&str>, super::Rule>,
) -> Result<(EntityUid, Vec<Entity>), String> {
    let names = &snapshot.names;
    let selected = team.ok().flatten();
    let teams: BTreeSet<&str> = caller.claimed_teams().chain(selected).collect();

    let mut parents: HashSet<_> = teams.iter().map(|id| names.team_uid(id)).collect();
    parents.extend(caller.role.map(|role| uid(&names.role, role.as_str())));
    if caller.master_key {
        parents.insert(uid(&names.role, MASTER_KEY_ROLE));
    }

    let texts = |list: &[String]| Value::new_set(list.iter().map(|text| Value::new_string(text.clone())));
    let scopes = caller.scopes.iter().map(|scope| Value::new_entity_uid(names.scope_uid(scope)));
    let claimed = caller.claimed_teams().map(|id| Value::new_entity_uid(names.team_uid(id)));
    let mut attrs = HashMap::from([
        ("admin".to_owned(), Value::new_bool(caller.admin)),
        ("roles".to_owned(), texts(&caller.role_names)),
        ("scopes".to_owned(), Value::new_set(scopes)),
        ("teams".to_owned(), Value::new_set(claimed)),
    ]);
    let optional = [
        ("issuer", caller.issuer.as_deref()),
        ("subject", caller.subject.as_deref()),
        ("client_id", caller.client_id.as_deref()),
        ("user_id", caller.user_id.as_deref()),
        ("email", caller.email.as_deref()),
        ("email_domain", caller.email_domain()),
        ("team_refused", team.err().map(super::Rule::as_str)),
    ];
    for (name, value) in optional {
        attrs.extend(value.map(|value| (name.to_owned(), Value::new_string(value.to_owned()))));
    }
    attrs.extend(selected.map(|id| ("team".to_owned(), Value::new_entity_uid(names.team_uid(id)))));

    let me = uid(&names.caller, caller_id(caller));
    let entity = Entity::new(me.clone(), attrs, parents).map_err(|error| error.to_string())?;
    let mut entities = vec![entity];
    for id in teams {
        entities.push(team_entity(snapshot, id)?);
    }
    Ok((me, entities))
}

fn caller_id(caller: &Caller) -> &str {
    if caller.master_key {
        MASTER_KEY_ROLE
    } else {
        caller.subject.as_deref().or(caller.user_id()).unwrap_or_default()
    }
}

pub(super) fn team_entity(snapshot: &Snapshot, id: &str) -> Result<Entity, String> {
    let names = &snapshot.names;
    let declared = snapshot.teams.get(id);
    // A team that is not declared has no models of its own to be held to (R6.2).
    let all_models = declared.is_none() || snapshot.lists.teams.get(id).is_some_and(|models| models.all);
    let mut attrs = HashMap::from([
        ("declared".to_owned(), Value::new_bool(declared.is_some())),
        ("blocked".to_owned(), Value::new_bool(declared.is_some_and(|team| team.blocked))),
        ("all_models".to_owned(), Value::new_bool(all_models)),
    ]);
    let alias = declared.and_then(|team| team.alias.clone());
    attrs.extend(alias.map(|alias| ("alias".to_owned(), Value::new_string(alias))));
    let organization = declared.and_then(|team| team.organization.as_deref());
    let parents = organization.map(|id| uid(&names.organization, id)).into_iter().collect();
    Entity::new(names.team_uid(id), attrs, parents).map_err(|error| error.to_string())
}

/// A route, in the lists of routes that it matches.
pub(super) fn route(snapshot: &Snapshot, path: &str, method: &str) -> Result<(EntityUid, Entity), String> {
    let names = &snapshot.names;
    let lists = snapshot.lists.routes.iter().filter(|(_, list)| list.contains(path));
    let parents = lists.map(|(id, _)| uid(&names.route_group, id)).collect();
    let attrs = HashMap::from([
        ("path".to_owned(), Value::new_string(path.to_owned())),
        ("method".to_owned(), Value::new_string(method.to_owned())),
    ]);
    let me = uid(&names.route, path);
    let entity = Entity::new(me.clone(), attrs, parents).map_err(|error| error.to_string())?;
    Ok((me, entity))
}

/// A model, in those sets, scopes and teams that list it and that the caller is tied to.
pub(super) fn model(
    snapshot: &Snapshot,
    caller: &Caller,
    team: Option<&str>,
    model: &ModelName,
) -> Result<(EntityUid, Entity), String> {
    let names = &snapshot.names;
    let lists = &snapshot.lists;
    let name = model.as_str();

    let role_set = caller.role.and_then(|role| lists.role_models.get(&role));
    let role_set =
        role_set.filter(|(_, models)| models.contains(name)).map(|(id, _)| names.model_set_uid(id));
    let scopes =
        caller.scopes.iter().filter(|scope| lists.scopes.get(*scope).is_some_and(|set| set.contains(name)));
    let teams = caller.claimed_teams().chain(team).filter(|id| lists.team_lists(id, name));

    let mut parents: HashSet<_> = role_set.into_iter().collect();
    parents.extend(scopes.map(|scope| names.scope_uid(scope)));
    parents.extend(teams.map(|id| names.team_uid(id)));
    model_entity(snapshot, model, &parents)
}

/// A model in `parents`, and in its access groups and its provider.
pub(super) fn model_entity(
    snapshot: &Snapshot,
    model: &ModelName,
    parents: &HashSet<EntityUid>,
) -> Result<(EntityUid, Entity), String> {
    let (names, name) = (&snapshot.names, model.as_str());
    let mut parents = parents.clone();
    parents.extend(snapshot.lists.groups_of(name).map(|group| uid(&names.access_group, group)));
    let provider =
        name.split_once('/').map(|(provider, _)| provider).or_else(|| providers::of_bare_name(name));
    parents.extend(provider.map(|provider| uid(&names.provider, provider)));

    let me = uid(&names.model, name);
    let attrs = HashMap::from([("name".to_owned(), Value::new_string(name.to_owned()))]);
    let entity = Entity::new(me.clone(), attrs, parents).map_err(|error| error.to_string())?;
    Ok((me, entity))
}
