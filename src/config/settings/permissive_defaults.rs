//! Warns about LiteLLM's permissive defaults that apply to this file. `modelgate.strict` closes them.

use super::context::Context;
use super::jwt;
use super::types::{JwtAuth, RolePermission};
use crate::config::problem::Caution;
use crate::names::Role;
use crate::routes::RouteList;

const PERMISSIONS: &str = "general_settings.role_permissions";
/// A route that represents all routes that call models.
const MODEL_ROUTE: &str = "/v1/chat/completions";

/// Warns about each permissive default. Only applies if role permissions are active.
pub(in crate::config) fn check(cx: &mut Context<'_>, jwt: &JwtAuth, permissions: Option<&[RolePermission]>) {
    if !jwt.user_allowed_roles.is_empty() {
        let of_issuers = jwt.tokens.issuers.iter().enumerate();
        let of_issuers = of_issuers.map(|(i, issuer)| (format!("issuers[{i}]."), &issuer.user_id_jwt_field));
        for (at, claim) in of_issuers.chain([(String::new(), &jwt.user_id_jwt_field)]) {
            let Some(claim) = claim else { continue };
            let caution = Caution::EverybodyIsUser { claim: claim.as_str().to_owned() };
            cx.warn_key(&format!("{}.{at}user_id_jwt_field", jwt::PATH), caution);
        }
    }
    let entries = permissions.unwrap_or_default();
    for role in Role::ALL.into_iter().filter(|role| is_within_reach(jwt, *role)) {
        let entry = entries.iter().enumerate().find(|(_, entry)| entry.role == role);
        let name = role.to_string();
        match entry {
            Some((i, entry)) if entry.models.is_none() => {
                cx.warn_key(&format!("{PERMISSIONS}[{i}]"), Caution::OpenEntry { role: name });
            }
            Some(_) => {}
            None if permissions.is_some() => cx.warn_key(PERMISSIONS, Caution::OpenRole { role: name }),
            None => cx.warn_key(&format!("{}.enforce_rbac", jwt::PATH), Caution::OpenRole { role: name }),
        }
    }
}

/// Whether some token can have the role and call a model with it (R1, R5).
fn is_within_reach(jwt: &JwtAuth, role: Role) -> bool {
    let mapped = jwt.role_mappings.iter().any(|mapping| mapping.internal_role == role);
    let issuers = jwt.tokens.issuers.iter();
    mapped
        || match role {
            Role::ProxyAdmin => RouteList::new(jwt.admin_allowed_routes.clone()).contains(MODEL_ROUTE),
            Role::Team => {
                let fields = issuers.map(|issuer| &issuer.team_id_jwt_field).chain([&jwt.team_id_jwt_field]);
                fields.into_iter().any(Option::is_some) || jwt.team_id_default.is_some()
            }
            Role::InternalUser => {
                let fields = issuers.map(|issuer| &issuer.user_id_jwt_field).chain([&jwt.user_id_jwt_field]);
                fields.into_iter().any(Option::is_some) || !jwt.user_allowed_roles.is_empty()
            }
        }
}
