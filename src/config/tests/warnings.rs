//! Settings that are valid but cause a warning.

use super::{parse, parse_with, show};

fn warnings(text: &str) -> Vec<String> {
    parse_with(text, &[("JWT_AUDIENCE", "a")]).unwrap().warnings.iter().map(show).collect()
}

/// A configuration whose only warning can come from `permissions`.
fn with_permissions(permissions: &str) -> String {
    format!(
        "general_settings:\n  enable_jwt_auth: yes\n  litellm_jwtauth: {{enforce_rbac: on}}\n  role_permissions:\n\
         {permissions}model_list:\n  - {{model_name: a, litellm_params: {{model: gpt-4o, api_key: k}}}}\n  \
         - {{model_name: 'openai/*', litellm_params: {{model: 'openai/*', api_key: k}}}}\n"
    )
}

#[test]
fn no_audience_and_no_issuer() {
    let text = "general_settings:\n  enable_jwt_auth: true\n";
    let expected = "2:3 neither `JWT_AUDIENCE` nor `JWT_ISSUER` is set | tokens that the identity provider issued for any application are accepted: set `JWT_AUDIENCE`";
    assert_eq!(parse(text).unwrap().warnings.iter().map(show).collect::<Vec<_>>(), [expected]);
    for variable in ["JWT_AUDIENCE", "JWT_ISSUER"] {
        assert!(parse_with(text, &[(variable, "x")]).unwrap().warnings.is_empty(), "{variable}");
    }
}

#[test]
fn without_jwt_auth_there_is_no_audience_to_miss() {
    assert!(parse("general_settings: {master_key: sk-1}\n").unwrap().warnings.is_empty());
}

#[test]
fn a_listed_name_that_the_model_list_lacks() {
    let text = with_permissions("    - role: team\n      models: [a, b, openai/gpt-4o, 'openai/*', A]\n");
    assert_eq!(warnings(&text), ["6:19 `b` is not in `model_list`", "6:49 `A` is not in `model_list`"]);
}

#[test]
fn without_a_model_list_the_proxy_behind_knows_the_models() {
    let text = "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {enforce_rbac: true}\n  \
                role_permissions: [{role: team, models: [a]}]\nmodelgate: {upstream: {api_base: http://x}}\n";
    assert!(warnings(text).is_empty());
}

#[test]
fn a_star_among_models() {
    let text = with_permissions("    - {role: team, models: ['*']}\n");
    assert_eq!(
        warnings(&text),
        ["5:29 `*` is an ordinary model name here | leave `models` out to allow every model"]
    );
}

#[test]
fn a_second_entry_for_a_role() {
    let text = with_permissions("    - role: team\n    - role: internal_user\n    - role: team\n");
    assert_eq!(
        warnings(&text),
        ["7:13 a second entry for the role `team` is never consulted | the first one, on line 5, decides"]
    );
}

#[test]
fn jwt_settings_that_nothing_switches_on() {
    let text = "general_settings:\n  litellm_jwtauth: {}\n";
    assert_eq!(warnings(text), ["2:3 `litellm_jwtauth` has no effect without `enable_jwt_auth: true`"]);
    assert!(parse(text).unwrap().jwt.is_none());
}

#[test]
fn permissions_that_nothing_enforces() {
    let text = "general_settings:\n  enable_jwt_auth: true\n  role_permissions: []\n";
    assert_eq!(
        warnings(text),
        ["3:3 `role_permissions` has no effect without `litellm_jwtauth.enforce_rbac: true`"]
    );
}

#[test]
fn a_route_that_no_request_has() {
    let text = with_permissions("    - {role: team, routes: [chat/completions, '*', /v1/*]}\n");
    assert_eq!(
        warnings(&text),
        ["5:29 the route `chat/completions` matches no request | a path begins with `/`"]
    );
}

#[test]
fn settings_that_could_only_open_more() {
    let text = "general_settings:\n  public_routes: [/x]\n  enable_oauth2_auth: false\n";
    assert_eq!(
        warnings(text),
        [
            "2:3 `general_settings.public_routes` has no effect here: no route but the health checks is open without a token"
        ]
    );
}
