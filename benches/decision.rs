//! Measures a decision: `cargo bench --bench decision`.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use divan::Bencher;
use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::engine::Snapshot;
use modelgate::request::{ApiCall, RequestContext, RequestParts, classify};
use serde_json::{Map, Value, json};

fn main() {
    divan::main();
}

/// Mandatory checks of roles, scopes and teams, with this many models, teams, scopes and token roles.
fn config(size: usize) -> Config {
    let each = |make: &dyn Fn(usize) -> Value| (0..size).map(make).collect::<Vec<_>>();
    let config = json!({
        "general_settings": {
            "enable_jwt_auth": true,
            "litellm_jwtauth": {"user_id_jwt_field": "sub", "team_ids_jwt_field": "groups", "enforce_rbac": true,
                "roles_jwt_field": "roles", "enforce_scope_based_access": true,
                "scope_mappings": each(&|i| json!({"scope": format!("s-{i}"), "models": [format!("model-{i}")]}))},
            "role_permissions": [{"role": "internal_user", "models": each(&|i| json!(format!("model-{i}")))}],
        },
        "teams": each(&|i| json!({"team_id": format!("team-{i}"), "models": [format!("model-{i}"), "other/*"]})),
        "model_list": each(&|i| json!({"model_name": format!("model-{i}"), "litellm_params": {"model": "openai/x"}})),
    });
    Config::parse("config.json", &config.to_string(), ".".as_ref(), &|_| None).unwrap()
}

/// Policies whose scopes name different models; every tenth reads the context.
fn policies(count: usize) -> DropIns {
    let directory = tempfile::tempdir().unwrap();
    let text: String = (0..count)
        .map(|i| {
            let condition = if i % 10 == 0 { "context.tools > 100" } else { "principal.roles.contains(\"none\")" };
            format!("forbid(principal, action == Action::\"use_model\", resource == Model::\"model-{i}\") when {{ {condition} }};\n")
        })
        .collect();
    std::fs::write(directory.path().join("a.cedar"), text).unwrap();
    DropIns::load(directory.path()).unwrap()
}

fn call() -> ApiCall {
    call_of("model-0")
}

fn call_of(model: &str) -> ApiCall {
    let (path, body) = ("/v1/chat/completions", json!({"model": model}).to_string());
    let (method, headers) = (Method::POST, HeaderMap::new());
    let parts = RequestParts { method: &method, path, query: None, headers: &headers, body: body.as_bytes() };
    classify(&parts).unwrap().with_context(RequestContext::now())
}

fn claims() -> VerifiedClaims {
    claims_of(0)
}

fn claims_of(user: usize) -> VerifiedClaims {
    let claims = json!({"sub": format!("user-{user}"), "jti": format!("{user:032}"), "exp": 1_900_000_000 + user,
        "groups": ["team-0", "team-1"], "roles": ["a"], "scope": "s-0 s-2"});
    VerifiedClaims::dangerous_trust(serde_json::from_value::<Map<String, Value>>(claims).unwrap())
}

#[divan::bench(args = [10, 10_000])]
fn authorize(bencher: Bencher<'_, '_>, size: usize) {
    let snapshot = Snapshot::build(config(size)).unwrap();
    let (caller, call) = (snapshot.identify(&claims()), call());
    bencher.bench_local(|| snapshot.decide(&caller, &call).unwrap());
}

#[divan::bench(args = [20, 1_000])]
fn authorize_with_dropped_in_policies(bencher: Bencher<'_, '_>, count: usize) {
    let snapshot = Snapshot::with_policies(config(10), &policies(count)).unwrap();
    let (caller, call) = (snapshot.identify(&claims()), call());
    bencher.bench_local(|| snapshot.decide(&caller, &call).unwrap());
}

/// Twenty thousand callers in turn, with the same teams, roles and scopes.
#[divan::bench]
fn authorize_new_callers(bencher: Bencher<'_, '_>) {
    let snapshot = Snapshot::with_policies(config(10), &policies(20)).unwrap();
    let callers: Vec<_> = (0..20_000).map(|user| snapshot.identify(&claims_of(user))).collect();
    let (mut turn, call) = (callers.iter().cycle(), call());
    bencher.bench_local(|| snapshot.decide(turn.next().unwrap(), &call).unwrap());
}

/// More models in turn than the cache holds.
#[divan::bench]
fn authorize_anew(bencher: Bencher<'_, '_>) {
    let snapshot = Snapshot::with_policies(config(20_000), &policies(20)).unwrap();
    let caller = snapshot.identify(&claims());
    let calls: Vec<_> = (0..20_000).map(|model| call_of(&format!("model-{model}"))).collect();
    let mut turn = calls.iter().cycle();
    bencher.bench_local(|| snapshot.decide(&caller, turn.next().unwrap()));
}

#[divan::bench]
fn identify(bencher: Bencher<'_, '_>) {
    let (snapshot, claims) = (Snapshot::build(config(10)).unwrap(), claims());
    bencher.bench_local(|| snapshot.identify(&claims));
}
