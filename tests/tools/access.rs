//! `access` shows who may use what.

use serde_json::Value;

use super::Folder;

const ROLES: &str = r#"
general_settings:
  enable_jwt_auth: true
  enforce_rbac: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_id_jwt_field: sub}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
  - {model_name: "=large", litellm_params: {model: openai/large, api_key: k}}
  - {model_name: secret, litellm_params: {model: openai/secret, api_key: k}}
modelgate:
  role_permissions:
    - {role: dev, models: [small, "=large"]}
    - {role: ops, models: [small, "=large"]}
    - {role: batch, models: [small], routes: [/v1/embeddings]}
"#;

const HOURS: &str = r#"@id("hours") forbid (principal in TokenRole::"dev", action == Action::"use_model", resource == Model::"small")
unless { context.time.toTime() < duration("18h") };
"#;

fn folder() -> Folder {
    Folder::new(&[("config.yaml", ROLES), ("policies/a.cedar", HOURS)])
}

#[test]
fn a_table_has_a_row_for_each_answer_of_a_role() {
    let (code, told) = folder().run("access config.yaml");
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("role `dev` or `ops`"), "roles that are treated alike share their rows: {told}");
    assert!(told.contains("=large, small"), "{told}");
    assert!(told.contains("/v1/embeddings"), "{told}");
    assert!(!told.contains('\u{1b}'), "no colors: {told}");
}

#[test]
fn a_condition_is_numbered_and_shown_with_its_line() {
    let (code, told) = folder().run("access config.yaml --policies policies --role dev");
    assert_eq!(code, 0, "{told}");
    let row = told.lines().find(|line| line.contains("if [1]")).unwrap();
    assert!(row.contains("small"), "{told}");
    assert!(told.contains("[1] forbid hours [policies/a.cedar:1]"), "{told}");
    assert!(!told.contains("ops") && !told.contains("batch"), "only the role that was asked for: {told}");
}

#[test]
fn one_model_is_one_column() {
    let (code, told) = folder().run("access config.yaml --model secret --format csv");
    assert_eq!(code, 0, "{told}");
    let rows: Vec<&str> = told.lines().filter(|line| line.contains(",secret,")).collect();
    assert!(!rows.is_empty() && rows.iter().all(|row| row.contains(",denied,")), "{told}");
    assert!(!told.contains(",small,"), "{told}");
}

#[test]
fn csv_has_a_line_for_each_caller_model_and_route() {
    let (code, told) = folder().run("access config.yaml --role batch --format csv");
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("caller,model,routes,access,conditions\n"), "{told}");
    let allowed: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("role `batch`,small,") && line.contains(",allowed,"))
        .collect();
    assert!(allowed.len() == 1 && allowed[0].contains("/v1/embeddings"), "{told}");
    assert!(told.contains("role `batch`,'=large,"), "a spreadsheet computes no name: {told}");
}

#[test]
fn a_role_that_no_rule_names_is_said_and_treated_as_none() {
    let (code, told) = folder().run("access config.yaml --role stranger");
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("no rule names the role `stranger`"), "{told}");
    assert!(told.contains("a token without a role, team or scope  denied"), "{told}");
}

#[test]
fn json_has_conditions_and_an_example_of_each_answer() {
    let folder = folder();
    let (code, told) =
        folder.run("access config.yaml --policies policies --role dev --model small --format json");
    assert_eq!(code, 0, "{told}");
    // Warnings follow the output.
    let told: Value = serde_json::Deserializer::from_str(&told).into_iter().next().unwrap().unwrap();
    let caller = &told["callers"][0];
    assert_eq!(caller["claims"]["roles"], serde_json::json!(["dev"]));
    let answers = caller["access"][0]["routes"].as_array().unwrap();
    let chat = answers.iter().find(|answer| answer["example"]["path"] == "/v1/chat/completions").unwrap();
    assert!(chat["allow"].is_null() && chat["conditions"][0]["policy"] == "hours", "{chat}");
}

#[test]
fn an_invalid_configuration_or_name_exits_with_3() {
    let folder = Folder::new(&[("config.yaml", "modelgate: {role_permission: []}\n"), ("good.yaml", ROLES)]);
    assert_eq!(folder.run("access config.yaml").0, 3);
    assert_eq!(folder.run("access absent.yaml").0, 3);
    assert_eq!(folder.run("access good.yaml --format xml").0, 3);
}
