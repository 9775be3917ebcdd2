//! The hierarchy of entities: what the configuration and operators' files together place an entity in.
//!
//! Policies, denials, lists and the selection of a team all ask this one hierarchy.

use std::collections::HashSet;

use cedar_policy::EntityUid;

use super::candidates::{Candidates, NamedLists};
use super::names::uid;
use super::world::World;
use crate::providers;
use crate::routes::RouteList;
use crate::translate::TokenRoleLists;

/// What a path through the hierarchy came through: lists hold groups of models, and groups of routes, for their members.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Through {
    Neither,
    Model,
    Route,
}

impl NamedLists {
    /// The lists that a policy can ask about although the caller does not bring them: those that dropped-in files name to ask
    /// what is in them, and those that are in such an entity, or in another list or group.
    pub(in crate::engine) fn new(world: &World) -> Self {
        let World { lists, names, dropped, .. } = world;
        let holds_more = [
            &names.team,
            &names.scope,
            &names.model_set,
            &names.access_group,
            &names.model,
            &names.route_group,
            &names.route,
        ];
        let is_named = |list: EntityUid| {
            let is_asked_about = |uid: &EntityUid| dropped.asked_about.names(uid.id().unescaped());
            let above = world.above(&list, &Candidates::default());
            is_asked_about(&list)
                || above.iter().any(|uid| is_asked_about(uid) || holds_more.contains(&uid.type_name()))
        };
        let routes = |(id, _): &(String, RouteList)| is_named(uid(&names.route_group, id));
        let is_named_role = |role: &TokenRoleLists| {
            [&role.models.0, &role.denied.0].into_iter().any(|id| is_named(names.model_set_uid(id)))
                || role.routes.as_ref().is_some_and(routes)
        };
        let roles = lists.role_routes.iter().filter(|(_, list)| routes(list));
        let token_roles = lists.token_roles.iter().filter(|(_, role)| is_named_role(role));
        Self {
            roles: roles.map(|(role, _)| *role).collect(),
            token_roles: token_roles.map(|(name, _)| name.clone()).collect(),
            scopes: lists.scopes.keys().filter(|id| is_named(names.scope_uid(id))).cloned().collect(),
            teams: lists.teams.keys().filter(|id| is_named(names.team_uid(id))).cloned().collect(),
        }
    }
}

impl World {
    /// Everything that an entity is in, by any number of steps. The entity itself is among it only if it is in itself.
    pub(in crate::engine) fn above(&self, of: &EntityUid, candidates: &Candidates<'_>) -> HashSet<EntityUid> {
        let mut open = Vec::new();
        self.add_parents(of, Through::Neither, candidates, &mut open);
        self.close(open, candidates)
    }

    /// `parents`, and everything that they are in.
    pub(in crate::engine) fn with_above(
        &self,
        parents: impl IntoIterator<Item = EntityUid>,
        candidates: &Candidates<'_>,
    ) -> HashSet<EntityUid> {
        self.close(parents.into_iter().map(|uid| (uid, Through::Neither)).collect(), candidates)
    }

    fn close(&self, mut open: Vec<(EntityUid, Through)>, candidates: &Candidates<'_>) -> HashSet<EntityUid> {
        let mut seen = HashSet::new();
        while let Some(next) = open.pop() {
            if !seen.contains(&next) {
                self.add_parents(&next.0, next.1, candidates, &mut open);
                seen.insert(next);
            }
        }
        seen.into_iter().map(|(uid, _)| uid).collect()
    }

    /// Adds what an entity is in by one step. What files say comes with all that it is in by files.
    fn add_parents(
        &self,
        of: &EntityUid,
        through: Through,
        candidates: &Candidates<'_>,
        open: &mut Vec<(EntityUid, Through)>,
    ) {
        let (names, lists) = (&self.names, &self.lists);
        let (ty, id) = (of.type_name(), of.id().unescaped());
        let through = match through {
            _ if *ty == names.model => Through::Model,
            _ if *ty == names.route => Through::Route,
            through => through,
        };
        let mut add = |uid: EntityUid| open.push((uid, through));
        if let Some(described) = self.dropped.statics.get(of) {
            described.ancestors.iter().cloned().for_each(&mut add);
        }
        if *ty == names.model {
            lists.groups_of(id).for_each(|group| add(uid(&names.access_group, group)));
            let provider =
                id.split_once('/').map(|(provider, _)| provider).or_else(|| providers::of_bare_name(id));
            provider.into_iter().for_each(|provider| add(uid(&names.provider, provider)));
            self.add_lists_of_model(id, candidates, &mut add);
        } else if *ty == names.team {
            let organization = self.teams.get(id).and_then(|team| team.organization.as_deref());
            organization.into_iter().for_each(|id| add(uid(&names.organization, id)));
        } else if *ty == names.token_role {
            let inherited = lists.token_roles.get(id).into_iter().flat_map(|lists| &lists.ancestry);
            inherited.filter(|role| *role != id).for_each(|role| add(uid(&names.token_role, role)));
        } else if *ty == names.route {
            self.add_lists_of_routes(candidates, |list| list.contains(id), &mut add);
        } else if *ty == names.access_group && through == Through::Model {
            self.add_lists_of_group(id, candidates, &mut add);
        } else if *ty == names.route_group && through == Through::Route {
            self.add_lists_of_routes(candidates, |list| list.names_group(id), &mut add);
        }
    }

    fn add_lists_of_model(&self, name: &str, candidates: &Candidates<'_>, add: &mut dyn FnMut(EntityUid)) {
        let (names, lists) = (&self.names, &self.lists);
        let of_roles = lists.role_models.values().filter(|(_, models)| models.contains(name));
        of_roles.for_each(|(id, _)| add(names.model_set_uid(id)));
        let of_token_roles = candidates.token_roles.iter().map(|role| &role.models);
        let of_token_roles = of_token_roles.filter(|(_, models)| models.contains_model(name));
        of_token_roles.for_each(|(id, _)| add(names.model_set_uid(id)));
        self.add_denied_lists(name, candidates, add);
        let scopes = candidates.scopes.iter();
        let scopes = scopes.filter(|scope| lists.scopes.get(**scope).is_some_and(|set| set.contains(name)));
        scopes.for_each(|scope| add(names.scope_uid(scope)));
        let teams = candidates.teams.iter();
        let teams =
            teams.filter(|team| lists.teams.get(**team).is_some_and(|list| list.contains_model(name)));
        teams.for_each(|team| add(names.team_uid(team)));
    }

    fn add_lists_of_group(&self, group: &str, candidates: &Candidates<'_>, add: &mut dyn FnMut(EntityUid)) {
        let roles = || candidates.token_roles.iter();
        let opening = roles().filter(|role| role.models.1.names_group(group)).map(|role| &role.models.0);
        let denying = roles().filter(|role| role.denied.1.names_group(group)).map(|role| &role.denied.0);
        opening.chain(denying).for_each(|id| add(self.names.model_set_uid(id)));
        let teams = candidates.teams.iter();
        let teams =
            teams.filter(|team| self.lists.teams.get(**team).is_some_and(|list| list.names_group(group)));
        teams.for_each(|team| add(self.names.team_uid(team)));
    }

    fn add_lists_of_routes(
        &self,
        candidates: &Candidates<'_>,
        holds: impl Fn(&RouteList) -> bool,
        add: &mut dyn FnMut(EntityUid),
    ) {
        let all = self.lists.routes.iter().chain(candidates.routes.iter().map(|(id, list)| (id, list)));
        all.filter(|(_, list)| holds(list)).for_each(|(id, _)| add(uid(&self.names.route_group, id)));
    }

    /// Whether a declared team may use a model (R6).
    pub(in crate::engine) fn team_may_use(&self, team: &str, model: &str) -> bool {
        let lists = &self.lists;
        if lists.teams.get(team).is_some_and(|models| models.all) || lists.team_lists(team, model) {
            return true;
        }
        // A file may place the model in the team, or in a group that the team lists.
        !self.dropped.statics.is_empty() && {
            let mut candidates = Candidates { teams: vec![team], ..Candidates::default() };
            candidates.add_named(&self.named_lists, &self.lists);
            self.above(&uid(&self.names.model, model), &candidates).contains(&self.names.team_uid(team))
        }
    }

    /// Whether a route is in a list, whose entity has this id if it has one.
    pub(in crate::engine) fn is_in_list(&self, route: &str, list: &RouteList, id: Option<&str>) -> bool {
        list.contains(route)
            || !self.dropped.statics.is_empty() && {
                let mut candidates = Candidates::default();
                candidates.add_named(&self.named_lists, &self.lists);
                let above = self.above(&uid(&self.names.route, route), &candidates);
                let groups = above.iter().filter(|uid| *uid.type_name() == self.names.route_group);
                let mut groups = groups.map(|uid| uid.id().unescaped());
                groups.any(|group| Some(group) == id || list.names_group(group))
            }
    }
}
