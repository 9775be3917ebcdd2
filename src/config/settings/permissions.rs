//! `general_settings.role_permissions` and its warnings.

use std::collections::HashSet;

use super::context::Context;
use super::routes;
use super::types::{Model, RolePermission};
use crate::config::problem::Caution;
use crate::config::raw;
use crate::pattern::Pattern;

const PATH: &str = "general_settings.role_permissions";

pub(in crate::config) fn role_permissions(
    cx: &mut Context<'_>,
    entries: Vec<raw::RolePermission>,
) -> Vec<RolePermission> {
    let mut converted: Vec<RolePermission> = Vec::with_capacity(entries.len());
    let mut first_lines = Vec::new();
    for (i, entry) in entries.into_iter().enumerate() {
        let raw::RolePermission { role, models, routes: listed } = entry;
        let path = format!("{PATH}[{i}]");
        let role = cx.role(&format!("{path}.role"), &role);
        let models = models.map(|names| cx.model_names(&format!("{path}.models"), names));
        let routes = listed.map(|listed| routes::patterns(cx, &format!("{path}.routes"), listed));
        let Some(role) = role else { continue };
        if let Some((_, first)) = first_lines.iter().find(|(known, _)| *known == role) {
            let caution = Caution::SecondEntry { role: role.to_string(), first: *first };
            cx.warn(&format!("{path}.role"), caution);
        } else {
            first_lines.push((role, cx.line(&path)));
        }
        converted.push(RolePermission { role, models, routes });
    }
    converted
}

/// Warns about names that no request's model can match, or that grant less than they seem to (R2).
pub(in crate::config) fn check_models(
    cx: &mut Context<'_>,
    permissions: &[RolePermission],
    models: &[Model],
) {
    let listed: HashSet<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let patterns: Vec<_> =
        listed.iter().filter(|name| name.contains('*')).map(|name| Pattern::new(name)).collect();
    let is_known = |name: &str| listed.contains(name) || patterns.iter().any(|pattern| pattern.matches(name));
    for (i, permission) in permissions.iter().enumerate() {
        for (j, name) in permission.models.iter().flatten().enumerate() {
            let path = || format!("{PATH}[{i}].models[{j}]");
            if name.as_str() == "*" {
                cx.warn(&path(), Caution::Star);
            } else if !is_known(name.as_str()) {
                cx.warn(&path(), Caution::UnknownModel { model: name.to_string() });
            }
        }
    }
}
