//! The lists of a configuration: which models and routes are in which set, team and scope.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::token_roles;
use crate::config::{Config, RoutePattern};
use crate::names::Role;
use crate::pattern::Pattern;
use crate::providers;
use crate::routes::RouteList;

/// The entity of R5's list of routes.
pub(crate) const ADMIN_ROUTES: &str = "general_settings.litellm_jwtauth.admin_allowed_routes";
/// The entity of R6's list of routes.
pub(crate) const TEAM_ROUTES: &str = "general_settings.litellm_jwtauth.team_allowed_routes";
/// The entity of R9's routes.
pub(crate) use crate::routes::LLM_ROUTES;

/// Which models and routes are in which list, as sets that answer in constant time.
#[derive(Clone, Debug)]
pub struct Lists {
    /// By role: the id of its set, and the models in it (R2).
    pub(crate) role_models: BTreeMap<Role, (String, HashSet<String>)>,
    /// By role: the id of its list, and the routes in it (R2).
    pub(crate) role_routes: BTreeMap<Role, (String, RouteList)>,
    /// By the token's own name of a role (`modelgate.role_permissions`).
    pub(crate) token_roles: HashMap<String, TokenRoleLists>,
    /// The lists that every request is compared with, by id of the entity.
    pub(crate) routes: BTreeMap<String, RouteList>,
    /// By scope: the models in its mappings (R3).
    pub(crate) scopes: HashMap<String, HashSet<String>>,
    /// By team id (R6).
    pub(crate) teams: HashMap<String, ModelList>,
    /// By model: its access groups, if it has any.
    pub(crate) access_groups: HashMap<String, BTreeSet<String>>,
}

/// What an entry of `modelgate.role_permissions` lists.
#[derive(Clone, Debug)]
pub(crate) struct TokenRoleLists {
    /// Each set of models, with its id: what the role opens, and what it denies.
    pub(crate) models: [(String, ModelList); 2],
    pub(crate) routes: Option<(String, RouteList)>,
    /// The role, and every role that it inherits from.
    pub(crate) ancestry: Vec<String>,
}

/// Models, wildcards and access groups: what a team may use (R6), and what the token's own roles give.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelList {
    pub(crate) all: bool,
    names: HashSet<String>,
    patterns: Vec<Pattern>,
}

impl Lists {
    /// Collects the lists of a configuration.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let teams = config.teams.iter();
        let mut lists = Self {
            role_models: BTreeMap::new(),
            role_routes: BTreeMap::new(),
            token_roles: token_roles::lists(config),
            routes: BTreeMap::new(),
            scopes: HashMap::new(),
            teams: teams.map(|team| (team.team_id.clone(), ModelList::of_team(&team.models))).collect(),
            access_groups: HashMap::new(),
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

    /// Lets routes be members of these groups of LiteLLM's too.
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

    /// Whether a declared team lists the model, by name, wildcard or access group (R6).
    pub(crate) fn team_lists(&self, team: &str, model: &str) -> bool {
        self.teams.get(team).is_some_and(|models| models.contains(model, self.groups_of(model)))
    }
}

impl ModelList {
    pub(super) fn new(listed: &[String]) -> Self {
        let (patterns, names): (Vec<_>, Vec<_>) = listed.iter().partition(|name| name.contains('*'));
        Self {
            all: listed.iter().any(|name| name == "*"),
            names: names.into_iter().cloned().collect(),
            patterns: patterns.into_iter().map(|text| Pattern::new(text)).collect(),
        }
    }

    /// For a team, an empty list and `all-proxy-models` open everything.
    fn of_team(listed: &[String]) -> Self {
        let all = listed.is_empty() || listed.iter().any(|name| name == "all-proxy-models");
        let list = Self::new(listed);
        Self { all: all || list.all, ..list }
    }

    pub(crate) fn contains<'g>(&self, model: &str, mut groups: impl Iterator<Item = &'g str>) -> bool {
        self.contains_model(model) || groups.any(|group| self.names_group(group))
    }

    /// Whether the list holds the model by its own name.
    pub(crate) fn contains_model(&self, model: &str) -> bool {
        self.names.contains(model) || self.fits_a_pattern(model)
    }

    /// Whether the list names the access group, and so holds every model that is in it.
    pub(crate) fn names_group(&self, group: &str) -> bool {
        self.names.contains(group)
    }

    fn fits_a_pattern(&self, model: &str) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        let qualified = providers::of_bare_name(model).map(|provider| format!("{provider}/{model}"));
        self.patterns.iter().any(|pattern| {
            pattern.matches(model) || qualified.as_deref().is_some_and(|qualified| pattern.matches(qualified))
        })
    }
}
