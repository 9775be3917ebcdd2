//! What a proof needs to know of a snapshot beside its policies.
//!
//! Input: a name of a model, a path, or an entity. Output: every list and group above it, as a decision would find
//! them. So a proof and a decision never disagree about the members of a list.

mod denials;

use std::collections::HashSet;

use cedar_policy::{EntityUid, Schema};
use serde_json::{Map, Value};

use super::Snapshot;
use super::entities::candidates::Candidates;
use super::entities::names::uid;
use crate::names::Role;
use crate::routes::RouteList;
#[cfg(feature = "reload")]
use crate::rules::Rule;
use crate::translate::TEAM_ROUTES;

pub(crate) use denials::Reason;

/// The facts of one snapshot.
#[derive(Clone, Copy)]
pub(crate) struct ProofFacts<'s>(pub(crate) &'s Snapshot);

/// A declared team.
pub(crate) struct TeamFacts<'s> {
    pub(crate) id: &'s str,
    /// The alias, if no other team has it.
    pub(crate) alias: Option<&'s str>,
    pub(crate) declared_alias: Option<&'s str>,
    pub(crate) blocked: bool,
    pub(crate) all_models: bool,
}

/// An entity that an operator's file describes.
pub(crate) struct DescribedEntity<'s> {
    pub(crate) uid: &'s EntityUid,
    /// In Cedar's JSON format, as are the tags.
    pub(crate) attributes: Map<String, Value>,
    pub(crate) tags: Map<String, Value>,
}

impl<'s> ProofFacts<'s> {
    /// The schema that the policies validate against.
    pub(crate) fn schema(self) -> &'s Schema {
        &self.0.world.drop_ins.schema
    }

    /// The same as data.
    pub(crate) fn schema_json(self) -> &'s Value {
        self.0.world.drop_ins.declared.as_json()
    }

    /// The entity with this type and id.
    pub(crate) fn model(self, name: &str) -> EntityUid {
        uid(&self.0.world.names.model, name)
    }

    /// The entity of a path.
    pub(crate) fn route(self, path: &str) -> EntityUid {
        uid(&self.0.world.names.route, path)
    }

    /// Every ancestor of an entity, for a caller who has every role, team and scope.
    pub(crate) fn above(self, of: &EntityUid) -> HashSet<EntityUid> {
        self.0.world.above(of, &Candidates::all(&self.0.world.lists))
    }

    /// Every list of routes that the configuration has.
    pub(crate) fn route_lists(self) -> impl Iterator<Item = &'s RouteList> {
        let lists = &self.0.world.lists;
        let of_roles = lists.role_routes.values().map(|(_, list)| list);
        let of_token_roles = lists.token_roles.values().filter_map(|role| role.routes.as_ref());
        lists.routes.values().chain(of_roles).chain(of_token_roles.map(|(_, list)| list)).chain([&self
            .0
            .world
            .teams
            .default_routes])
    }

    /// The lists of routes that come with a role, by the id of the list.
    pub(crate) fn routes_of_roles(self) -> impl Iterator<Item = (&'s str, Role)> {
        self.0.world.lists.role_routes.iter().map(|(role, (id, _))| (id.as_str(), *role))
    }

    /// The lists of routes that come with a role of `modelgate.role_permissions`, by the id of the list.
    pub(crate) fn routes_of_token_roles(self) -> impl Iterator<Item = (&'s str, &'s str)> {
        let roles = self.0.world.lists.token_roles.iter();
        in_order(roles.filter_map(|(name, role)| Some((role.routes.as_ref()?.0.as_str(), name.as_str()))))
    }

    /// Everything that decides about resources of operators' own types; `None` if there are no such types.
    #[cfg(feature = "reload")]
    pub(crate) fn own_rules(self) -> Option<Vec<String>> {
        if self.0.own_actions().is_empty() {
            return None;
        }
        let mut rules = vec![self.schema_json().to_string(), format!("{:?}", self.0.config().jwt)];
        let dropped = self.0.policies().filter(|policy| policy.rule() == Rule::Policy);
        rules.extend(dropped.map(|policy| policy.policy().to_string()));
        rules.extend(self.entities());
        Some(rules)
    }

    /// Every entity of operators' files as text, sorted.
    pub(crate) fn entities(self) -> Vec<String> {
        let statics = &self.0.world.drop_ins.statics;
        let mut entities: Vec<String> = statics
            .all()
            .iter()
            .map(|entity| {
                let mut json = entity.to_json_value().unwrap_or_default();
                // The order of parents is that of a hash table.
                if let Some(parents) = json.get_mut("parents").and_then(Value::as_array_mut) {
                    parents.sort_by_key(ToString::to_string);
                }
                json.to_string()
            })
            .collect();
        entities.sort();
        entities
    }

    /// The names of the roles in `modelgate.role_permissions`.
    pub(crate) fn token_roles(self) -> impl Iterator<Item = &'s str> {
        in_order(self.0.world.lists.token_roles.keys().map(String::as_str))
    }

    /// The scopes with a list of models.
    pub(crate) fn scopes(self) -> impl Iterator<Item = &'s str> {
        in_order(self.0.world.lists.scopes.keys().map(String::as_str))
    }

    /// The declared teams.
    pub(crate) fn teams(self) -> impl Iterator<Item = TeamFacts<'s>> {
        let world = &self.0.world;
        self.0.config().teams.iter().map(move |team| {
            let id = team.team_id.as_str();
            let alias = team.team_alias.as_deref();
            TeamFacts {
                id,
                alias: alias.filter(|alias| world.teams.by_alias(alias) == Some(id)),
                declared_alias: alias,
                blocked: team.blocked,
                all_models: world.lists.teams.get(id).is_some_and(|models| models.all),
            }
        })
    }

    /// Whether R6.4 selects a team on this route.
    pub(crate) fn is_team_route(self, path: &str) -> bool {
        let world = &self.0.world;
        match world.lists.routes.get(TEAM_ROUTES) {
            Some(routes) => world.is_in_list(path, routes, Some(TEAM_ROUTES)),
            None => world.is_in_list(path, &world.teams.default_routes, None),
        }
    }

    /// Whether a declared team may use a model (R6).
    pub(crate) fn team_may_use(self, team: &str, model: &str) -> bool {
        self.0.world.team_may_use(team, model)
    }

    /// The entities of operators' files.
    pub(crate) fn described(self) -> impl Iterator<Item = DescribedEntity<'s>> {
        let statics = &self.0.world.drop_ins.statics;
        statics.described().filter_map(|uid| {
            let mut json = statics.all().get(uid)?.to_json_value().ok()?;
            let mut part = |name| match json.get_mut(name).map(Value::take) {
                Some(Value::Object(values)) => values,
                _ => Map::new(),
            };
            Some(DescribedEntity { uid, attributes: part("attrs"), tags: part("tags") })
        })
    }
}

/// The same in one order, because that of a hash table changes with each process. Formulas have it, and the keys of kept answers.
fn in_order<T: Ord>(all: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    all.collect::<std::collections::BTreeSet<T>>().into_iter()
}
