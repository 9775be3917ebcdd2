//! The position of a caller in the hierarchy, and the lists of its roles, teams and scopes.

use std::collections::HashSet;

use cedar_policy::EntityUid;

use super::candidates::Candidates;
use super::names::uid;
use super::world::World;
use crate::engine::cache::key::Key;
use crate::engine::cache::profile::ANYBODY;
use crate::names::Role;
use crate::rules::{MASTER_KEY_ROLE, Rule};
use crate::translate::TokenRoleLists;

/// The part of a caller that policies can read, and everything derived from it.
#[derive(Debug)]
pub(in crate::engine) struct PrincipalContext<'s> {
    pub(in crate::engine) key: Key<'s>,
    /// The caller's entity.
    pub(in crate::engine) principal: EntityUid,
    /// The ancestors of the caller.
    pub(in crate::engine) above: HashSet<EntityUid>,
    /// Whether the caller has a LiteLLM role (`has_role`) and a role of `modelgate.role_permissions`
    /// (`has_token_role`).
    pub(in crate::engine) has_role: bool,
    pub(in crate::engine) has_token_role: bool,
    /// The lists that are matched against the caller's requests.
    pub(in crate::engine) candidates: Candidates<'s>,
    /// The number of route lists in `candidates` that belong to the caller. They come first.
    pub(in crate::engine) own_routes: usize,
}

impl<'s> PrincipalContext<'s> {
    pub(in crate::engine) fn new(world: &'s World, key: Key<'s>) -> Self {
        let (names, lists) = (&world.names, &world.lists);
        let principal = uid(&names.caller, key.caller.id.as_deref().unwrap_or(ANYBODY));
        let mut parents = parents_of_caller(world, &key);
        if let Some(described) = world.drop_ins.statics.get(&principal) {
            parents.extend(described.ancestors.iter().cloned());
        }
        let mut above = world.with_above(parents, &Candidates::default());
        // A file may place callers in a model or a route, and lists contain those.
        if above.iter().any(|uid| *uid.type_name() == names.model || *uid.type_name() == names.route) {
            above = world.with_above(above, &Candidates::all(lists));
        }

        // A file may place a caller, a team or a role in a role. The caller has such a role as if its token named it.
        let of_type =
            |ty| above.iter().filter(move |uid| uid.type_name() == ty).map(|uid| uid.id().unescaped());
        let token_roles: Vec<&TokenRoleLists> = if lists.token_roles.is_empty() {
            Vec::new()
        } else {
            of_type(&names.token_role).filter_map(|role| lists.token_roles.get(role)).collect()
        };
        let has = |role: &Role| above.contains(&uid(&names.role, role.as_str()));
        let roles: Vec<Role> = Role::ALL.into_iter().filter(has).collect();
        let of_roles = roles.iter().filter_map(|role| lists.role_routes.get(role));
        let routes: Vec<_> =
            of_roles.chain(token_roles.iter().filter_map(|lists| lists.routes.as_ref())).collect();
        let selected = key.team.ok().flatten();
        let own_routes = routes.len();
        let (has_role, has_token_role) = (!roles.is_empty(), !token_roles.is_empty());
        let mut candidates = Candidates { token_roles, routes, ..Candidates::default() };
        candidates.add_named(&world.named_lists, lists);
        let scopes = key.caller.scopes.iter().filter_map(|scope| lists.scopes.get_key_value(scope.as_str()));
        candidates.scopes.extend(scopes.map(|(scope, _)| scope.as_str()));
        let claimed = key.caller.claimed_teams.iter().map(String::as_str).chain(selected);
        let teams = claimed.filter_map(|team| lists.teams.get_key_value(team));
        candidates.teams.extend(teams.map(|(team, _)| team.as_str()));
        Self { key, principal, above, has_role, has_token_role, candidates, own_routes }
    }

    pub(in crate::engine) fn selected_team(&self) -> Option<&'s str> {
        self.key.team.ok().flatten()
    }

    /// The teams that the token claims, and the selected team.
    pub(in crate::engine) fn teams(&self) -> impl Iterator<Item = &str> {
        self.key.caller.claimed_teams.iter().map(String::as_str).chain(self.selected_team())
    }
}

/// The caller's parents according to its token and its team, without the hierarchy.
fn parents_of_caller(world: &World, key: &Key<'_>) -> HashSet<EntityUid> {
    let (names, profile) = (&world.names, &*key.caller);
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
