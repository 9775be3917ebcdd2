//! The entities of one request. Only what a policy can reach from the caller is built: a model's parents are those of
//! the caller's own sets, teams and scopes, so the cost does not grow with the configuration.

use std::collections::{BTreeSet, HashMap, HashSet};

use cedar_policy::{Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression as Value};

use super::{Rule, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
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

/// What ties a caller to lists of the configuration: roles and teams.
#[derive(Debug)]
pub(super) struct Ties<'s> {
    pub(super) caller: &'s Caller,
    /// The team that was selected for the request, or the rule that refuses (R6).
    pub(super) team: Result<Option<&'s str>, Rule>,
    /// The caller's entries of `modelgate.role_permissions`, inherited ones too.
    pub(super) token_roles: Vec<&'s TokenRoleLists>,
}

impl<'s> Ties<'s> {
    pub(super) fn new(
        snapshot: &'s Snapshot,
        caller: &'s Caller,
        team: Result<Option<&'s str>, Rule>,
    ) -> Self {
        Self { caller, team, token_roles: snapshot.lists.token_roles_of(&caller.role_names) }
    }

    fn selected_team(&self) -> Option<&'s str> {
        self.team.ok().flatten()
    }

    /// The lists of routes that the caller's roles name.
    fn routes(&self, snapshot: &'s Snapshot) -> impl Iterator<Item = &'s (String, RouteList)> {
        let by_role = self.caller.roles.iter().filter_map(|role| snapshot.lists.role_routes.get(role));
        by_role.chain(self.token_roles.iter().filter_map(|lists| lists.routes.as_ref()))
    }
}

/// A caller as an entity of Cedar, with the team that was selected for the request.
pub(super) fn caller(snapshot: &Snapshot, ties: &Ties<'_>) -> Result<(EntityUid, Vec<Entity>), String> {
    let (names, caller) = (&snapshot.names, ties.caller);
    let selected = ties.selected_team();
    let teams: BTreeSet<&str> = caller.claimed_teams().chain(selected).collect();

    let mut parents: HashSet<_> = teams.iter().map(|id| names.team_uid(id)).collect();
    parents.extend(caller.roles.iter().map(|role| uid(&names.role, role.as_str())));
    let inherited = ties.token_roles.iter().flat_map(|lists| &lists.ancestry);
    parents.extend(caller.role_names.iter().chain(inherited).map(|role| uid(&names.token_role, role)));
    let refusals = caller.left_out.as_ref().map(|_| Rule::Overage).into_iter().chain(ties.team.err());
    parents.extend(refusals.map(|rule| uid(&names.refusal, rule.as_str())));
    if caller.master_key {
        parents.insert(uid(&names.role, MASTER_KEY_ROLE));
    }

    let reads = |attribute: &str| snapshot.dropped.reads(attribute);
    let routes = ties.routes(snapshot).map(|(id, _)| Value::new_entity_uid(uid(&names.route_group, id)));
    let mut attrs = HashMap::from([
        ("admin".to_owned(), Value::new_bool(caller.admin)),
        ("routes".to_owned(), Value::new_set(routes)),
    ]);
    if reads("roles") {
        let roles = caller.role_names.iter().map(|role| Value::new_string(role.clone()));
        attrs.insert("roles".to_owned(), Value::new_set(roles));
    }
    if reads("scopes") {
        let scopes = caller.scopes.iter().map(|scope| Value::new_entity_uid(names.scope_uid(scope)));
        attrs.insert("scopes".to_owned(), Value::new_set(scopes));
    }
    if reads("teams") {
        let claimed = caller.claimed_teams().map(|id| Value::new_entity_uid(names.team_uid(id)));
        attrs.insert("teams".to_owned(), Value::new_set(claimed));
    }
    let optional = [
        ("issuer", caller.issuer.as_deref()),
        ("subject", caller.subject.as_deref()),
        ("client_id", caller.client_id.as_deref()),
        ("user_id", caller.user_id.as_deref()),
        ("email", caller.email.as_deref()),
        ("email_domain", caller.email_domain()),
    ];
    for (name, value) in optional.into_iter().filter(|(name, _)| reads(name)) {
        attrs.extend(value.map(|value| (name.to_owned(), Value::new_string(value.to_owned()))));
    }
    attrs.extend(selected.map(|id| ("team".to_owned(), Value::new_entity_uid(names.team_uid(id)))));

    let me = uid(&names.caller, caller_id(caller));
    let tags = if snapshot.dropped.reads_tags { tags(caller) } else { Vec::new() };
    let mut entities = vec![complete(snapshot, me.clone(), attrs, parents, tags)?];
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
    complete(snapshot, names.team_uid(id), attrs, parents, Vec::new())
}

/// An entity with what files of operators add to it.
fn complete(
    snapshot: &Snapshot,
    me: EntityUid,
    mut attrs: HashMap<String, Value>,
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

/// The token's claims of strings, beside those that are attributes.
fn tags(caller: &Caller) -> Vec<(String, Value)> {
    let texts =
        |texts: Vec<&str>| Value::new_set(texts.into_iter().map(|text| Value::new_string(text.to_owned())));
    caller.other_claims().into_iter().map(|(name, values)| (name, texts(values))).collect()
}

/// A route, in the lists of routes that it matches.
pub(super) fn route(
    snapshot: &Snapshot,
    ties: &Ties<'_>,
    path: &str,
    method: &str,
) -> Result<(EntityUid, Entity), String> {
    let names = &snapshot.names;
    let of_roles = ties.routes(snapshot).map(|(id, list)| (id, list));
    let lists = snapshot.lists.routes.iter().chain(of_roles).filter(|(_, list)| list.contains(path));
    let parents = lists.map(|(id, _)| uid(&names.route_group, id)).collect();
    let attrs = HashMap::from([
        ("path".to_owned(), Value::new_string(path.to_owned())),
        ("method".to_owned(), Value::new_string(method.to_owned())),
    ]);
    let me = uid(&names.route, path);
    let entity = complete(snapshot, me.clone(), attrs, parents, Vec::new())?;
    Ok((me, entity))
}

/// A model, in those sets, scopes and teams that list it and that the caller is tied to.
pub(super) fn model(
    snapshot: &Snapshot,
    ties: &Ties<'_>,
    model: &ModelName,
) -> Result<(EntityUid, Entity), String> {
    let names = &snapshot.names;
    let lists = &snapshot.lists;
    let (caller, name) = (ties.caller, model.as_str());

    // A dropped-in policy may name any list, not only the caller's own.
    let of_roles = lists.role_models.values();
    let of_roles = of_roles.filter(|(_, models)| models.contains(name)).map(|(id, _)| id);
    let of_token_roles = ties.token_roles.iter().flat_map(|lists| &lists.models);
    let of_token_roles =
        of_token_roles.filter(|(_, models)| models.contains(name, lists.groups_of(name))).map(|(id, _)| id);
    let scopes = caller.scopes.iter().map(String::as_str).chain(snapshot.dropped.mentioned("Scope"));
    let scopes = scopes.filter(|scope| lists.scopes.get(*scope).is_some_and(|set| set.contains(name)));
    let teams = caller.claimed_teams().chain(ties.selected_team()).chain(snapshot.dropped.mentioned("Team"));
    let teams = teams.filter(|id| lists.team_lists(id, name));

    let sets = of_roles.chain(of_token_roles).map(|id| names.model_set_uid(id));
    let scopes = scopes.map(|scope| names.scope_uid(scope));
    let parents = sets.chain(scopes).chain(teams.map(|id| names.team_uid(id))).collect();
    model_entity(snapshot, model, parents)
}

/// A model in `parents`, and in its access groups and its provider.
pub(super) fn model_entity(
    snapshot: &Snapshot,
    model: &ModelName,
    mut parents: HashSet<EntityUid>,
) -> Result<(EntityUid, Entity), String> {
    let (names, name) = (&snapshot.names, model.as_str());
    parents.extend(snapshot.lists.groups_of(name).map(|group| uid(&names.access_group, group)));
    let provider =
        name.split_once('/').map(|(provider, _)| provider).or_else(|| providers::of_bare_name(name));
    parents.extend(provider.map(|provider| uid(&names.provider, provider)));

    let me = uid(&names.model, name);
    let attrs = HashMap::from([("name".to_owned(), Value::new_string(name.to_owned()))]);
    let entity = complete(snapshot, me.clone(), attrs, parents, Vec::new())?;
    Ok((me, entity))
}
