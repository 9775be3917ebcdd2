use std::path::Path;

use super::{CaseFile, Report, run_cases};
use crate::config::Config;
use crate::engine::Snapshot;

const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user, other], enforce_rbac: true}
  role_permissions:
    - role: internal_user
      models: [small]
teams: [{team_id: red}]
model_list:
  - {model_name: small, litellm_params: {model: gpt-4o-mini}}
  - {model_name: large, litellm_params: {model: gpt-4o}}
";

fn snapshot() -> Snapshot {
    Snapshot::build(Config::parse("config.yaml", CONFIG, Path::new("."), &|_| None).unwrap()).unwrap()
}

fn parse(text: &str) -> Result<CaseFile, Vec<String>> {
    let shown = crate::config::tests::show;
    CaseFile::parse("cases.yaml", text, Path::new("/rules"))
        .map_err(|error| error.problems().iter().map(shown).collect())
}

fn run(case: &str) -> Report {
    run_cases(&snapshot(), &[parse(&format!("cases:\n  - {{note: a case, {case}}}\n")).unwrap()])
}

const BASIC: &str = "claims: {roles: [basic_user], age: -1}, request: {model: small}";

#[test]
fn a_case_passes_when_the_answer_is_the_expected_one() {
    let ids = "'general_settings.role_permissions[0].models', 'general_settings.role_permissions[0]'";
    assert!(
        run(&format!("{BASIC}, expect: {{allow: true, status: 200, policies: [{ids}], shadow: []}}"))
            .passed()
    );
}

#[test]
fn ids_are_compared_one_by_one() {
    let joined = "general_settings.role_permissions[0], general_settings.role_permissions[0].models";
    for expect in ["shadow: ['']", &format!("policies: ['{joined}']")] {
        assert!(!run(&format!("{BASIC}, expect: {{allow: true, {expect}}}")).passed(), "{expect}");
    }
}

#[test]
fn every_part_that_differs_is_told_with_what_decided() {
    let report =
        run("claims: {}, request: {model: small}, expect: {allow: true, status: 200, policies: [x]}");
    assert_eq!(
        report.outcomes[0].to_string(),
        "FAIL cases.yaml:2 a case\n       allow: expected true, got false\n       status: expected 200, got 403\n       \
         policies: expected [x], got []\n       denied by R2.unmatched: the token belongs to no role that may call \
         this gateway (not granted by general_settings.role_permissions [config.yaml:5])\n"
    );
}

#[test]
fn a_missing_grant_is_told_with_its_line() {
    let report = run("claims: {roles: [basic_user]}, request: {model: large}, expect: {allow: true}");
    let because = &report.outcomes[0].because;
    assert!(
        because.ends_with("(not granted by general_settings.role_permissions[0].models [config.yaml:7])"),
        "{because}"
    );
}

#[test]
fn a_request_that_cannot_be_judged_is_an_answer_too() {
    let request = "request: {path: /v1/chat/completions, body: '{'}";
    assert!(
        run(&format!("claims: {{}}, {request}, expect: {{allow: false, status: 400, rule: D2.malformed}}"))
            .passed()
    );
}

#[test]
fn what_no_case_touches_is_named_with_its_line() {
    let report = run(&format!("{BASIC}, expect: {{allow: true}}"));
    let open: Vec<_> = report.coverage.parts.iter().filter(|part| !part.covered).collect();
    let open: Vec<_> = open.iter().map(|part| (part.name.as_str(), part.source.as_str())).collect();
    assert_eq!(
        open,
        [
            ("general_settings.role_permissions", "config.yaml:5"),
            ("teams[0]", "config.yaml:8"),
            ("model_list[1]", "config.yaml:11"),
            ("general_settings.litellm_jwtauth.user_allowed_roles[1]", "config.yaml:4"),
        ]
    );
    assert_eq!(report.coverage.counts(), (8, 4));
}

#[test]
fn paths_are_relative_to_the_file() {
    let file = parse("config: ../c.yaml\npolicies: p\ncases: []\n").unwrap();
    assert_eq!(file.config.as_deref(), Some(Path::new("/rules/../c.yaml")));
    assert_eq!(file.policies.as_deref(), Some(Path::new("/rules/p")));
}

#[test]
fn a_misspelled_key_is_refused_with_what_is_meant() {
    let text =
        "cases:\n  - note: a case\n    claims: {}\n    request: {modle: x}\n    expect: {alow: true}\n";
    assert_eq!(
        parse(text).unwrap_err(),
        [
            "4:15 unknown key `modle` in `request` | did you mean `model`?",
            "5:13 `allow` is missing",
            "5:14 unknown key `alow` in `expect` | did you mean `allow`?"
        ]
    );
}

#[test]
fn values_that_cannot_be_meant_are_refused_with_their_place() {
    let text = "cases:\n  - note: a case\n    claims: {}\n    request:\n      model: x\n      body: text\n      time: noon\n      \
                source: here\n    expect: {allow: true, rule: R2.model}\n  - note: a case\n    claims: {}\n    request: {}\n    \
                expect: {allow: false, rule: R2}\n";
    assert_eq!(
        parse(text).unwrap_err(),
        [
            "5:14 `model` and `body` exclude each other | `model` is added to a JSON object; write it into any other body",
            "7:13 `time` must be a time, such as `2026-11-24T12:00:00Z`",
            "8:15 `source` must be an address, such as `10.0.0.1`",
            "9:33 `rule` and `allow: true` exclude each other | only a denial has it",
            "12:14 `path` is missing",
            "13:34 `rule` must be the name of a rule in an answer, such as `R2.model`",
        ]
    );
}
