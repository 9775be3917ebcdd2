//! The lists of `modelgate.role_permissions`, by the role name in the token.

use std::collections::{BTreeSet, HashMap};

use super::denied_models::DeniedModels;
use super::model_list::ModelList;
use crate::config::{Config, TokenRole};
use crate::routes::RouteList;

const PATH: &str = "modelgate.role_permissions";

/// The YAML path of an entry.
pub(super) fn key(index: usize) -> String {
    format!("{PATH}[{index}]")
}

/// The lists of one entry of `modelgate.role_permissions`.
#[derive(Clone, Debug)]
pub(crate) struct TokenRoleLists {
    /// The granted models, with the id of their set.
    pub(crate) models: (String, ModelList),
    /// The denied models, with the id of their set.
    pub(crate) denied: (String, DeniedModels),
    pub(crate) routes: Option<(String, RouteList)>,
    /// The role and all roles that it inherits from.
    pub(crate) ancestry: Vec<String>,
}

/// The lists of each role, by role name.
pub(super) fn of(config: &Config) -> HashMap<String, TokenRoleLists> {
    let entries = config.token_roles.as_deref().unwrap_or_default();
    let by_name: HashMap<&str, &TokenRole> =
        entries.iter().map(|entry| (entry.role.as_str(), entry)).collect();
    let lists = entries.iter().enumerate().map(|(index, entry)| {
        let id = |list: &str| format!("{}.{list}", key(index));
        let lists = TokenRoleLists {
            models: (id("models"), ModelList::new(&entry.models)),
            denied: (id("deny_models"), DeniedModels::new(&entry.deny_models)),
            routes: entry.routes.clone().map(|routes| (id("routes"), RouteList::new(routes))),
            ancestry: ancestry(&by_name, &entry.role),
        };
        (entry.role.clone(), lists)
    });
    lists.collect()
}

fn ancestry(by_name: &HashMap<&str, &TokenRole>, role: &str) -> Vec<String> {
    let mut visited = BTreeSet::new();
    let mut pending = vec![role];
    while let Some(role) = pending.pop() {
        if let Some(entry) = by_name.get(role).filter(|entry| visited.insert(entry.role.as_str())) {
            pending.extend(entry.inherits.iter().map(String::as_str));
        }
    }
    visited.into_iter().map(str::to_owned).collect()
}
