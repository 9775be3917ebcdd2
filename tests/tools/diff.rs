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

/// The output up to the list of compared items.
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
fn a_claim_that_moves_changes_no_grant_and_is_told() {
    let moved = OLD.replace("user_roles_jwt_field: roles", "user_roles_jwt_field: resource_access.app.roles");
    let (code, told) = diff(OLD, &moved);
    assert_eq!(code, 4, "{told}");
    assert!(told.starts_with("no grant changed in what was compared\n"), "{told}");
    assert!(told.contains("\nnot compared: `user_roles_jwt_field` differs"), "{told}");
    assert_eq!(diff(CONFIG, include_str!("../../examples/keycloak.yaml")).0, 4);
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
    assert_eq!(told["changes"][0]["name"], "extra", "{told}");
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

/// Two of the token's own roles, and one without a grant.
const ROLES: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles}
modelgate:
  role_permissions:
    - {role: dev, models: [gpt-4o, claude-opus]}
    - {role: contractor}
model_list:
  - {model_name: gpt-4o, litellm_params: {model: gpt-4o}}
  - {model_name: claude-opus, litellm_params: {model: claude-opus-4-1}}
";

#[test]
fn a_role_that_only_forbids_is_seen_beside_one_that_grants() {
    let folder = Folder::new(&[("old.yaml", ROLES)]);
    folder.write("p/a.cedar", "forbid(principal in TokenRole::\"contractor\", action, resource);");
    let (code, told) = folder.run("diff old.yaml old.yaml --new-policies p");
    assert_eq!(code, 1, "{told}");
    let loss = "role `contractor`, role `dev`\n  loses                    model  claude-opus, gpt-4o\n";
    assert!(told.contains(loss), "{told}");
    let (code, told) = folder.run("diff old.yaml old.yaml --old-policies p");
    assert!(code == 1 && told.contains("gains                    model  claude-opus, gpt-4o"), "{told}");
}

#[test]
fn a_denial_by_a_wildcard_has_the_models_that_match() {
    let denying = ROLES.replace("{role: contractor}", "{role: contractor, deny_models: [\"claude-*\"]}");
    assert_eq!(
        changes(ROLES, &denying),
        "role `contractor`, role `dev`\n  loses                    model  claude-opus"
    );
}

#[test]
fn a_name_that_only_two_wildcards_match_is_asked_for() {
    let old = ROLES.replace("[gpt-4o, claude-opus]", "[\"claude-*\"]");
    let told =
        changes(&old, &old.replace("{role: contractor}", "{role: contractor, deny_models: [\"*-mini\"]}"));
    assert!(
        told.contains("loses                    model  any other model like *-mini and claude-*"),
        "{told}"
    );
    assert!(!told.contains("claude-opus"), "{told}");
}

#[test]
fn a_policy_that_asks_for_the_name_of_a_model_is_no_condition() {
    let folder = Folder::new(&[("old.yaml", ROLES)]);
    let policy = "forbid(principal in TokenRole::\"contractor\", action == Action::\"use_model\", resource)
        when { resource.name like \"claude-*\" };";
    folder.write("p/a.cedar", policy);
    let (code, told) = folder.run("diff old.yaml old.yaml --new-policies p");
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("loses                    model  claude-opus"), "{told}");
    assert!(!told.contains("condition"), "{told}");
}

#[test]
fn an_admin_who_needs_a_scope_too_is_compared() {
    let old = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth:
    admin_allowed_routes: [openai_routes]
    enforce_scope_based_access: true
    scope_mappings: [{scope: chat, models: [a, b]}]
";
    let told = changes(old, &old.replace("[a, b]", "[a]"));
    assert!(told.contains("scope `chat`\n  loses                    model  b"), "{told}");
    let told = changes(old, &old.replace("[openai_routes]", "[info_routes]"));
    assert!(
        told.starts_with("the admin scope\n") && told.contains("loses                    route  "),
        "{told}"
    );
}

#[test]
fn every_issuer_is_compared_by_the_claims_that_are_read_of_its_tokens() {
    let old = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth:
    team_ids_jwt_field: groups
    issuers:
      - {issuer: 'https://a', audience: x}
      - {issuer: 'https://b', audience: x, team_id_jwt_field: tenant}
teams: [{team_id: red}, {team_id: blue}]
";
    let told = changes(old, &old.replace("{team_id: red}", "{team_id: red, blocked: true}"));
    assert!(told.contains("issuer `https://a`, team `red`\n"), "{told}");
    assert!(told.contains("issuer `https://b`, team id `red`"), "{told}");
    // A caller who is accepted by only one side gains or loses everything.
    let without = old.replace("      - {issuer: 'https://b', audience: x, team_id_jwt_field: tenant}\n", "");
    let told = changes(old, &without);
    assert!(told.contains("issuer `https://b`, team id `blue`") && told.contains("loses"), "{told}");
    assert!(!told.contains("issuer `https://a`"), "{told}");
    // The validity of tokens is not compared, and the output says so.
    let (code, told) = diff(old, &old.replacen("audience: x", "audience: other", 1));
    assert!(code == 4 && told.contains("not compared: which tokens are valid: issuers differs"), "{told}");
}

#[test]
fn entities_that_change_are_told() {
    let folder = Folder::new(&[("old.yaml", ROLES)]);
    let policy = "permit(principal, action, resource) when { principal has user_id };";
    let entity = |parent: &str| {
        format!(
            r#"[{{"uid": {{"type": "TokenRole", "id": "intern"}}, "attrs": {{}}, "parents": [{{"type": "TokenRole", "id": "{parent}"}}]}}]"#
        )
    };
    for (name, parent) in [("a", "x"), ("b", "y")] {
        folder.write(&format!("{name}/p.cedar"), policy);
        folder.write(&format!("{name}/e.entities.json"), &entity(parent));
    }
    let diff = "diff old.yaml old.yaml --old-policies a --new-policies";
    assert_eq!(folder.run(&format!("{diff} a")).0, 0);
    let (code, told) = folder.run(&format!("{diff} b"));
    assert!(code == 4 && told.contains("not compared: entity files or schemas differ"), "{told}");
}

#[test]
fn denials_that_are_only_logged_deny_nothing() {
    let told = changes(ROLES, &ROLES.replace("modelgate:\n", "modelgate:\n  mode: log_only\n"));
    assert!(
        told.starts_with(
            "every token\n  gains                    model  claude-opus, gpt-4o, any other model\n"
        ),
        "{told}"
    );
}

#[test]
fn names_that_are_treated_alike_are_told_together() {
    let old = CONFIG.replace("[\"basic_user\"]", "[a, b, c]");
    let new = old.replace("[\"anthropic-claude\"]", "[openai-gpt-4o]");
    let told = changes(&old, &new);
    assert!(told.starts_with("role `a` or `b` or `c`\n"), "{told}");
}

#[test]
fn what_does_not_load_ends_with_3_and_its_place() {
    let (code, told) = diff(OLD, &OLD.replace("models: [extra]", "modles: [extra]"));
    assert_eq!(code, 3);
    assert!(told.contains("new.yaml:9:19") && told.contains("did you mean `models`?"), "{told}");
}
