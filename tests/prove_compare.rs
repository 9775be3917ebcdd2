//! How rules compare that differ in their policies alone, and in more. Skipped without cvc5.
#![cfg(feature = "prove")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/prover.rs"]
mod prover;
#[path = "support/skip.rs"]
mod skip;

use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::prove::{Relation, Subject};

use prover::prover;

const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], team_ids_jwt_field: groups, enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, large], routes: [openai_routes]}
modelgate:
  websockets: true
  role_permissions:
    - {role: lead, models: [\"acme/*\"], deny_models: [acme/x]}
teams:
  - {team_id: blue, models: [small]}
  - {team_id: red, models: [large]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
  - {model_name: large, litellm_params: {model: openai/large, api_key: k}}
";

fn subject(config: &str, policies: &str) -> Subject {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.cedar"), policies).unwrap();
    let config = Config::parse("config.yaml", config, ".".as_ref(), &|_| None).unwrap();
    Subject::new(config, DropIns::load(directory.path()).unwrap()).unwrap()
}

const HOURS: &str = r#"forbid (principal, action == Action::"use_model", resource)
    unless { context.time.toTime() < duration("17h") };"#;

/// Older policies, newer ones, and how they compare.
fn cases() -> Vec<(String, String, Relation)> {
    let lead = r#"permit (principal in TokenRole::"lead", action == Action::"use_model", resource == Model::"small");"#;
    let again = r#"permit (principal in Role::"internal_user", action == Action::"use_model", resource == Model::"small");"#;
    let group =
        r#"forbid (principal, action == Action::"call_route", resource in RouteGroup::"anthropic_routes");"#;
    let tagged = r#"forbid (principal, action, resource) when { principal.hasTag("department") };"#;
    let none = String::new;
    let turned = |one: &str, two: &str| (format!("{one}\n{two}"), format!("{two}\n\n{one}"));
    let later = HOURS.replace("17h", "18h");
    let (one, other) = turned(HOURS, tagged);
    vec![
        (one, other, Relation::Equivalent),
        (HOURS.to_owned(), later.clone(), Relation::Wider),
        (later, HOURS.to_owned(), Relation::Narrower),
        (none(), lead.to_owned(), Relation::Wider),
        (none(), again.to_owned(), Relation::Equivalent),
        (lead.to_owned(), format!("{lead}\n{HOURS}"), Relation::Narrower),
        (format!("{lead}\n{tagged}"), format!("{again}\n{HOURS}"), Relation::Neither),
        // Only one side knows the list that its policy names.
        (none(), group.to_owned(), Relation::Narrower),
    ]
}

#[test]
fn rules_that_differ_in_policies_alone_compare_as_if_a_setting_differed_too() {
    let test = "rules_that_differ_in_policies_alone_compare_as_if_a_setting_differed_too";
    let Some(prover) = prover(test) else { return };
    // A setting that no comparison is about, so that each side has formulas of its own.
    let unlike = CONFIG.replace("websockets: true", "websockets: false");
    for (old, new, relation) in cases() {
        let older = subject(CONFIG, &old);
        for config in [CONFIG, &unlike] {
            let compared = prover.compare(&older, &subject(config, &new)).unwrap();
            assert_eq!(compared.relation(), relation, "{old}\n{new}\n{config}\n{compared:#?}");
        }
    }
}

#[test]
fn another_order_and_other_lines_are_the_same_rules() {
    let Some(prover) = prover("another_order_and_other_lines_are_the_same_rules") else { return };
    let moved = format!("# A comment.\n\n{CONFIG}");
    let compared = prover.compare(&subject(CONFIG, HOURS), &subject(&moved, HOURS)).unwrap();
    assert_eq!(compared.relation(), Relation::Equivalent, "{compared:#?}");
}
