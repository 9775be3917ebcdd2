//! `general_settings.litellm_jwtauth`.

use super::context::Context;
use super::routes;
use super::types::{JwtAuth, RoleMapping, ScopeMapping, TokenRules};
use crate::config::problem::Problem;
use crate::config::raw;

pub(in crate::config) const PATH: &str = "general_settings.litellm_jwtauth";

/// Converts the block. Its problems become findings.
pub(in crate::config) fn jwt_auth(
    cx: &mut Context<'_>,
    block: raw::JwtAuth,
    ours: &raw::Modelgate,
    tokens: TokenRules,
) -> JwtAuth {
    check_pairs(cx, &block, ours.role_permissions.is_some());
    let raw::JwtAuth {
        admin_jwt_scope,
        admin_allowed_routes,
        team_id_jwt_field,
        team_id_default,
        team_id_upsert,
        team_ids_jwt_field,
        team_alias_jwt_field,
        team_allowed_routes,
        enforce_team_based_model_access,
        user_id_jwt_field,
        user_email_jwt_field,
        user_allowed_email_domain,
        user_roles_jwt_field,
        user_allowed_roles,
        roles_jwt_field,
        role_mappings,
        object_id_jwt_field,
        enforce_rbac,
        enforce_scope_based_access,
        scope_mappings,
        // Part of `tokens`.
        public_key_ttl: _,
        public_key_stale_ttl: _,
        issuers: _,
        oidc_userinfo_enabled: _,
        oidc_userinfo_endpoint: _,
        oidc_userinfo_cache_ttl: _,
    } = block;
    if let Some(domain) = &user_allowed_email_domain {
        cx.not_empty(&path("user_allowed_email_domain"), domain);
    }
    if let Some(team) = &team_id_default {
        cx.not_empty(&path("team_id_default"), team);
    }
    JwtAuth {
        admin_jwt_scope: admin_jwt_scope.unwrap_or_else(|| "litellm_proxy_admin".to_owned()),
        admin_allowed_routes: admin_allowed_routes.map_or_else(routes::admin_default, |listed| {
            routes::patterns(cx, &path("admin_allowed_routes"), listed)
        }),
        team_id_jwt_field: cx.claim_path(&path("team_id_jwt_field"), team_id_jwt_field),
        team_id_default,
        team_id_upsert,
        team_ids_jwt_field: cx.claim_path(&path("team_ids_jwt_field"), team_ids_jwt_field),
        team_alias_jwt_field: cx.claim_path(&path("team_alias_jwt_field"), team_alias_jwt_field),
        team_allowed_routes: team_allowed_routes
            .map(|listed| routes::patterns(cx, &path("team_allowed_routes"), listed)),
        enforce_team_based_model_access,
        user_id_jwt_field: cx.claim_path(&path("user_id_jwt_field"), user_id_jwt_field),
        user_email_jwt_field: cx.claim_path(&path("user_email_jwt_field"), user_email_jwt_field),
        user_allowed_email_domain,
        user_roles_jwt_field: cx.claim_path(&path("user_roles_jwt_field"), user_roles_jwt_field),
        user_allowed_roles: user_allowed_roles.unwrap_or_default(),
        roles_jwt_field: cx.claim_path(&path("roles_jwt_field"), roles_jwt_field),
        role_mappings: role_mapping_list(cx, role_mappings.unwrap_or_default()),
        object_id_jwt_field: cx.claim_path(&path("object_id_jwt_field"), object_id_jwt_field),
        enforce_rbac,
        strict: ours.strict,
        enforce_scope_based_access,
        scope_mappings: scope_mapping_list(cx, scope_mappings.unwrap_or_default()),
        tokens,
    }
}

fn path(key: &str) -> String {
    format!("{PATH}.{key}")
}

fn check_pairs(cx: &mut Context<'_>, block: &raw::JwtAuth, token_roles: bool) {
    let mut needs = |key: &'static str, other: &'static str, help: &'static str| {
        cx.refuse_key(&path(key), Problem::Needs { key, other, help });
    };
    match (&block.user_roles_jwt_field, &block.user_allowed_roles) {
        // `modelgate.role_permissions` reads the names in the claim without a list of allowed ones.
        (Some(_), None) if token_roles => {}
        (Some(_), None) => needs(
            "user_roles_jwt_field",
            "user_allowed_roles",
            "list the names in the claim that make a caller an `internal_user`",
        ),
        (None, Some(_)) => needs(
            "user_allowed_roles",
            "user_roles_jwt_field",
            "name the claim that the roles are in, such as `roles`",
        ),
        _ => {}
    }
    if block.object_id_jwt_field.is_some() && block.role_mappings.is_none() {
        needs(
            "object_id_jwt_field",
            "role_mappings",
            "whether the object is a user or a team depends on the role that a mapping gives",
        );
    }
    if block.scope_mappings.is_some() && !block.enforce_scope_based_access {
        needs(
            "scope_mappings",
            "enforce_scope_based_access",
            "set it to `true`: without it no scope is checked",
        );
    }
}

fn role_mapping_list(cx: &mut Context<'_>, mappings: Vec<raw::RoleMapping>) -> Vec<RoleMapping> {
    let mappings = mappings.into_iter().enumerate();
    mappings
        .filter_map(|(i, raw::RoleMapping { role, internal_role })| {
            let internal_role =
                cx.role(&path(&format!("role_mappings[{i}].internal_role")), &internal_role)?;
            Some(RoleMapping { role, internal_role })
        })
        .collect()
}

fn scope_mapping_list(cx: &mut Context<'_>, mappings: Vec<raw::ScopeMapping>) -> Vec<ScopeMapping> {
    let mappings = mappings.into_iter().enumerate();
    mappings
        .map(|(i, raw::ScopeMapping { scope, models })| {
            let models_path = path(&format!("scope_mappings[{i}].models"));
            ScopeMapping { scope, models: cx.model_names(&models_path, models.unwrap_or_default()) }
        })
        .collect()
}
