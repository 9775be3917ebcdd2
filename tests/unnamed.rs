//! Routes that run a model if a request names none (D10).
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::engine::{Denied, Rule, Snapshot};
use modelgate::request::{RequestParts, classify};
use serde_json::json;

const IMAGES: &str = "/v1/images/generations";

fn yaml(jwtauth: &str, general: &str, rest: &str) -> String {
    format!(
        "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{user_id_jwt_field: sub, {jwtauth}}}\n{general}\n\
         model_list: [{{model_name: dall-e-3, litellm_params: {{model: openai/dall-e-3}}}}]\n{rest}\n"
    )
}

fn snapshot(yaml: &str) -> Snapshot {
    Snapshot::build(Config::parse("c.yaml", yaml, ".".as_ref(), &|_| None).unwrap()).unwrap()
}

fn by_role(models: &str) -> Snapshot {
    let permissions = format!("  role_permissions: [{{role: internal_user, models: {models}}}]");
    snapshot(&yaml("enforce_rbac: true", &permissions, ""))
}

fn ask(snapshot: &Snapshot, method: Method, path: &str, body: &str) -> Result<(), Box<Denied>> {
    let claims = json!({"sub": "u", "scope": "s", "groups": ["red"]});
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims.as_object().unwrap().clone()));
    let headers: HeaderMap =
        [(http::header::CONTENT_TYPE, "application/json".parse().unwrap())].into_iter().collect();
    let parts = RequestParts { method: &method, path, query: None, headers: &headers, body: body.as_bytes() };
    snapshot.authorize(&caller, classify(&parts).unwrap()).map(drop)
}

fn rule(snapshot: &Snapshot, path: &str) -> Option<Rule> {
    ask(snapshot, Method::POST, path, "{}").err().map(|denied| denied.rule)
}

#[test]
fn a_role_with_a_list_of_models_may_not_use_one_by_naming_none() {
    let restricted = by_role("[dall-e-3]");
    for path in [
        IMAGES,
        "/images/edits",
        "/v1/moderations",
        "/v1/videos",
        "/v1/realtime/client_secrets",
        "/v1/realtime/calls",
        "/v1/fine_tuning/jobs",
        "/v1/batches",
        "/v1/threads/t/runs",
        "/v1/messages/batches",
        "/v1beta/cachedContents",
        "/anthropic/v1/messages/batches",
        "/fal_ai/some/app",
    ] {
        assert_eq!(rule(&restricted, path), Some(Rule::Model), "{path}");
    }
    let put = ask(&restricted, Method::PUT, IMAGES, "{}").unwrap_err();
    assert_eq!(put.rule, Rule::Model);
    assert!(put.to_string().contains("names no model"), "{put}");
}

#[test]
fn a_model_that_is_named_and_listed_may_be_used_there() {
    assert!(ask(&by_role("[dall-e-3]"), Method::POST, IMAGES, r#"{"model": "dall-e-3"}"#).is_ok());
    assert!(ask(&by_role("[dall-e-3]"), Method::POST, IMAGES, r#"{"model": "other"}"#).is_err());
}

#[test]
fn routes_that_run_no_model_need_none() {
    let restricted = by_role("[dall-e-3]");
    for path in
        ["/v1/vector_stores", "/v1/threads", "/v1/batches/b/cancel", "/v1/conversations", "/v1/files/f"]
    {
        assert_eq!(rule(&restricted, path), None, "{path}");
    }
    assert!(ask(&restricted, Method::GET, "/v1/videos/v", "").is_ok());
}

#[test]
fn a_role_without_a_list_may_use_what_runs_there() {
    let open = yaml("enforce_rbac: true", "  role_permissions: [{role: internal_user}]", "");
    assert_eq!(rule(&snapshot(&open), IMAGES), None);
    // `*` is an ordinary name in LiteLLM's list (R2), and matches every model in ours.
    assert_eq!(rule(&by_role("['*']"), IMAGES), Some(Rule::Model));
    let own = |models: &str| {
        let rest = format!("modelgate: {{role_permissions: [{{role: red, models: {models}}}]}}");
        snapshot(&yaml("roles_jwt_field: groups", "", &rest))
    };
    assert_eq!(rule(&own("['*']"), IMAGES), None);
    assert_eq!(rule(&own("['dall-*', '*-*', 'a*']"), IMAGES), Some(Rule::Model));
}

#[test]
fn scopes_open_no_unnamed_model() {
    let scopes = "enforce_scope_based_access: true, scope_mappings: [{scope: s, models: [dall-e-3]}]";
    let scoped = snapshot(&yaml(scopes, "", ""));
    assert_eq!(rule(&scoped, IMAGES), Some(Rule::Scope));
    assert!(ask(&scoped, Method::POST, IMAGES, r#"{"model": "dall-e-3"}"#).is_ok());
    assert_eq!(rule(&scoped, "/v1/vector_stores"), None);
}

#[test]
fn a_team_with_a_list_of_models_may_not_use_one_by_naming_none() {
    let team = |models: &str, field: &str| {
        snapshot(&yaml(field, "", &format!("teams: [{{team_id: red, models: {models}}}]")))
    };
    assert_eq!(rule(&team("[dall-e-3]", "team_id_jwt_field: groups"), IMAGES), Some(Rule::TeamModel));
    assert_eq!(rule(&team("[dall-e-3]", "team_ids_jwt_field: groups"), IMAGES), Some(Rule::NoTeamWithModel));
    for open in ["[]", "[all-proxy-models]", "['*']"] {
        assert_eq!(rule(&team(open, "team_ids_jwt_field: groups"), IMAGES), None, "{open}");
    }
}

#[test]
fn a_policy_may_open_the_unnamed_model() {
    let folder = tempfile::tempdir().unwrap();
    let policy = r#"permit (principal, action == Action::"use_model", resource == Model::"");"#;
    std::fs::write(folder.path().join("a.cedar"), policy).unwrap();
    let text =
        yaml("enforce_rbac: true", "  role_permissions: [{role: internal_user, models: [dall-e-3]}]", "");
    let config = Config::parse("c.yaml", &text, ".".as_ref(), &|_| None).unwrap();
    let snapshot = Snapshot::with_policies(config, &DropIns::load(folder.path()).unwrap()).unwrap();
    assert_eq!(rule(&snapshot, IMAGES), None);
    assert!(ask(&snapshot, Method::POST, IMAGES, r#"{"model": "other"}"#).is_err());
}
