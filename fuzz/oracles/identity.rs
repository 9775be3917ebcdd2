//! The engine decides as the naive reference does for claims of every type and shape, and keeps no state between
//! tokens.
//!
//! An input has four bytes, which choose a configuration, a path, a model and a header, and then claims as JSON.

use std::sync::OnceLock;

use http::{HeaderMap, HeaderValue, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::names::Role;
use modelgate::request::{RequestParts, classify};
use serde_json::{Value, json};

use crate::{plain, reference};

const MAX_LEN: usize = 4 * 1024;
const PATHS: [&str; 5] =
    ["/v1/chat/completions", "/v1/embeddings", "/custom/a", "/key/generate", "/model/info"];
const MODELS: [&str; 4] = ["gpt-4o", "claude-3", "openai/x", "unlisted"];
const TEAMS: [Option<&str>; 4] = [None, Some("alpha"), Some("A"), Some("nobody")];

pub(crate) fn check(data: &[u8]) {
    let Some((choices, claims)) = data.split_first_chunk::<4>().filter(|_| data.len() <= MAX_LEN) else {
        return;
    };
    let Some((Value::Object(claims), _, _)) = plain::read(claims) else { return };
    let [config, path, model, team] = choices.map(usize::from);
    let (config, snapshot) = &rules()[config % rules().len()];
    let (path, model) = (PATHS[path % PATHS.len()], MODELS[model % MODELS.len()]);
    let team = TEAMS[team % TEAMS.len()];

    let headers: HeaderMap = team
        .map(|team| (http::HeaderName::from_static("x-litellm-team-id"), HeaderValue::from_static(team)))
        .into_iter()
        .collect();
    let body = json!({"model": model}).to_string();
    let parts =
        RequestParts { method: &Method::POST, path, query: None, headers: &headers, body: body.as_bytes() };
    let call = classify(&parts).expect("a plain request");
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims.clone()));
    let expected = reference::decide(config, &claims, team, path, Some(model));
    for _ in 0..2 {
        let decided = snapshot.decide(&caller, &call);
        let rule = decided.as_ref().err().map(|denied| denied.rule.as_str());
        let decision = decided.as_ref().unwrap_or_else(|denied| &denied.decision);
        let role = decision.role.map(Role::as_str);
        assert_eq!(
            (rule, role, decision.user_id.as_deref()),
            (expected.rule, expected.role, expected.user_id.as_deref()),
            "{config}\n{claims:?}\n{path} {model} {team:?}"
        );
        if expected.allow {
            let (selected, expected_team) = (decision.team_id.as_deref(), expected.team_id.as_deref());
            assert_eq!(selected, expected_team, "{config}\n{claims:?}\n{path} {model} {team:?}");
        }
    }
}

/// A few sets of rules that together read every kind of claim. Each is built once.
fn rules() -> &'static [(Value, Snapshot)] {
    static RULES: OnceLock<Vec<(Value, Snapshot)>> = OnceLock::new();
    RULES.get_or_init(|| {
        let fields = [
            json!({"user_id_jwt_field": "sub", "user_email_jwt_field": "email", "user_allowed_email_domain": "my-co.com",
                "team_ids_jwt_field": "groups", "team_id_default": "gamma", "enforce_team_based_model_access": true}),
            json!({"user_id_jwt_field": "sub", "team_id_jwt_field": "tenant.team", "team_alias_jwt_field": "team_name",
                "team_allowed_routes": ["openai_routes", "/custom*"], "object_id_jwt_field": "oid",
                "roles_jwt_field": "realm.access.roles", "role_mappings": [{"role": "x", "internal_role": "team"}, {"role": "y", "internal_role": "internal_user"}]}),
            json!({"user_roles_jwt_field": "roles", "user_allowed_roles": ["basic"], "team_ids_jwt_field": "groups",
                "enforce_rbac": true, "enforce_scope_based_access": true,
                "scope_mappings": [{"scope": "s.one", "models": ["gpt-4o", "claude-3"]}, {"scope": "s.two", "models": ["openai/x"]}]}),
            json!({"user_roles_jwt_field": "roles", "user_email_jwt_field": "email", "team_ids_jwt_field": "groups",
                "issuers": [{"issuer": "https://a", "audience": "gate", "user_id_jwt_field": "oid", "team_id_jwt_field": "tenant.team"}]}),
        ];
        fields.into_iter().enumerate().map(|(i, jwt)| {
            let mut config = json!({
                "general_settings": {"enable_jwt_auth": true, "litellm_jwtauth": jwt, "enforce_rbac": i == 1,
                    "role_permissions": [{"role": "internal_user", "models": ["gpt-4o", "openai/x"]}, {"role": "team", "models": ["claude-3"]}]},
                "teams": [
                    {"team_id": "alpha", "team_alias": "A", "models": ["gpt-4o"], "blocked": false},
                    {"team_id": "beta", "team_alias": "B", "models": ["openai/*", "group-a"], "blocked": false},
                    {"team_id": "gamma", "team_alias": "A", "models": [], "blocked": true}],
                "model_list": [
                    {"model_name": "gpt-4o", "litellm_params": {"model": "openai/x"}},
                    {"model_name": "claude-3", "litellm_params": {"model": "openai/x"}, "model_info": {"access_groups": ["group-a"]}},
                    {"model_name": "openai/x", "litellm_params": {"model": "openai/x"}}]});
            if i == 3 {
                config["modelgate"] = json!({"role_permissions": [
                    {"role": "basic", "models": ["gpt-4o"]},
                    {"role": "other", "models": ["openai/*"], "deny_models": ["claude-3"], "routes": ["/custom*"], "inherits": ["basic"]}]});
            } else {
                config["modelgate"] = json!({});
            }
            let read = Config::parse("fuzz.json", &config.to_string(), ".".as_ref(), &|_| None);
            let snapshot = Snapshot::build(read.expect("the rules are valid")).expect("and translate");
            (config, snapshot)
        }).collect()
    })
}
