//! The cost of a decision does not grow with the configuration, with unrelated policies, or with the number of
//! callers.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::engine::Snapshot;
use modelgate::identity::Caller;
use modelgate::request::{RequestParts, classify};
use serde_json::{Map, Value, json};

struct Case {
    snapshot: Snapshot,
    callers: Vec<Caller>,
}

/// A configuration with this number of teams, models, scopes and roles.
fn config(size: usize) -> Config {
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
    Config::parse("config.json", &config.to_string(), ".".as_ref(), &|_| None).unwrap()
}

/// This number of policies, each for another model and another user.
fn policies(count: usize) -> DropIns {
    let directory = tempfile::tempdir().unwrap();
    let policy = |i: usize| {
        let (by, on) = match i.is_multiple_of(2) {
            true => ("principal".to_owned(), format!("resource == Model::\"model-{i}\"")),
            false => (format!("principal == Caller::\"other-{i}\""), "resource".to_owned()),
        };
        format!("forbid({by}, action == Action::\"use_model\", {on}) when {{ context.tools > 100 }};\n")
    };
    std::fs::write(directory.path().join("a.cedar"), (0..count).map(policy).collect::<String>()).unwrap();
    DropIns::load(directory.path()).unwrap()
}

/// This number of callers with the same few teams and roles, and as many policies.
fn case(size: usize, policy_count: usize, callers: usize) -> Case {
    let snapshot = Snapshot::with_policies(config(size), &policies(policy_count)).unwrap();
    let caller = |i: usize| {
        let claims = json!({"sub": format!("user-{i}"), "jti": i, "groups": ["team-0", "team-1"],
            "roles": ["role-0", "role-2"], "scope": "s-0 s-2"});
        let claims: Map<String, Value> = serde_json::from_value(claims).unwrap();
        snapshot.identify(&VerifiedClaims::dangerous_trust(claims))
    };
    Case { callers: (0..callers).map(caller).collect(), snapshot }
}

fn time_of_decisions(case: &Case, round: usize) -> Duration {
    let (path, body) = ("/v1/chat/completions", br#"{"model": "model-0"}"#);
    let (method, headers) = (Method::POST, HeaderMap::new());
    let call =
        classify(&RequestParts { method: &method, path, query: None, headers: &headers, body }).unwrap();
    let start = Instant::now();
    for caller in case.callers.iter().cycle().skip(round * 20 % case.callers.len()).take(20) {
        black_box(case.snapshot.authorize(caller, call.clone()).expect("the request is allowed"));
    }
    start.elapsed()
}

/// The cost of a decision of the second case, as a multiple of the cost in the first case.
fn ratio(first: &Case, second: &Case) -> f64 {
    // The minimum of many interleaved rounds, because other load on the machine only adds time.
    let rounds = (0..60).map(|round| (time_of_decisions(first, round), time_of_decisions(second, round)));
    let (first, second) = rounds.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1))).unwrap();
    second.as_secs_f64() / first.as_secs_f64()
}

#[test]
fn ten_thousand_teams_models_scopes_and_roles_cost_what_ten_cost() {
    let ratio = ratio(&case(10, 0, 1), &case(10_000, 0, 1));
    assert!(ratio <= 1.5, "ten thousand of each cost {ratio:.2} times what ten cost");
}

#[test]
fn a_thousand_policies_on_others_cost_little_more_than_twenty() {
    let ratio = ratio(&case(10, 20, 1), &case(10, 1_000, 1));
    assert!(ratio <= 3.0, "a thousand policies cost {ratio:.2} times what twenty cost");
}

#[test]
fn a_caller_who_is_new_costs_what_one_who_is_known_costs() {
    // Twenty decisions in each round, each for a new caller. The caller's data is computed for the first request.
    // Evaluating Cedar each time would take a hundred times as long.
    let ratio = ratio(&case(10, 20, 1), &case(10, 20, 1_200));
    assert!(ratio <= 6.0, "those who are new cost {ratio:.2} times what the others cost");
}
