//! The lists of `modelgate.role_permissions`, by the token's own name of a role.

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

/// What an entry of `modelgate.role_permissions` lists.
#[derive(Clone, Debug)]
pub(crate) struct TokenRoleLists {
    /// The models that the role opens, with the id of their set.
    pub(crate) models: (String, ModelList),
    /// The models that the role denies, with the id of their set.
    pub(crate) denied: (String, DeniedModels),
    pub(crate) routes: Option<(String, RouteList)>,
    /// The role, and every role that it inherits from.
    pub(crate) ancestry: Vec<String>,
}

/// The lists of each role, by its name.
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
    let mut seen = BTreeSet::new();
    let mut open = vec![role];
    while let Some(role) = open.pop() {
        if let Some(entry) = by_name.get(role).filter(|entry| seen.insert(entry.role.as_str())) {
            open.extend(entry.inherits.iter().map(String::as_str));
        }
    }
    seen.into_iter().map(str::to_owned).collect()
}
