//! `modelgate.role_permissions`: what the token's own roles grant and deny.
//!
//! Inheritance is in the entities: a caller with a role is in every role that it inherits from.

use std::collections::{BTreeSet, HashMap};

use super::lists::{ModelList, TokenRoleLists};
use super::pst::{action, principal_in, resource_in};
use super::{Draft, TranslateError, Writer};
use crate::config::{Config, TokenRole};
use crate::engine::Rule;
use crate::routes::RouteList;

const PATH: &str = "modelgate.role_permissions";

/// The YAML path of an entry.
fn key(index: usize) -> String {
    format!("{PATH}[{index}]")
}

pub(super) fn write(writer: &mut Writer<'_>) -> Result<(), TranslateError> {
    for (index, entry) in writer.config.token_roles.iter().flatten().enumerate() {
        write_entry(writer, &key(index), entry)?;
    }
    Ok(())
}

fn write_entry(writer: &mut Writer<'_>, key: &str, entry: &TokenRole) -> Result<(), TranslateError> {
    let role = || principal_in("TokenRole", &entry.role);
    let call_route = || {
        Ok::<_, TranslateError>(Draft {
            principal: role()?,
            action: action("call_route")?,
            ..Draft::permit(key, Rule::Route)
        })
    };
    if entry.routes.is_some() {
        let key = format!("{key}.routes");
        let resource = resource_in("RouteGroup", &key)?;
        writer.add(Draft { id: key.clone(), key, resource, ..call_route()? })?;
    } else {
        writer.add(call_route()?)?;
    }

    let lists = [
        ("models", &entry.models, Draft::permit as fn(&str, Rule) -> Draft, Rule::Model),
        ("deny_models", &entry.deny_models, Draft::forbid, Rule::DeniedModel),
    ];
    for (list, models, draft, rule) in lists {
        if models.is_empty() {
            continue;
        }
        let key = format!("{key}.{list}");
        writer.add(Draft {
            principal: role()?,
            action: action("use_model")?,
            resource: resource_in("ModelSet", &key)?,
            ..draft(&key, rule)
        })?;
    }
    Ok(())
}

/// The lists of each role, by its name.
pub(super) fn lists(config: &Config) -> HashMap<String, TokenRoleLists> {
    let entries = config.token_roles.as_deref().unwrap_or_default();
    let by_name: HashMap<&str, &TokenRole> =
        entries.iter().map(|entry| (entry.role.as_str(), entry)).collect();
    let lists = entries.iter().enumerate().map(|(index, entry)| {
        let id = |list: &str| format!("{}.{list}", key(index));
        let lists = TokenRoleLists {
            models: [
                (id("models"), ModelList::new(&entry.models)),
                (id("deny_models"), ModelList::new(&entry.deny_models)),
            ],
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
