//! `modelgate.mode: log_only`: denials are reported and not enforced.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::{Decision, Denied, Rule, Snapshot};
use modelgate::request::{RequestContext, RequestParts, classify};
use serde_json::json;

fn snapshot(mode: &str) -> Snapshot {
    let yaml = format!(
        "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{user_id_jwt_field: sub, enforce_rbac: true}}\n  \
         role_permissions: [{{role: internal_user, models: [a]}}]\n\
         model_list:\n  - {{model_name: a, litellm_params: {{model: gpt-4o}}}}\n  - {{model_name: b, litellm_params: {{model: gpt-4o}}}}\n\
         modelgate: {{mode: {mode}}}\n"
    );
    Snapshot::build(Config::parse("config.yaml", &yaml, ".".as_ref(), &|_| None).unwrap()).unwrap()
}

fn ask(snapshot: &Snapshot, path: &str, model: &str) -> Result<Decision, Box<Denied>> {
    let claims = json!({"sub": "ada"}).as_object().unwrap().clone();
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims));
    let body = json!({"model": model}).to_string();
    let (method, headers) = (Method::POST, HeaderMap::new());
    let parts = RequestParts { method: &method, path, query: None, headers: &headers, body: body.as_bytes() };
    snapshot.authorize(&caller, classify(&parts).unwrap()).map(|permit| permit.decision().clone())
}

#[test]
fn a_denial_is_noted_and_not_enforced() {
    let decision = ask(&snapshot("log_only"), "/v1/chat/completions", "b").unwrap();
    assert_eq!(decision.unenforced, Some(Rule::Model));
    assert_eq!(ask(&snapshot("enforce"), "/v1/chat/completions", "b").unwrap_err().rule, Rule::Model);
}

#[test]
fn what_is_allowed_notes_nothing() {
    let decision = ask(&snapshot("log_only"), "/v1/chat/completions", "a").unwrap();
    assert_eq!(decision.unenforced, None);
    assert!(!decision.policies.is_empty());
}

#[test]
fn the_floor_holds_in_every_mode() {
    for model in ["a", "b"] {
        let denied = ask(&snapshot("log_only"), "/key/generate", model).unwrap_err();
        assert!(denied.is_floor);
    }
}

#[test]
fn every_model_is_listed_because_every_model_may_be_called() {
    let snapshot = snapshot("log_only");
    let caller = snapshot
        .identify(&VerifiedClaims::dangerous_trust(json!({"sub": "ada"}).as_object().unwrap().clone()));
    let listed = snapshot.callable_models(&caller, None, RequestContext::default());
    assert_eq!(listed.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn the_mode_is_one_of_two_and_warned_about() {
    let read = |mode: &str| {
        Config::parse("c.yaml", &format!("modelgate: {{mode: {mode}}}\n"), ".".as_ref(), &|_| None)
    };
    let refused = read("audit").unwrap_err().problems().iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(refused, ["`mode` must be `enforce` or `log_only`"]);
    let warned = read("log_only").unwrap();
    assert!(warned.warnings.iter().any(|w| w.to_string() == "denials are logged and not enforced"));
}
