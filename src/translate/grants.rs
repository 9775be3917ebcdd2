//! Writes the grants: role permissions (R2), and the master key.

use std::collections::BTreeSet;

use cedar_policy::pst::PstConstructionError;

use super::pst::{action, entity, is_in, or, principal, principal_in, resource_in, when};
use super::token_roles;
use super::writer::{Draft, JWTAUTH, TranslateError, Writer};
use crate::config::RolePermission;
use crate::names::Role;
use crate::rules::{MASTER_KEY_ROLE, Rule};

pub(super) fn write(writer: &mut Writer<'_>) -> Result<(), TranslateError> {
    if writer.config.master_key.is_some() {
        writer.add(Draft {
            principal: principal_in("Role", MASTER_KEY_ROLE)?,
            ..Draft::permit("general_settings.master_key", Rule::MasterKey)
        })?;
    }
    let Some(jwt) = &writer.config.jwt else { return Ok(()) };
    if writer.config.token_roles.is_some() {
        token_roles::write(writer)?;
    } else if !jwt.enforce_rbac {
        return writer.add(Draft::permit(&format!("{JWTAUTH}.enforce_rbac"), Rule::Unmatched));
    }
    if jwt.enforce_rbac { write_roles(writer, jwt.strict) } else { Ok(()) }
}

fn write_roles(writer: &mut Writer<'_>, strict: bool) -> Result<(), TranslateError> {
    let mut named = BTreeSet::new();
    let entries = writer.config.role_permissions.as_deref().unwrap_or_default();
    for (index, entry) in entries.iter().enumerate() {
        // Only the first entry of a role counts.
        if named.insert(entry.role) {
            write_entry(writer, &format!("general_settings.role_permissions[{index}]"), entry, strict)?;
        }
    }
    write_open_roles(writer, &named, strict)
}

/// An entry without `models` grants every model, or none under `modelgate.strict`.
fn write_entry(
    writer: &mut Writer<'_>,
    key: &str,
    entry: &RolePermission,
    strict: bool,
) -> Result<(), TranslateError> {
    let role = || principal_in("Role", entry.role.as_str());
    if entry.models.is_none() && entry.routes.is_none() && !strict {
        return writer.add(Draft { principal: role()?, ..Draft::permit(key, Rule::Model) });
    }
    let routes = listed(key, "routes", entry.routes.is_some());
    writer.add(Draft {
        principal: role()?,
        action: action("call_route")?,
        resource: routes.resource("RouteGroup")?,
        ..Draft::permit(&routes.key, Rule::Route)
    })?;
    if entry.models.is_none() && strict {
        return Ok(());
    }
    let models = listed(key, "models", entry.models.is_some());
    writer.add(Draft {
        principal: role()?,
        action: action("use_model")?,
        resource: models.resource("ModelSet")?,
        ..Draft::permit(&models.key, Rule::Model)
    })
}

/// A list of an entry. If the list is missing, the entry itself stands for it and restricts nothing.
struct Listed {
    key: String,
    present: bool,
}

fn listed(entry: &str, list: &str, present: bool) -> Listed {
    Listed { key: if present { format!("{entry}.{list}") } else { entry.to_owned() }, present }
}

impl Listed {
    fn resource(&self, ty: &str) -> Result<cedar_policy::pst::ResourceConstraint, PstConstructionError> {
        if self.present { resource_in(ty, &self.key) } else { Ok(cedar_policy::pst::ResourceConstraint::Any) }
    }
}

/// Roles without an entry are unrestricted. Under `modelgate.strict` they may use no model.
fn write_open_roles(
    writer: &mut Writer<'_>,
    named: &BTreeSet<Role>,
    strict: bool,
) -> Result<(), TranslateError> {
    let mut open = None;
    for role in Role::ALL.into_iter().filter(|role| !named.contains(role)) {
        let this = is_in(principal(), entity("Role", role.as_str())?);
        open = Some(match open {
            Some(others) => or(others, this),
            None => this,
        });
    }
    match open {
        Some(open) => {
            let draft =
                Draft::permit("general_settings.role_permissions", Rule::Unmatched).clause(when(open));
            writer.add(if strict { Draft { action: action("call_route")?, ..draft } } else { draft })
        }
        None => Ok(()),
    }
}
