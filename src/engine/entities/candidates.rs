//! The lists that are matched against a request.

use crate::names::Role;
use crate::routes::RouteList;
use crate::translate::{Lists, TokenRoleLists};

/// The lists that are matched against a model or a route.
///
/// A policy reaches a list only through the caller, or through a name in a dropped-in file. All other lists are
/// ignored, so the cost of a decision does not grow with the configuration.
#[derive(Debug, Default)]
pub(in crate::engine) struct Candidates<'s> {
    pub(in crate::engine) token_roles: Vec<&'s TokenRoleLists>,
    pub(in crate::engine) routes: Vec<&'s (String, RouteList)>,
    pub(in crate::engine) scopes: Vec<&'s str>,
    pub(in crate::engine) teams: Vec<&'s str>,
}

/// The lists that dropped-in files name. They are candidates for every caller.
#[derive(Debug, Default)]
pub(in crate::engine) struct NamedLists {
    pub(super) roles: Vec<Role>,
    pub(super) token_roles: Vec<String>,
    pub(super) scopes: Vec<String>,
    pub(super) teams: Vec<String>,
}

impl<'s> Candidates<'s> {
    /// Adds the lists that dropped-in files name.
    pub(in crate::engine) fn add_named(&mut self, named: &'s NamedLists, lists: &'s Lists) {
        let token_roles = || named.token_roles.iter().filter_map(|name| lists.token_roles.get(name));
        self.routes.extend(named.roles.iter().filter_map(|role| lists.role_routes.get(role)));
        self.routes.extend(token_roles().filter_map(|role| role.routes.as_ref()));
        self.token_roles.extend(token_roles());
        self.scopes.extend(named.scopes.iter().map(String::as_str));
        self.teams.extend(named.teams.iter().map(String::as_str));
    }

    /// All lists of the configuration.
    pub(in crate::engine) fn all(lists: &'s Lists) -> Self {
        let token_roles = || lists.token_roles.values();
        let routes = lists.role_routes.values();
        Self {
            token_roles: token_roles().collect(),
            routes: routes.chain(token_roles().filter_map(|role| role.routes.as_ref())).collect(),
            scopes: lists.scopes.keys().map(String::as_str).collect(),
            teams: lists.teams.keys().map(String::as_str).collect(),
        }
    }
}
