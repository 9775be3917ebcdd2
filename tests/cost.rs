//! What a decision costs does not grow with the configuration.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use modelgate::identity::Caller;
use modelgate::request::{RequestParts, classify};
use serde_json::{Map, Value, json};

struct Case {
    snapshot: Snapshot,
    caller: Caller,
}

/// As many teams, models, scopes and roles, and a caller who is tied to a few of each.
fn case(size: usize) -> Case {
    let names = |what: &str| (0..size).map(|i| format!("{what}-{i}")).collect::<Vec<_>>();
    let of_each = |make: &dyn Fn(usize) -> Value| (0..size).map(make).collect::<Vec<_>>();
    let config = json!({
        "general_settings": {
            "enable_jwt_auth": true,
            "litellm_jwtauth": {"user_id_jwt_field": "sub", "team_ids_jwt_field": "groups", "enforce_rbac": true,
                "roles_jwt_field": "roles", "enforce_scope_based_access": true,
                "scope_mappings": of_each(&|i| json!({"scope": format!("s-{i}"), "models": [format!("model-{i}")]}))},
            "role_permissions": [{"role": "internal_user", "models": names("model")}],
        },
        "teams": of_each(&|i| json!({"team_id": format!("team-{i}"), "models": [format!("model-{i}"), "other/*"]})),
        "model_list": of_each(&|i| json!({"model_name": format!("model-{i}"), "litellm_params": {"model": "openai/x"}})),
        "modelgate": {"role_permissions":
            of_each(&|i| json!({"role": format!("role-{i}"), "models": [format!("model-{i}")], "deny_models": ["no-*"],
                "routes": ["openai_routes"]}))},
    });
    let config = Config::parse("config.json", &config.to_string(), ".".as_ref(), &|_| None).unwrap();
    let snapshot = Snapshot::build(config).unwrap();
    let claims: Map<String, Value> = serde_json::from_value(
        json!({"sub": "ada", "groups": ["team-0", "team-1"], "roles": ["role-0", "role-2"], "scope": "s-0 s-2"}),
    )
    .unwrap();
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims));
    Case { snapshot, caller }
}

fn time_of_decisions(case: &Case) -> Duration {
    let (path, body) = ("/v1/chat/completions", br#"{"model": "model-0"}"#);
    let (method, headers) = (Method::POST, HeaderMap::new());
    let call =
        classify(&RequestParts { method: &method, path, query: None, headers: &headers, body }).unwrap();
    let start = Instant::now();
    for _ in 0..20 {
        black_box(case.snapshot.authorize(&case.caller, call.clone()).expect("the request is allowed"));
    }
    start.elapsed()
}

#[test]
fn ten_thousand_teams_models_scopes_and_roles_cost_what_ten_cost() {
    let (small, large) = (case(10), case(10_000));
    // The least of many interleaved rounds: what else the machine does only ever adds.
    let rounds = (0..60).map(|_| (time_of_decisions(&small), time_of_decisions(&large)));
    let (few, many) = rounds.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1))).unwrap();
    let ratio = many.as_secs_f64() / few.as_secs_f64();
    assert!(ratio <= 1.5, "{ratio:.2}: {few:?} with ten of each, {many:?} with ten thousand");
}
