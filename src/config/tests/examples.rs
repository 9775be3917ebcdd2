//! The documented example, in both variants, and recorded configurations.

use std::path::Path;

use super::super::{Config, Provider, RoutePattern};
use super::{nothing, parse, show};
use crate::names::Role;

fn load(name: &str) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
    Config::load(&path, &nothing).unwrap()
}

#[test]
fn both_variants_of_the_documented_example_are_read_as_they_stand() {
    let roles =
        [("azure-ad.yaml", "roles"), ("keycloak.yaml", "resource_access.litellm-test-client-id.roles")];
    for (name, claim) in roles {
        let config = load(name);
        let jwt = config.jwt.as_ref().unwrap();
        assert_eq!(jwt.user_roles_jwt_field.as_ref().unwrap().as_str(), claim);
        assert_eq!(jwt.user_allowed_roles, ["basic_user"]);
        assert!(jwt.enforce_rbac && !config.require_identity);
        let [permission] = config.role_permissions.as_deref().unwrap() else { panic!("one entry") };
        assert_eq!(permission.role, Role::InternalUser);
        assert_eq!(permission.models.as_ref().unwrap()[0].as_str(), "anthropic-claude");
        assert_eq!(permission.routes, None);
        let upstreams = config.models.iter().map(|model| {
            let deployment = model.deployment.as_ref().unwrap();
            assert!(deployment.api_key.is_none());
            (
                model.name.as_str(),
                deployment.provider,
                deployment.model.as_str(),
                deployment.api_base.as_str(),
            )
        });
        assert_eq!(
            upstreams.collect::<Vec<_>>(),
            [
                (
                    "anthropic-claude",
                    Provider::Anthropic,
                    "claude-3-5-haiku-20241022",
                    "https://api.anthropic.com/"
                ),
                ("openai-gpt-4o", Provider::OpenAi, "gpt-4o", "https://api.openai.com/v1"),
            ]
        );
        assert_eq!(
            config.warnings.iter().map(show).collect::<Vec<_>>(),
            [
                "8:3 neither `JWT_AUDIENCE` nor `JWT_ISSUER` is set | \
              tokens that the identity provider issued for any application are accepted: set `JWT_AUDIENCE`",
                "18:29 requests to `anthropic` are sent without a key | write `api_key`, or set `ANTHROPIC_API_KEY`",
                "20:29 requests to `openai` are sent without a key | write `api_key`, or set `OPENAI_API_KEY`"
            ]
        );
    }
}

#[test]
fn lines_are_known_by_yaml_path() {
    let lines = load("azure-ad.yaml").lines;
    for (path, line) in [
        ("general_settings", 7),
        ("general_settings.litellm_jwtauth.enforce_rbac", 12),
        ("general_settings.role_permissions", 13),
        ("general_settings.role_permissions[0]", 14),
        ("general_settings.role_permissions[0].models", 15),
        ("general_settings.role_permissions[0].models[0]", 15),
        ("model_list[1]", 19),
        ("model_list[1].litellm_params.model", 20),
    ] {
        assert_eq!(lines.get(path), Some(line), "{path}");
    }
    assert_eq!(lines.get("teams"), None);
}

#[test]
fn json_is_yaml() {
    let config = parse(
        r#"{"general_settings": {"enable_jwt_auth": true, "enforce_rbac": true, "litellm_jwtauth": {
            "team_ids_jwt_field": "groups", "roles_jwt_field": "kubernetes\\.io.roles",
            "role_mappings": [{"role": "admin", "internal_role": "proxy_admin"}], "object_id_jwt_field": "oid",
            "team_allowed_routes": ["openai_routes", "not_a_group", "/custom", "/internal-models/*"]}},
          "model_list": [{"model_name": "mod\u00e8le-\u00e9", "litellm_params": {"model": "openai/x"},
            "model_info": {"access_groups": ["beta-models"]}}],
          "teams": [{"team_id": "alpha", "team_alias": "ALPHA", "models": ["*"], "blocked": true}]}"#,
    )
    .unwrap();
    let jwt = config.jwt.unwrap();
    assert_eq!(jwt.admin_jwt_scope, "litellm_proxy_admin");
    assert_eq!(jwt.role_mappings[0].internal_role, Role::ProxyAdmin);
    assert_eq!(
        jwt.team_allowed_routes.unwrap(),
        [
            RoutePattern::Group("openai_routes".to_owned()),
            RoutePattern::Exact("not_a_group".to_owned()),
            RoutePattern::Exact("/custom".to_owned()),
            RoutePattern::Prefix("/internal-models/".to_owned()),
        ]
    );
    assert!(config.require_identity && config.teams[0].blocked);
    assert_eq!(config.teams[0].team_alias.as_deref(), Some("ALPHA"));
    assert_eq!(config.models[0].name.as_str(), "modèle-é");
    assert_eq!(config.models[0].access_groups, ["beta-models"]);
}

#[test]
fn thousands_of_teams_are_no_bomb() {
    let teams: String = (0..5_000).map(|i| format!("  - {{team_id: t{i}, models: [a, b, c]}}\n")).collect();
    assert_eq!(parse(&format!("teams:\n{teams}")).unwrap().teams.len(), 5_000);
}
