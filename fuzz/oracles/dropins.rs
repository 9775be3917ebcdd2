//! Policy files of operators are refused, or they validate strictly and follow these rules: a `forbid` only removes
//! access, a `permit` only adds access, nothing overrides an added `forbid` of everything, and an evaluation error
//! denies.
//!
//! An input has the policies, the schema additions, and the entities, separated by lines `---`. Each may be missing.

use std::sync::OnceLock;

use cedar_policy::{Effect, PolicySet, Schema, ValidationMode, Validator};
use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::{Decision, Denied, Rule, Snapshot};
use modelgate::gateway::internal;
use modelgate::request::{RequestContext, RequestParts, classify};
use modelgate::translate::SCHEMA;
use serde_json::json;

const MAX_LEN: usize = 4 * 1024;
const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {roles_jwt_field: roles, user_id_jwt_field: sub, team_ids_jwt_field: groups, enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, large]}
teams: [{team_id: red, blocked: true}, {team_id: blue}]
model_list:
  - {model_name: small, litellm_params: {model: gpt-4o-mini}}
  - {model_name: large, litellm_params: {model: gpt-4o}, model_info: {access_groups: [expensive]}}
  - {model_name: extra, litellm_params: {model: o3}}
";
const FORBID: &str = "@id(\"fuzz: everything\") forbid(principal, action, resource);";

type Decided = Result<Decision, Box<Denied>>;

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if data.len() > MAX_LEN {
        return;
    }
    let mut parts = text.split("\n---\n");
    let mut next = || parts.next().unwrap_or_default();
    let (policies, schema, entities) = (next(), next(), next());
    let mut files = vec![("a.cedar", policies)];
    files.extend((!schema.is_empty()).then_some(("b.cedarschema", schema)));
    files.extend((!entities.is_empty()).then_some(("c.entities.json", entities)));
    let Some(snapshot) = snapshot(&files) else { return };
    if schema.is_empty() {
        validate(&snapshot);
    }

    // The decision of the rules without the files.
    static BEFORE: OnceLock<Vec<Decided>> = OnceLock::new();
    let before = BEFORE.get_or_init(|| decided(&self::snapshot(&[]).expect("the rules alone")));
    files.insert(0, ("0.cedar", FORBID));
    let closed = self::snapshot(&files);
    // The id may already be taken. Then the added policy does not become active, and denies nothing.
    let closed = closed.as_ref().map(decided);
    let dropped = || snapshot.policies().filter(|view| view.is_dropped_in() && !view.is_shadow());
    // Entity files may put models and routes into lists of the configuration.
    let only = |effect| entities.is_empty() && dropped().all(|view| view.policy().effect() == effect);
    let (only_permits, only_forbids) = (only(Effect::Permit), only(Effect::Forbid));
    let after = decided(&snapshot);
    assert_eq!(
        after.iter().map(rule_and_policies).collect::<Vec<_>>(),
        decided(&snapshot).iter().map(rule_and_policies).collect::<Vec<_>>()
    );
    for (i, (before, after)) in before.iter().zip(&after).enumerate() {
        let failed = after.as_ref().is_err_and(|denied| denied.rule == Rule::Evaluation);
        assert_eq!(failed, after.as_ref().is_err_and(|denied| denied.error.is_some()));
        assert!(!only_forbids || before.is_ok() || after.is_err(), "request {i}: a forbid opens");
        assert!(!only_permits || before.is_err() || after.is_ok() || failed, "request {i}: a permit closes");
        let gated = before.as_ref().is_err_and(|denied| denied.rule > Rule::Route) && entities.is_empty();
        assert!(!gated || after.is_err(), "request {i}: a mandatory check of the configuration is passed");
        if let Some(closed) = &closed {
            assert!(closed[i].is_err(), "request {i}: something opens what everything closes");
        }
    }
}

fn snapshot(files: &[(&str, &str)]) -> Option<Snapshot> {
    let config = Config::parse("fuzz.yaml", CONFIG, ".".as_ref(), &|_| None).expect("a valid configuration");
    Snapshot::with_policies(config, &internal::dropins(files).ok()?).ok()
}

/// All policies together fit our schema, according to a second run of the validator.
fn validate(snapshot: &Snapshot) {
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA).expect("our schema");
    let all = PolicySet::from_policies(snapshot.policies().map(|view| view.policy().clone()))
        .expect("each id once");
    let outcome = Validator::new(schema).validate(&all, ValidationMode::Strict);
    let errors: Vec<String> = outcome.validation_errors().map(ToString::to_string).collect();
    assert!(outcome.validation_passed(), "the active policies do not validate: {errors:?}");
}

fn rule_and_policies(decided: &Decided) -> (Option<Rule>, Vec<String>) {
    let decision = decided.as_ref().unwrap_or_else(|denied| &denied.decision);
    (
        decided.as_ref().err().map(|denied| denied.rule),
        decision.policies.iter().map(ToString::to_string).collect(),
    )
}

/// The same requests for every caller.
fn decided(snapshot: &Snapshot) -> Vec<Decided> {
    let asked = [
        (json!({"sub": "ada"}), "/v1/chat/completions", json!({"model": "small"}), None),
        (
            json!({"sub": "ada", "roles": ["r1"]}),
            "/v1/chat/completions",
            json!({"model": "large", "max_tokens": 9, "stream": true}),
            Some([10, 1, 2, 3]),
        ),
        (
            json!({"sub": "eve", "roles": ["contractor"], "groups": ["blue"]}),
            "/v1/embeddings",
            json!({"model": "extra"}),
            Some([192, 0, 2, 1]),
        ),
        (
            json!({"sub": "eve", "groups": ["red"]}),
            "/v1/chat/completions",
            json!({"model": "small", "tools": [{}]}),
            None,
        ),
        (json!({"sub": "ada"}), "/key/generate", json!({}), None),
        (json!({"scope": "litellm_proxy_admin", "sub": "root"}), "/key/generate", json!({}), None),
    ];
    let ask =
        |(claims, path, body, source): (serde_json::Value, &str, serde_json::Value, Option<[u8; 4]>)| {
            let claims = claims.as_object().cloned().unwrap_or_default();
            let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims));
            let (method, headers, body) = (Method::POST, HeaderMap::new(), body.to_string());
            let parts =
                RequestParts { method: &method, path, query: None, headers: &headers, body: body.as_bytes() };
            let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_795_521_600);
            let request_context = RequestContext { time: Some(time), source: source.map(Into::into) };
            let call = classify(&parts).expect("a plain request").with_context(request_context);
            snapshot.decide(&caller, &call)
        };
    asked.into_iter().map(ask).collect()
}
