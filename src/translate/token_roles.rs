//! Writes the grants and denials of token roles (`modelgate.role_permissions`).
//!
//! Entities express inheritance: a caller with a role is in every role that it inherits from.

use super::pst::{action, principal_in, resource_in};
use super::token_role_lists::key;
use super::writer::{Draft, TranslateError, Writer};
use crate::config::TokenRole;
use crate::rules::Rule;

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
