//! The hierarchy of entities that the configuration and operators' files define together.
//!
//! Policies, denials, lists and team selection all use this hierarchy.

use std::collections::HashSet;

use cedar_policy::EntityUid;

use super::candidates::{Candidates, NamedLists};
use super::names::uid;
use super::world::World;
use crate::providers;
use crate::routes::RouteList;
use crate::translate::TokenRoleLists;

/// The kind of group that a path went through. Lists contain model groups and route groups for the sake of their
/// members.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Through {
    Neither,
    Model,
    Route,
}

impl NamedLists {
    /// Collects the lists that a policy can ask about without the caller bringing them. Those are lists that dropped-in
    /// files name, lists inside such an entity, and lists inside another list or group.
    pub(in crate::engine) fn new(world: &World) -> Self {
        let World { lists, names, drop_ins, .. } = world;
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
            let is_asked_about = |uid: &EntityUid| drop_ins.asked_about.names(uid.id().unescaped());
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
    /// The ancestors of an entity. The entity itself is among them only if it is in a cycle.
    pub(in crate::engine) fn above(&self, of: &EntityUid, candidates: &Candidates<'_>) -> HashSet<EntityUid> {
        let mut pending = Vec::new();
        self.add_parents(of, Through::Neither, candidates, &mut pending);
        self.close(pending, candidates)
    }

    /// `parents` and all their ancestors.
    pub(in crate::engine) fn with_above(
        &self,
        parents: impl IntoIterator<Item = EntityUid>,
        candidates: &Candidates<'_>,
    ) -> HashSet<EntityUid> {
        self.close(parents.into_iter().map(|uid| (uid, Through::Neither)).collect(), candidates)
    }

    fn close(
        &self,
        mut pending: Vec<(EntityUid, Through)>,
        candidates: &Candidates<'_>,
    ) -> HashSet<EntityUid> {
        let mut visited = HashSet::new();
        while let Some(next) = pending.pop() {
            if !visited.contains(&next) {
                self.add_parents(&next.0, next.1, candidates, &mut pending);
                visited.insert(next);
            }
        }
        visited.into_iter().map(|(uid, _)| uid).collect()
    }

    /// Adds the parents of an entity. Parents from files come with all their ancestors from files.
    fn add_parents(
        &self,
        of: &EntityUid,
        through: Through,
        candidates: &Candidates<'_>,
        pending: &mut Vec<(EntityUid, Through)>,
    ) {
        let (names, lists) = (&self.names, &self.lists);
        let (ty, id) = (of.type_name(), of.id().unescaped());
        let through = match through {
            _ if *ty == names.model => Through::Model,
            _ if *ty == names.route => Through::Route,
            through => through,
        };
        let mut add = |uid: EntityUid| pending.push((uid, through));
        if let Some(described) = self.drop_ins.statics.get(of) {
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
        !self.drop_ins.statics.is_empty() && {
            let mut candidates = Candidates { teams: vec![team], ..Candidates::default() };
            candidates.add_named(&self.named_lists, &self.lists);
            self.above(&uid(&self.names.model, model), &candidates).contains(&self.names.team_uid(team))
        }
    }

    /// Whether a route is in a list. `id` is the id of the list's entity, if it has one.
    pub(in crate::engine) fn is_in_list(&self, route: &str, list: &RouteList, id: Option<&str>) -> bool {
        list.contains(route)
            || !self.drop_ins.statics.is_empty() && {
                let mut candidates = Candidates::default();
                candidates.add_named(&self.named_lists, &self.lists);
                let above = self.above(&uid(&self.names.route, route), &candidates);
                let groups = above.iter().filter(|uid| *uid.type_name() == self.names.route_group);
                let mut groups = groups.map(|uid| uid.id().unescaped());
                groups.any(|group| Some(group) == id || list.names_group(group))
            }
    }
}
