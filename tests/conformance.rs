//! LiteLLM's recorded decisions: one test for each group of cases.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod support;

use libtest_mimic::{Arguments, Failed, Trial};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use serde_json::{Value, json};

fn main() {
    let corpus = include_str!("conformance/decisions.jsonl");
    let mut trials: Vec<Trial> = corpus.lines().map(trial).collect();
    trials.push(Trial::test("the corpus is complete", || {
        let count = |line: &str| {
            serde_json::from_str::<Value>(line).map(|g| g["cases"].as_array().map_or(0, Vec::len))
        };
        let cases: usize = corpus.lines().map(|line| count(line).unwrap_or(0)).sum();
        if cases == 3840 { Ok(()) } else { Err(format!("{cases} cases").into()) }
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn trial(line: &'static str) -> Trial {
    let group: Value = serde_json::from_str(line).unwrap_or_default();
    let name = format!("group {}", group["group"].as_str().unwrap_or("?"));
    Trial::test(name, move || check(&group))
}

fn check(group: &Value) -> Result<(), Failed> {
    let text = group["config"].to_string();
    let config = Config::parse("config.json", &text, ".".as_ref(), &|_| None).map_err(|e| format!("{e}"))?;
    let snapshot = Snapshot::build(config).map_err(|e| e.to_string())?;
    let mut failures = Vec::new();
    for case in group["cases"].as_array().into_iter().flatten() {
        let engine = by_engine(&snapshot, case);
        let expect = expected(case);
        if engine != expect {
            failures.push(format!("case {}: {engine} instead of {expect}\n  {case}", case["id"]));
        }
        let reference = by_reference(&group["config"], case);
        if reference != expect {
            failures.push(format!(
                "case {}: the reference says {reference} instead of {expect}\n  {case}",
                case["id"]
            ));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

fn expected(case: &Value) -> Value {
    let expect = &case["expect"];
    if expect["allow"] == true {
        return json!({"status": 200, "role": expect["role"], "user": expect["user_id"], "team": expect["team_id"]});
    }
    json!({"status": expect["status"], "rule": expect["rule"]})
}

fn by_engine(snapshot: &Snapshot, case: &Value) -> Value {
    let Ok(call) = support::call(case) else { return json!({"status": 400, "rule": "D2.no_model"}) };
    let claims = case["claims"].as_object().cloned().unwrap_or_default();
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims));
    match snapshot.authorize(&caller, call) {
        Ok(permit) => {
            let decision = permit.decision();
            let role = decision.role.map(modelgate::names::Role::as_str);
            json!({"status": 200, "role": role, "user": decision.user_id, "team": decision.team_id})
        }
        Err(denied) => json!({"status": 403, "rule": denied.rule.as_str()}),
    }
}

fn by_reference(config: &Value, case: &Value) -> Value {
    if case["expect"]["rule"] == "D2.no_model" {
        return expected(case);
    }
    let claims = case["claims"].as_object().cloned().unwrap_or_default();
    let header = case["headers"]["x-litellm-team-id"].as_str();
    let path = case["path"].as_str().unwrap_or_default();
    let model = case["body"]["model"].as_str().or_else(|| support::unnamed_on("POST", path));
    let outcome = support::reference::decide(config, &claims, header, path, model);
    if outcome.allow {
        return json!({"status": 200, "role": outcome.role, "user": outcome.user_id, "team": outcome.team_id});
    }
    json!({"status": 403, "rule": outcome.rule})
}
