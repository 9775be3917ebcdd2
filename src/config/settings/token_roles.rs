//! `modelgate.role_permissions`: permissions for the role names in the token.

use std::collections::HashMap;

use super::context::Context;
use super::routes;
use super::types::TokenRole;
use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::suggest::nearest;

pub(in crate::config) const PATH: &str = "modelgate.role_permissions";

/// Converts the list. Names are unique. Inherited roles exist and form no cycle.
pub(in crate::config) fn token_roles(cx: &mut Context<'_>, entries: Vec<raw::TokenRole>) -> Vec<TokenRole> {
    let mut index_of: HashMap<String, usize> = HashMap::new();
    let mut converted = Vec::with_capacity(entries.len());
    for (i, entry) in entries.into_iter().enumerate() {
        let raw::TokenRole { role, models, deny_models, routes: listed, inherits } = entry;
        let path = format!("{PATH}[{i}]");
        let role_path = format!("{path}.role");
        cx.not_empty(&role_path, &role);
        if let Some(first) = index_of.get(&role) {
            let first = cx.line(&format!("{PATH}[{first}]"));
            cx.refuse(&role_path, Problem::DuplicateRole { role: role.clone(), first });
        } else {
            index_of.insert(role.clone(), i);
        }
        let models = names(cx, &format!("{path}.models"), models);
        let deny_models = names(cx, &format!("{path}.deny_models"), deny_models);
        let routes = listed.map(|listed| routes::patterns(cx, &format!("{path}.routes"), listed));
        let inherits = inherits.unwrap_or_default();
        converted.push(TokenRole { role, models, deny_models, routes, inherits });
    }
    check_inheritance(cx, &converted, &index_of);
    converted
}

/// The claim with the names must be configured.
pub(in crate::config) fn check_claim(cx: &mut Context<'_>, jwt: &raw::JwtAuth) {
    if jwt.user_roles_jwt_field.is_none() && jwt.roles_jwt_field.is_none() {
        let problem = Problem::Needs {
            key: "modelgate.role_permissions",
            other: "litellm_jwtauth.roles_jwt_field",
            help: "name the claim that the token's roles are in, such as `roles`",
        };
        cx.refuse_key(PATH, problem);
    }
}

/// `strict` without active role permissions would have no effect.
pub(in crate::config) fn check_strict(cx: &mut Context<'_>, jwt: &raw::JwtAuth, ours: &raw::Modelgate) {
    if ours.strict && !jwt.enforce_rbac && ours.role_permissions.is_none() {
        let problem = Problem::Needs {
            key: "strict",
            other: "litellm_jwtauth.enforce_rbac",
            help: "set it to `true`: without it every token may use every model",
        };
        cx.refuse_key("modelgate.strict", problem);
    }
}

fn names(cx: &mut Context<'_>, path: &str, names: Option<Vec<String>>) -> Vec<String> {
    let names = names.unwrap_or_default();
    for (i, name) in names.iter().enumerate() {
        cx.not_empty(&format!("{path}[{i}]"), name);
    }
    names
}

fn check_inheritance(cx: &mut Context<'_>, roles: &[TokenRole], index_of: &HashMap<String, usize>) {
    for (i, role) in roles.iter().enumerate() {
        for (j, parent) in role.inherits.iter().enumerate() {
            let path = format!("{PATH}[{i}].inherits[{j}]");
            if !index_of.contains_key(parent) {
                let help = nearest(parent, roles.iter().map(|role| role.role.as_str())).map_or_else(
                    || "a role inherits from another entry of the same list".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                cx.refuse(&path, Problem::UnknownParent { role: parent.clone(), help });
            } else if leads_to(roles, index_of, parent, &role.role) {
                let problem = Problem::Circle { role: role.role.clone(), parent: parent.clone() };
                cx.refuse(&path, problem);
            }
        }
    }
}

/// Whether `from` is `to`, or inherits from it directly or indirectly.
fn leads_to(roles: &[TokenRole], index_of: &HashMap<String, usize>, from: &str, to: &str) -> bool {
    let mut seen = vec![false; roles.len()];
    let mut open: Vec<usize> = index_of.get(from).copied().into_iter().collect();
    while let Some(i) = open.pop() {
        let Some(role) = roles.get(i) else { continue };
        if role.role == to {
            return true;
        }
        if let Some(seen) = seen.get_mut(i).filter(|seen| !**seen) {
            *seen = true;
            open.extend(role.inherits.iter().filter_map(|parent| index_of.get(parent)));
        }
    }
    false
}
