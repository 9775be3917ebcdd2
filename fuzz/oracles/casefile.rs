//! A file of cases is refused, or has the same meaning in JSON. A case passes exactly when the answer is the expected
//! one.
//!
//! An input is the text of the file.

use std::path::Path;
use std::sync::OnceLock;

use modelgate::casefile::{Case, CaseFile, run_cases};
use modelgate::config::Config;
use modelgate::engine::Snapshot;
use serde_json::Value;

use crate::plain;

const MAX_LEN: usize = 4 * 1024;
const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic], user_id_jwt_field: sub, enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, large], routes: [openai_routes]}
model_list:
  - {model_name: small, litellm_params: {model: gpt-4o-mini}}
";
const KEYS: [&[&str]; 4] = [
    &["config", "policies", "cases"],
    &["note", "claims", "request", "expect"],
    &["method", "path", "headers", "team", "model", "body", "source", "time"],
    &["allow", "status", "rule", "policies", "shadow", "reason"],
];

pub(crate) fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if data.len() > MAX_LEN {
        return;
    }
    let file = CaseFile::parse("fuzz.yaml", text, Path::new("/nonexistent"));
    let json = plain::read(data);
    if let Some((json, twice, _)) = &json {
        let is_plain = !twice && keys_are_known(json);
        assert!(file.is_err() || is_plain, "a key that nobody knows, or twice");
    }
    let Ok(file) = file else { return };
    check_lines(&file, text);
    if let Some((json, _, _)) = json {
        let cases = json["cases"].as_array().map(Vec::as_slice).unwrap_or_default();
        assert_eq!(file.cases.len(), cases.len());
        file.cases.iter().zip(cases).for_each(|(case, json)| check_case(case, json));
    }
    check_run(&file);
}

fn keys_are_known(file: &Value) -> bool {
    let known = |value: &Value, keys: &[&str]| {
        value.as_object().is_some_and(|object| object.keys().all(|key| keys.contains(&key.as_str())))
    };
    let case = |case: &Value| {
        known(case, KEYS[1]) && known(&case["request"], KEYS[2]) && known(&case["expect"], KEYS[3])
    };
    known(file, KEYS[0]) && file["cases"].as_array().is_some_and(|cases| cases.iter().all(case))
}

fn check_lines(file: &CaseFile, text: &str) {
    // A lone carriage return also ends a line in YAML.
    let lines = text.replace("\r\n", "\n").split(['\n', '\r']).count();
    let last = u32::try_from(lines).unwrap_or(u32::MAX);
    let mut before = 0;
    for case in &file.cases {
        assert!((1..=last + 1).contains(&case.line), "{} of {last}", case.line);
        // An alias stands for the value of its anchor.
        assert!(before <= case.line || text.contains('*'), "the lines go backwards");
        before = case.line;
    }
}

fn check_case(case: &Case, json: &Value) {
    assert_eq!(Some(case.note.as_str()), json["note"].as_str());
    assert_eq!(Some(case.expect.allow), json["expect"]["allow"].as_bool());
    assert_eq!(case.expect.rule.as_deref(), json["expect"]["rule"].as_str());
    assert_eq!(case.expect.status.map(u64::from), json["expect"]["status"].as_u64());
    let claims = json["claims"].as_object().cloned().unwrap_or_default();
    if !has_odd_numbers(&json["claims"]) {
        assert_eq!(case.question.claims, claims, "other claims");
    }
    if let Some(model) = json["request"]["model"].as_str() {
        let body: Value = serde_json::from_slice(&case.question.body).unwrap_or_default();
        assert_eq!(body["model"], model, "another model");
    }
    if let Some(path) = json["request"]["path"].as_str() {
        assert_eq!(case.question.path, path);
    }
}

/// Numbers beyond 64 bits, which YAML keeps and JSON turns into fractions; and fractions, whose last bit may differ.
fn has_odd_numbers(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(list) => list.iter().any(has_odd_numbers),
        Value::Object(object) => object.values().any(has_odd_numbers),
        _ => false,
    }
}

fn check_run(file: &CaseFile) {
    static SNAPSHOT: OnceLock<Snapshot> = OnceLock::new();
    let snapshot = SNAPSHOT.get_or_init(|| {
        let config = Config::parse("fuzz.yaml", CONFIG, ".".as_ref(), &|_| None);
        Snapshot::build(config.expect("a valid configuration")).expect("and translates")
    });
    let report = run_cases(snapshot, std::slice::from_ref(file));
    assert_eq!(report.outcomes.len(), file.cases.len(), "a case was not run");
    for (case, outcome) in file.cases.iter().zip(&report.outcomes) {
        let answer = case.question.answer(snapshot);
        let sorted = |ids: &[String]| ids.iter().cloned().collect::<std::collections::BTreeSet<_>>();
        let decided = answer.policies().iter().map(ToString::to_string).collect();
        let shadow = |ids: &Vec<String>| ids.is_empty();
        let expect = &case.expect;
        let passes = expect.allow == answer.allow
            && expect.status.is_none_or(|status| status == answer.status)
            && expect.rule.as_deref().is_none_or(|rule| Some(rule) == answer.rule)
            && expect.policies.as_ref().is_none_or(|ids| sorted(ids) == decided)
            && expect.shadow.as_ref().is_none_or(shadow)
            && expect.reason.as_ref().is_none_or(|reason| Some(reason) == answer.reason.as_ref());
        assert_eq!(outcome.mismatches.is_empty(), passes, "{outcome}\n{answer:?}");
    }
}
