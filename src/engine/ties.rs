//! What a caller is tied to: its place in the hierarchy, and the lists that its roles, teams and scopes bring.

use std::collections::HashSet;

use cedar_policy::EntityUid;

use super::Snapshot;
use super::entities::{ANYBODY, parents_of_caller};
use super::hierarchy::Candidates;
use super::key::Key;
use super::names::uid;
use crate::names::Role;
use crate::translate::TokenRoleLists;

/// What can be read of a caller, and what that ties it to.
#[derive(Debug)]
pub(super) struct Ties<'s> {
    pub(super) key: Key<'s>,
    /// The caller's entity.
    pub(super) principal: EntityUid,
    /// Everything that the caller is in.
    pub(super) above: HashSet<EntityUid>,
    /// Whether it has a role of LiteLLM's, and whether it has one of `modelgate.role_permissions`.
    pub(super) has_role: bool,
    pub(super) has_token_role: bool,
    /// The lists that a request of the caller is compared with.
    pub(super) candidates: Candidates<'s>,
    /// How many of the candidates' lists of routes are the caller's own: the first ones.
    pub(super) own_routes: usize,
}

impl<'s> Ties<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, key: Key<'s>) -> Self {
        let (names, lists) = (&snapshot.names, &snapshot.lists);
        let principal = uid(&names.caller, key.caller.id.as_deref().unwrap_or(ANYBODY));
        let mut parents = parents_of_caller(snapshot, &key);
        if let Some(described) = snapshot.dropped.statics.get(&principal) {
            parents.extend(described.ancestors.iter().cloned());
        }
        let mut above = snapshot.with_above(parents, &Candidates::default());
        // A file may place callers in a model or a route, which are in lists.
        if above.iter().any(|uid| *uid.type_name() == names.model || *uid.type_name() == names.route) {
            above = snapshot.with_above(above, &Candidates::all(lists));
        }

        // A file may place a caller, a team or a role in a role. Then it is the caller's as those of the token are.
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
        candidates.add_named(snapshot);
        let scopes = key.caller.scopes.iter().filter_map(|scope| lists.scopes.get_key_value(scope.as_str()));
        candidates.scopes.extend(scopes.map(|(scope, _)| scope.as_str()));
        let claimed = key.caller.claimed_teams.iter().map(String::as_str).chain(selected);
        let teams = claimed.filter_map(|team| lists.teams.get_key_value(team));
        candidates.teams.extend(teams.map(|(team, _)| team.as_str()));
        Self { key, principal, above, has_role, has_token_role, candidates, own_routes }
    }

    pub(super) fn selected_team(&self) -> Option<&'s str> {
        self.key.team.ok().flatten()
    }

    /// The teams that the token claims, and the one that was selected.
    pub(super) fn teams(&self) -> impl Iterator<Item = &str> {
        self.key.caller.claimed_teams.iter().map(String::as_str).chain(self.selected_team())
    }
}
