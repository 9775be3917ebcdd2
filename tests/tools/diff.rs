//! `modelgate diff`.

use serde_json::{Value, json};

use super::{CONFIG, Folder};

const OLD: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], team_ids_jwt_field: groups, enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, large]}
modelgate:
  role_permissions:
    - {role: dev, models: [extra]}
teams: [{team_id: red, blocked: true}, {team_id: blue}]
model_list:
  - {model_name: small, litellm_params: {model: gpt-4o-mini}}
  - {model_name: large, litellm_params: {model: gpt-4o}}
  - {model_name: extra, litellm_params: {model: o3}}
";

const POLICY: &str =
    "@id(\"hours\") forbid(principal in TokenRole::\"dev\", action == Action::\"use_model\", resource)
  when { context.weekday == \"sunday\" };";

fn diff(old: &str, new: &str) -> (i32, String) {
    Folder::new(&[("old.yaml", old), ("new.yaml", new)]).run("diff old.yaml new.yaml")
}

/// The answer up to what was compared.
fn changes(old: &str, new: &str) -> String {
    let (code, told) = diff(old, new);
    assert_eq!(code, 1, "{told}");
    told.split("\n\ncompared: ").next().unwrap().to_owned()
}

#[test]
fn the_same_rules_in_another_layout_end_with_0() {
    let (code, told) = diff(OLD, &OLD.replace("[small, large]", "[large,\n        small]"));
    assert_eq!(code, 0, "{told}");
    assert!(told.starts_with("no grant changed\ncompared: "), "{told}");
    assert!(
        told.contains("3 models, 2 roles, 0 scopes, 2 teams, and one of each that is not named"),
        "{told}"
    );
}

#[test]
fn a_role_that_loses_a_model_is_told_once() {
    assert_eq!(
        changes(OLD, &OLD.replace("[small, large]", "[small]")),
        "role `basic_user`\n  loses                    model  large"
    );
}

#[test]
fn what_only_a_combination_gains_is_told_of_the_combination() {
    let told = changes(OLD, &OLD.replace("blocked: true", "blocked: false"));
    assert!(
        told.contains("role `basic_user`, team `red`\n  gains                    model  large, small\n"),
        "{told}"
    );
    assert!(told.contains("role `dev`, team `red`\n  gains                    model  extra\n"), "{told}");
    assert!(!told.contains("blue"), "{told}");
}

#[test]
fn a_model_and_a_role_that_nobody_names_count_too() {
    let told = changes(CONFIG, &CONFIG.replace("    enforce_rbac: true\n", ""));
    let expected =
        "every token\n  gains                    model  anthropic-claude, openai-gpt-4o, any other model\n";
    assert!(told.starts_with(expected), "{told}");
    let all = "  litellm_jwtauth: {user_id_jwt_field: sub, ";
    let told = changes(OLD, &OLD.replace("  litellm_jwtauth: {", all));
    assert!(told.starts_with("every token\n  gains                    model  large, small\n"), "{told}");
}

#[test]
fn a_route_that_is_opened_is_told_with_its_class() {
    let told =
        changes(OLD, &OLD.replace("models: [extra]", "models: [extra], routes: [llm_api_routes, /key/info]"));
    assert!(told.starts_with("role `dev`\n  gains                    route  /key/info ("), "{told}");
}

#[test]
fn a_claim_that_moves_changes_nothing() {
    let moved = OLD.replace("user_roles_jwt_field: roles", "user_roles_jwt_field: resource_access.app.roles");
    assert_eq!(diff(OLD, &moved).0, 0);
    assert_eq!(diff(CONFIG, include_str!("../../examples/keycloak.yaml")).0, 0);
}

#[test]
fn a_grant_that_hangs_on_a_condition_is_told_with_the_condition() {
    let folder = Folder::new(&[("old.yaml", OLD), ("policies/a.cedar", POLICY)]);
    let (code, told) = folder.run("diff old.yaml old.yaml --new-policies policies");
    assert_eq!(code, 1, "{told}");
    let expected = "role `dev`\n  keeps under a condition  model  extra\n    new: forbid hours [policies/a.cedar:1] \
                    when { context.weekday == \"sunday\" }\n";
    assert!(told.starts_with(expected), "{told}");

    let (_, told) = folder.run("diff old.yaml old.yaml --new-policies policies --format json");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["changes"].as_array().unwrap().len(), 1, "{told}");
    assert_eq!(told["changes"][0]["caller"]["role"], json!({"name": "dev"}));
    assert_eq!(told["changes"][0]["old"], json!({"allow": true}));
    assert_eq!(told["changes"][0]["new"]["allow"], Value::Null);
    assert_eq!(told["changes"][0]["new"]["conditions"][0]["policy"], "hours");
    assert_eq!(told["compared"]["combinations"], "all");
}

#[test]
fn a_condition_that_changes_is_a_change_and_its_layout_is_none() {
    let folder = Folder::new(&[("old.yaml", OLD), ("a/a.cedar", POLICY)]);
    let diff = "diff old.yaml old.yaml --old-policies a --new-policies b";
    folder.write("b/other.cedar", &POLICY.replace("when {", "\n\n  // never on Sundays\n  when {\n"));
    assert_eq!(folder.run(diff).0, 0);
    folder.write("b/other.cedar", &POLICY.replace("sunday", "monday"));
    let (code, told) = folder.run(diff);
    assert!(code == 1 && told.contains("  other conditions         model  extra\n"), "{told}");
}

#[test]
fn a_policy_without_a_condition_or_under_trial_is_no_condition() {
    let folder = Folder::new(&[("old.yaml", OLD)]);
    folder
        .write("p/a.cedar", "forbid(principal, action, resource) when { principal in TokenRole::\"dev\" };");
    let (code, told) = folder.run("diff old.yaml old.yaml --new-policies p");
    assert!(code == 1 && told.contains("role `dev`\n  loses                    model  extra\n"), "{told}");
    folder.write("p/a.cedar", "@shadow(\"\") forbid(principal, action, resource);");
    assert_eq!(folder.run("diff old.yaml old.yaml --new-policies p").0, 0);
}

#[test]
fn what_does_not_load_ends_with_3_and_its_place() {
    let (code, told) = diff(OLD, &OLD.replace("models: [extra]", "modles: [extra]"));
    assert_eq!(code, 3);
    assert!(told.contains("new.yaml:9:19") && told.contains("did you mean `models`?"), "{told}");
}
