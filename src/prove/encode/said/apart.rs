//! What the rules tell apart, so that no class has members about which they differ.
//!
//! Classes are otherwise joined where the lists of the translation do not differ, which a proof about the translation may not
//! rely on.

use crate::config::{Config, RoutePattern};

use super::lists::{self, Paths};

/// What tells models apart.
pub(in crate::prove) fn models(config: &Config, model: &str) -> Vec<Option<bool>> {
    let of_roles = config.role_permissions.iter().flatten().filter_map(|entry| entry.models.as_ref());
    let of_scopes = config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings).map(|mapping| &mapping.models);
    let by_name = of_roles.chain(of_scopes).map(|names| names.iter().any(|name| name.as_str() == model));
    let of_tokens = config.token_roles.iter().flatten();
    let granted = of_tokens.clone().map(|entry| lists::is_listed(config, &entry.models, model));
    let denied = of_tokens.filter(|entry| !entry.deny_models.is_empty());
    let denied = denied.map(|entry| lists::denies(config, &entry.deny_models, model));
    let of_teams = config.teams.iter().map(|team| lists::team_may_use(config, &team.models, model));
    by_name.chain(granted).chain(of_teams).map(Some).chain(denied).collect()
}

/// The lists of routes that a configuration has.
pub(in crate::prove) fn route_lists(config: &Config) -> impl Iterator<Item = &[RoutePattern]> {
    let of_roles = config.role_permissions.iter().flatten().filter_map(|entry| entry.routes.as_deref());
    let of_tokens = config.token_roles.iter().flatten().filter_map(|entry| entry.routes.as_deref());
    let jwt = config.jwt.iter();
    let of_admins = jwt.clone().map(|jwt| &*jwt.admin_allowed_routes);
    let of_teams = jwt.filter_map(|jwt| jwt.team_allowed_routes.as_deref());
    of_roles.chain(of_tokens).chain(of_admins).chain(of_teams)
}

/// What tells routes apart.
pub(in crate::prove) struct Routes {
    listed: Vec<Paths>,
    with_sdks: bool,
}

impl Routes {
    pub(in crate::prove) fn new(config: &Config) -> Self {
        Self { listed: route_lists(config).map(Paths::new).collect(), with_sdks: config.gateway.sdk_routes }
    }

    pub(in crate::prove) fn of(&self, path: &str) -> Vec<bool> {
        let listed = self.listed.iter().map(|paths| paths.has(path));
        listed.chain([lists::is_llm_route(path, self.with_sdks)]).collect()
    }
}
