//! Why a rule is dead: the rules that decide in its place. Skipped without cvc5.
#![cfg(feature = "prove")]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "support/prover.rs"]
mod prover;
#[path = "support/skip.rs"]
mod skip;

use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::prove::{Claim, Invariants, Kind, Subject, Verdict};

use prover::prover;

const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, large], routes: [/v1/chat/completions]}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
  - {model_name: large, litellm_params: {model: openai/large, api_key: k}}
";

/// The dead rules among these policies and the configuration. `None` without a solver.
fn dead(test: &str, policies: &str) -> Option<Vec<Claim>> {
    let prover = prover(test)?;
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.cedar"), policies).unwrap();
    let config = Config::parse("config.yaml", CONFIG, ".".as_ref(), &|_| None).unwrap();
    let subject = Subject::new(config, DropIns::load(directory.path()).unwrap()).unwrap();
    let report = prover.prove(&subject, &Invariants::default()).unwrap();
    let is_dead = |claim: &Claim| claim.kind == Kind::Useful && !matches!(claim.verdict, Verdict::Proven);
    Some(report.claims.into_iter().filter(is_dead).collect())
}

/// The ids of the rules because of which a claim is false.
fn because(claim: &Claim) -> Vec<&str> {
    claim.because.iter().map(|(id, _)| id.as_str()).collect()
}

#[test]
fn a_dead_rule_is_shown_with_the_rule_that_decides_in_its_place() {
    let test = "a_dead_rule_is_shown_with_the_rule_that_decides_in_its_place";
    let policies = r#"
@id("again") permit (principal in Role::"internal_user", action == Action::"use_model", resource == Model::"small");
@id("never") forbid (principal, action == Action::"use_model", resource == Model::"large");
@id("twice") forbid (principal, action == Action::"use_model", resource == Model::"large") when { context.stream };
@id("nothing") forbid (principal, action == Action::"use_model", resource) when { context.body_bytes < 0 };
"#;
    let Some(dead) = dead(test, policies) else { return };
    let of =
        |id: &str| dead.iter().find(|claim| claim.name == id).unwrap_or_else(|| panic!("{id}: {dead:#?}"));
    assert_eq!(because(of("again")), ["general_settings.role_permissions[0].models"], "{dead:#?}");
    assert_eq!(because(of("twice")), ["never"]);
    assert!(because(of("nothing")).is_empty());
    assert!(of("nothing").to_string().ends_with(": no request matches it"), "{}", of("nothing"));
    let shown = of("again").to_string();
    assert!(shown.contains("another rule decides each request that it matches"), "{shown}");
    assert!(
        shown.ends_with("\n      by general_settings.role_permissions[0].models [config.yaml:6]"),
        "{shown}"
    );
    // Of two rules that say the same, each is dead because of the other.
    assert_eq!(because(of("general_settings.role_permissions[0].models")), ["again", "never"]);
    assert_eq!(dead.len(), 4, "{dead:#?}");
}

#[test]
fn a_rule_that_several_cover_is_shown_with_those_that_are_needed() {
    let test = "a_rule_that_several_cover_is_shown_with_those_that_are_needed";
    let policies = r#"
@id("streams") forbid (principal, action == Action::"use_model", resource == Model::"large") when { context.stream };
@id("tools") forbid (principal, action == Action::"use_model", resource == Model::"small") when { context.tools > 0 };
@id("others") forbid (principal, action == Action::"use_model", resource == Model::"large") unless { context.stream };
@id("all") forbid (principal, action == Action::"use_model", resource == Model::"large") when { context.tools == 0 };
"#;
    let Some(dead) = dead(test, policies) else { return };
    let all = dead.iter().find(|claim| claim.name == "all").unwrap();
    assert_eq!(because(all), ["streams", "others"]);
    assert!(all.to_string().contains("one of these rules decides each request that it matches"), "{all}");
}

#[test]
fn a_rule_without_anything_to_decide_is_told_from_one_that_others_cover() {
    let test = "a_rule_without_anything_to_decide_is_told_from_one_that_others_cover";
    let policies = r#"
@id("idle") forbid (principal in Role::"internal_user", action == Action::"call_route", resource == Route::"/v1/embeddings");
@id("nowhere") permit (principal in TokenRole::"guest", action == Action::"use_model", resource == Model::"small");
"#;
    let Some(dead) = dead(test, policies) else { return };
    let shown: Vec<String> = dead.iter().map(ToString::to_string).collect();
    let [idle, nowhere] = &*shown else { panic!("{shown:#?}") };
    assert!(idle.ends_with(": it changes no answer: no rule allows what it forbids"), "{idle}");
    assert!(nowhere.contains("general_settings.role_permissions"), "{nowhere}");
}

/// A rule is compared with those that decide beside it, and not with all.
#[test]
fn each_of_many_dead_rules_is_shown_with_the_rules_that_decide_in_its_place() {
    let test = "each_of_many_dead_rules_is_shown_with_the_rules_that_decide_in_its_place";
    let above = |i: usize| {
        format!(
            "@id(\"above-{i}\") forbid (principal, action == Action::\"use_model\", resource == Model::\"small\") when {{ context.tools > {i} }};\n"
        )
    };
    let within = |i: usize| {
        format!(
            "@id(\"within-{i}\") forbid (principal, action == Action::\"use_model\", resource == Model::\"large\") \
             unless {{ context has source && context.source.isInRange(ip(\"10.{i}.0.0/16\")) }};\n"
        )
    };
    let policies: String = (0..40).map(above).chain((0..3).map(within)).collect();
    let Some(dead) = dead(test, &policies) else { return };
    assert_eq!(dead.len(), 39 + 3, "{dead:#?}");
    for claim in &dead {
        let because = because(claim);
        let expected = if claim.name.starts_with("above") { 1 } else { 2 };
        assert_eq!(because.len(), expected, "{claim}");
        assert!(!because.contains(&claim.name.as_str()), "{claim}");
    }
}
