//! The lists of a configuration: the models and routes in each set, team and scope.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::model_list::ModelList;
use super::model_names::ModelNames;
use super::token_role_lists::{self, TokenRoleLists};
use crate::config::{Config, RoutePattern};
use crate::names::Role;
use crate::routes::RouteList;

/// The id of R5's route list.
pub(crate) const ADMIN_ROUTES: &str = "general_settings.litellm_jwtauth.admin_allowed_routes";
/// The id of R6's route list.
pub(crate) const TEAM_ROUTES: &str = "general_settings.litellm_jwtauth.team_allowed_routes";
/// The id of R9's route list.
pub(crate) use crate::routes::LLM_ROUTES;

/// The models and routes in each list, with lookups in constant time.
#[derive(Clone, Debug)]
pub struct Lists {
    /// For each role, the id of its model set and the models in it (R2).
    pub(crate) role_models: BTreeMap<Role, (String, HashSet<String>)>,
    /// For each role, the id of its route list and the routes in it (R2).
    pub(crate) role_routes: BTreeMap<Role, (String, RouteList)>,
    /// The lists of each token role (`modelgate.role_permissions`).
    pub(crate) token_roles: HashMap<String, TokenRoleLists>,
    /// The route lists that are matched against every request, by entity id.
    pub(crate) routes: BTreeMap<String, RouteList>,
    /// For each scope, the models of its mappings (R3).
    pub(crate) scopes: HashMap<String, HashSet<String>>,
    /// For each team id, the models of the team (R6).
    pub(crate) teams: HashMap<String, ModelList>,
    /// For each model, its access groups. Models without groups are absent.
    pub(crate) access_groups: HashMap<String, BTreeSet<String>>,
    /// The names that the configuration has.
    pub(crate) names: ModelNames,
}

impl Lists {
    /// Collects the lists of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let teams = config.teams.iter();
        let mut lists = Self {
            role_models: BTreeMap::new(),
            role_routes: BTreeMap::new(),
            token_roles: token_role_lists::of(config),
            routes: BTreeMap::new(),
            scopes: HashMap::new(),
            teams: teams.map(|team| (team.team_id.clone(), ModelList::of_team(&team.models))).collect(),
            access_groups: HashMap::new(),
            names: ModelNames::new(config),
        };
        for model in config.models.iter().filter(|model| !model.access_groups.is_empty()) {
            let groups = lists.access_groups.entry(model.name.as_str().to_owned()).or_default();
            groups.extend(model.access_groups.iter().cloned());
        }
        lists.routes.insert(LLM_ROUTES.to_owned(), RouteList::floor(config.gateway.sdk_routes));
        if config.jwt.as_ref().is_some_and(|jwt| jwt.enforce_rbac) {
            lists.add_roles(config);
        }
        if let Some(jwt) = &config.jwt {
            lists.routes.insert(ADMIN_ROUTES.to_owned(), RouteList::new(jwt.admin_allowed_routes.clone()));
            if let Some(routes) = &jwt.team_allowed_routes {
                lists.routes.insert(TEAM_ROUTES.to_owned(), RouteList::new(routes.clone()));
            }
            for mapping in &jwt.scope_mappings {
                let models = lists.scopes.entry(mapping.scope.clone()).or_default();
                models.extend(mapping.models.iter().map(|model| model.as_str().to_owned()));
            }
        }
        lists
    }

    fn add_roles(&mut self, config: &Config) {
        let mut named = BTreeSet::new();
        for (index, entry) in config.role_permissions.iter().flatten().enumerate() {
            if !named.insert(entry.role) {
                continue;
            }
            let key = format!("general_settings.role_permissions[{index}]");
            if let Some(models) = &entry.models {
                let names = models.iter().map(|model| model.as_str().to_owned()).collect();
                self.role_models.insert(entry.role, (format!("{key}.models"), names));
            }
            if let Some(routes) = &entry.routes {
                self.role_routes
                    .insert(entry.role, (format!("{key}.routes"), RouteList::new(routes.clone())));
            }
        }
    }

    /// Adds LiteLLM route groups with these names, so that routes can be members of them.
    pub(crate) fn add_route_groups<'g>(&mut self, names: impl Iterator<Item = &'g str>) {
        for name in names {
            let group = RoutePattern::Group(name.to_owned());
            self.routes.entry(name.to_owned()).or_insert_with(|| RouteList::new(vec![group]));
        }
    }

    /// The access groups of a model, sorted.
    pub(crate) fn groups_of(&self, model: &str) -> impl Iterator<Item = &str> {
        self.access_groups.get(model).into_iter().flatten().map(String::as_str)
    }

    /// Whether a declared team lists the model by name, wildcard or access group (R6).
    pub(crate) fn team_lists(&self, team: &str, model: &str) -> bool {
        self.teams.get(team).is_some_and(|models| models.contains(model, self.groups_of(model)))
    }
}
