//! Measures proofs, and how they grow: `cargo bench --bench prove`, with cvc5. The arguments are numbers of policies.
//! `MODELGATE_PROVE_BUDGET` is the number of seconds for each proof.
#![expect(clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::time::{Duration, Instant};

use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::prove::{Comparison, Invariants, Limits, Prover, Subject, Verdict};
use serde_json::{Value, json};

/// The numbers of models, of roles, and of policies in files.
#[derive(Clone, Copy)]
struct Size {
    models: usize,
    roles: usize,
    dropins: usize,
}

impl Size {
    /// The size that has some number of policies in files.
    fn of(dropins: usize) -> Self {
        Self { models: 5 * dropins.min(100), roles: dropins.min(200), dropins }
    }
}

const GROUPS: [&str; 4] = ["small", "gold", "vision", "audio"];

/// Roles with lists, access groups, wildcards and denied models, and teams.
fn config(size: Size) -> Value {
    let each = |count: usize, make: &dyn Fn(usize) -> Value| (0..count).map(make).collect::<Vec<_>>();
    let role = |i: usize| {
        let own = each(5, &|k| json!(format!("model-{}", (i * 7 + k * 13) % size.models)));
        let mut entry = json!({"role": format!("role-{i}"), "models": own});
        let models = entry.get_mut("models").and_then(Value::as_array_mut).unwrap();
        models.extend(i.is_multiple_of(3).then(|| json!(GROUPS.get(i / 3 % 4))));
        models.extend(i.is_multiple_of(5).then(|| json!(format!("vendor-{}/*", i / 5))));
        let more = match i % 4 {
            1 => json!({"inherits": [format!("role-{}", i - 1)]}),
            2 => json!({"routes": ["openai_routes", "/v1/messages"]}),
            3 => json!({"deny_models": [format!("model-{}", i % size.models)]}),
            _ => json!({}),
        };
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        entry
    };
    json!({
        "general_settings": {
            "enable_jwt_auth": true,
            "litellm_jwtauth": {"user_id_jwt_field": "sub", "team_ids_jwt_field": "groups", "user_roles_jwt_field": "roles",
                "user_allowed_roles": ["employee"], "enforce_rbac": true},
            "role_permissions": [{"role": "internal_user", "models": each(10, &|i| json!(format!("model-{i}")))}],
        },
        "modelgate": {"role_permissions": each(size.roles, &role)},
        "teams": each(5, &|i| json!({"team_id": format!("team-{i}"), "models": [format!("model-{i}"), GROUPS.get(i % 4)]})),
        "model_list": each(size.models, &|i| json!({"model_name": format!("model-{i}"),
            "litellm_params": {"model": "openai/x"}, "model_info": {"access_groups": [GROUPS.get(i % 4)]}})),
    })
}

/// Policies of each kind that operators write.
fn policies(size: Size) -> String {
    let policy = |i: usize| {
        let role = format!("principal in TokenRole::\"role-{}\"", i % size.roles);
        let model = "action == Action::\"use_model\"";
        let hour = 6 + i % 5;
        match i % 8 {
            0 => format!(
                "forbid ({role}, {model}, resource in AccessGroup::\"{}\") unless {{ context.time.toTime() >= duration(\"{hour}h\") && context.time.toTime() < duration(\"18h\") }};",
                GROUPS.get(i % 4).unwrap()
            ),
            1 => format!("forbid ({role}, {model}, resource) when {{ context.tools > {i} }};"),
            2 => format!(
                "forbid ({role}, action, resource) unless {{ context has source && context.source.isInRange(ip(\"10.{}.0.0/16\")) }};",
                i % 256
            ),
            3 => format!(
                "forbid ({role}, {model}, resource) when {{ context has max_tokens && context.max_tokens > {} }};",
                1000 + i
            ),
            4 => format!(
                "permit (principal, {model}, resource == Model::\"model-{}\") when {{ principal.hasTag(\"department\") && principal.getTag(\"department\").contains(\"department-{i}\") }};",
                i % size.models
            ),
            5 => format!(
                "forbid (principal, action == Action::\"call_route\", resource == Route::\"/v1/batches\") unless {{ principal.roles.contains(\"role-{}\") }};",
                i % size.roles
            ),
            6 => format!(
                "forbid ({role}, {model}, resource == Model::\"model-{}\") when {{ [\"saturday\", \"sunday\"].contains(context.weekday) }};",
                i * 3 % size.models
            ),
            _ => format!(
                "forbid ({role}, {model}, resource) when {{ context.images && context.body_bytes > {} }};",
                i * 1000
            ),
        }
    };
    (0..size.dropins).map(|i| format!("@id(\"policy-{i}\") {}\n", policy(i))).collect()
}

const INVARIANTS: &str = r#"
@invariant("role 1 uses no model of audio")
forbid (principal in TokenRole::"role-1", action == Action::"use_model", resource in AccessGroup::"audio");
@invariant("nobody but an admin reaches a model that no list names")
forbid (principal, action == Action::"use_model", resource == Model::"other") unless { principal.admin };
"#;

fn directory(name: &str, text: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), text).unwrap();
    directory
}

fn subject(config: &Value, policies: &str) -> Subject {
    let config = Config::parse("config.json", &config.to_string(), ".".as_ref(), &|_| None).unwrap();
    Subject::new(config, DropIns::load(directory("a.cedar", policies).path()).unwrap()).unwrap()
}

/// A prover that ends: what is not answered within its budget is undecided.
fn prover() -> Prover {
    let seconds = std::env::var("MODELGATE_PROVE_BUDGET").map_or(300, |seconds| seconds.parse().unwrap());
    Prover::new(Limits::within(Duration::from_secs(seconds))).unwrap()
}

/// How two rules compare, and why that is undecided.
fn found(compared: &Comparison) -> String {
    let reasons = [&compared.gained, &compared.lost].into_iter().filter_map(|verdict| match verdict {
        Verdict::Undecided(reason) => Some(format!(": {reason}")),
        _ => None,
    });
    [compared.relation().as_str().to_owned()].into_iter().chain(reasons).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let made = work();
    (made, start.elapsed())
}

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|argument| argument.parse().ok()).collect();
    let sizes = if asked.is_empty() { vec![20, 100, 300, 1000] } else { asked };
    let invariants = Invariants::load(directory("a.cedar", INVARIANTS).path()).unwrap();
    for size in sizes.into_iter().map(Size::of) {
        let (config, policies) = (config(size), policies(size));
        let (old, built) = timed(|| subject(&config, &policies));
        println!(
            "{} models, {} roles, {} policies: built in {built:.1?}",
            size.models, size.roles, size.dropins
        );
        let (report, time) = timed(|| prover().prove(&old, &invariants).unwrap());
        let (violated, undecided) = (report.violated().count(), report.undecided().count());
        let claims = report.claims.len();
        println!("  prove: {time:.2?}, {claims} claims, {violated} violated, {undecided} undecided");
        for claim in report.violated().take(3) {
            println!("    {claim}");
        }
        for claim in report.undecided().take(3) {
            println!("    {claim}");
        }
        let newer = policies.replace("\"18h\"", "\"19h\"");
        let (compared, time) = timed(|| prover().compare(&old, &subject(&config, &newer)).unwrap());
        println!("  diff --prove, later hours: {time:.2?}, {}", found(&compared));
        let (compared, time) = timed(|| prover().compare(&old, &subject(&config, &policies)).unwrap());
        println!("  diff --prove, the same: {time:.2?}, {}", found(&compared));
    }
}
