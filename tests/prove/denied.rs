//! Rules with `deny_models` compare as said, whatever spells a denied model.

use modelgate::authn::VerifiedClaims;
use modelgate::engine::AuthzQuery;
use modelgate::names::ModelName;
use modelgate::prove::{Prover, Relation, Subject, Verdict};
use proptest::strategy::{Strategy, ValueTree as _};
use proptest::test_runner::TestRunner;

use crate::{counterexample, prover, subject};

/// Rules with these models, of which `small` is in the access group `gold`, and these roles.
fn rules(models: &[&str], roles: &str) -> String {
    rules_with(models, roles, "")
}

fn rules_with(models: &[&str], roles: &str, more: &str) -> String {
    let models = models.iter().map(|name| {
        let groups = if *name == "small" { "gold" } else { "" };
        format!(
            "  - {{model_name: '{name}', litellm_params: {{model: 'openai/{name}', api_key: k}}, \
             model_info: {{access_groups: [{groups}]}}}}\n"
        )
    });
    format!(
        "general_settings:\n  enable_jwt_auth: true\n  \
         litellm_jwtauth: {{roles_jwt_field: roles, team_ids_jwt_field: groups}}\n{more}model_list:\n{}\
         modelgate: {{role_permissions: [{roles}]}}\n",
        models.collect::<String>()
    )
}

/// How new rules compare, and the model of a request that only they allow.
fn compared(prover: &Prover, old: &str, new: &str) -> (Relation, Option<String>) {
    let compared = prover.compare(&subject(old, &[]), &subject(new, &[])).unwrap();
    let relation = compared.relation();
    assert_ne!(relation, Relation::Undecided, "{old}\n{new}\n{compared:#?}");
    let gained = [Relation::Wider, Relation::Neither].contains(&relation);
    let found = gained.then(|| counterexample(&compared.gained).scenario.model.clone());
    (relation, found.flatten())
}

/// Without wildcards in `model_list`, every name below `vendor/` is denied to a caller with a denial.
#[test]
fn equal_lists_of_denied_models_deny_the_same_spellings_on_both_sides() {
    let Some(prover) = prover("equal_lists_of_denied_models_deny_the_same_spellings_on_both_sides") else {
        return;
    };
    let (one, two) = (
        "{role: a, models: ['vendor/*'], deny_models: [small, large]}",
        "{role: b, models: [small], deny_models: ['vendor/x']}",
    );
    let of = |roles: &[&str]| rules(&["small"], &roles.join(", "));
    let relation = |old: &[&str], new: &[&str]| compared(&prover, &of(old), &of(new)).0;
    assert_eq!(relation(&[one, two], &[one, two]), Relation::Equivalent);
    assert_eq!(relation(&[one, two], &[two, one]), Relation::Equivalent);
    assert_eq!(relation(&[one, two], &[one, two, "{role: c, models: [small]}"]), Relation::Wider);
    // The role itself may list models.
    assert_eq!(relation(&[one, two], &[one]), Relation::Narrower);
    assert_eq!(relation(&[one], &[one, two]), Relation::Wider);
}

/// Rules with and without one of two denials, and the end of the name of the model by which they differ.
fn is_wider_without(prover: &Prover, [with, without]: [&str; 2], model: &str) {
    let (relation, found) = compared(prover, with, without);
    assert_eq!(relation, Relation::Wider, "{with}\n{without}");
    assert!(found.as_ref().is_some_and(|found| found.ends_with(model)), "{with}\n{without}\n{found:?}");
    assert_eq!(compared(prover, without, with).0, Relation::Narrower, "{without}\n{with}");
}

#[test]
fn without_a_denial_that_a_list_names_rules_are_wider_by_that_model() {
    let Some(prover) = prover("without_a_denial_that_a_list_names_rules_are_wider_by_that_model") else {
        return;
    };
    let served = ["small", "vendor/*"];
    let beside = ["vendor/x", "other"].map(|denied| {
        let b = format!("{{role: b, models: [small], deny_models: ['{denied}', other]}}");
        rules(&served, &format!("{{role: a, models: ['vendor/*']}}, {b}"))
    });
    is_wider_without(&prover, [&beside[0], &beside[1]], "x");
    let all = ["*"];
    for (granted, denied, model) in [
        ("'vendor/*-pro'", "vendor/*-pro", "-pro"),
        ("'*'", "vendor/*-pro", "-pro"),
        ("'openai/*'", "openai/gpt-*", ""),
        // Only another spelling of the denied name is granted.
        ("'vendor/*'", "x", "x"),
    ] {
        let of = |denied: &str| {
            rules(&all, &format!("{{role: a, models: [{granted}], deny_models: ['{denied}', other]}}"))
        };
        is_wider_without(&prover, [&of(denied), &of("other")], model);
    }
}

#[test]
fn without_a_denied_access_group_rules_are_wider_by_its_model() {
    let Some(prover) = prover("without_a_denied_access_group_rules_are_wider_by_its_model") else { return };
    let of = |denied: &str| {
        rules(&["small", "*"], &format!("{{role: a, models: ['*'], deny_models: ['{denied}', other]}}"))
    };
    // A name such as `vendor/small` is a spelling of `small`.
    is_wider_without(&prover, [&of("gold"), &of("other")], "small");
}

#[test]
fn a_denial_counts_beside_the_list_of_a_team() {
    let Some(prover) = prover("a_denial_counts_beside_the_list_of_a_team") else { return };
    let of = |denied: &str| {
        let roles = format!("{{role: a, models: ['*'], deny_models: ['{denied}', other]}}");
        rules_with(&["*"], &roles, "teams: [{team_id: t, models: ['vendor/*']}]\n")
    };
    is_wider_without(&prover, [&of("vendor/x"), &of("other")], "x");
}

#[test]
fn it_does_not_matter_in_which_list_of_a_caller_a_denial_is() {
    let Some(prover) = prover("it_does_not_matter_in_which_list_of_a_caller_a_denial_is") else { return };
    let of = |base: &str, heir: &str| {
        let base = format!("{{role: base, models: ['*'], deny_models: [{base}]}}");
        rules(&["*"], &format!("{base}, {{role: heir, inherits: [base], deny_models: [{heir}]}}"))
    };
    let relation =
        |old: [&str; 2], new: [&str; 2]| compared(&prover, &of(old[0], old[1]), &of(new[0], new[1])).0;
    assert_eq!(relation(["large", "'vendor/*'"], ["large", "'vendor/*', large"]), Relation::Equivalent);
    // Case makes no difference, except for the name as it is written in `model_list`.
    assert_eq!(relation(["large", "x"], ["LARGE", "x"]), Relation::Equivalent);
    assert_eq!(relation(["large", "x"], ["large, x", "x"]), Relation::Narrower);
}

/// A denied role may use only names that the configuration has.
#[test]
fn a_model_that_is_served_is_gained_by_callers_with_denials() {
    let Some(prover) = prover("a_model_that_is_served_is_gained_by_callers_with_denials") else { return };
    let of = |models: &[&str]| rules(models, "{role: a, models: ['*'], deny_models: [other]}");
    is_wider_without(&prover, [&of(&["small"]), &of(&["small", "large"])], "large");
    // An exact entry decides about a name that was a spelling of a denied one.
    let spelled = |models: &[&str]| rules(models, "{role: a, models: ['*'], deny_models: [x]}");
    is_wider_without(&prover, [&spelled(&["*"]), &spelled(&["*", "vendor/x"])], "vendor/x");
}

#[test]
fn another_target_of_a_wildcard_changes_what_is_denied() {
    let Some(prover) = prover("another_target_of_a_wildcard_changes_what_is_denied") else { return };
    let rules = rules(&["vendor/*"], "{role: a, models: ['vendor/*'], deny_models: [gpt-x]}");
    let [old, new] =
        ["gpt-*", "other-*"].map(|target| rules.replace("openai/vendor/*", &format!("openai/{target}")));
    let compared = prover.compare(&subject(&old, &[]), &subject(&new, &[])).unwrap();
    assert_eq!(counterexample(&compared.gained).scenario.model.as_deref(), Some("vendor/x"), "{compared:#?}");
}

/// Names that rules of [`some_rules`] treat in different ways, and spellings of them.
const NAMES: [&str; 22] = [
    "small",
    "SMALL",
    "large",
    "vendor/x",
    "vendor/X",
    "Vendor/x",
    "vendor/x:free",
    "vendor/x-latest",
    "vendor/y",
    "vendor/small",
    "vendor/vendor/x",
    "vendor/gpt-x",
    "x",
    "X",
    "gpt-x",
    "openai/gpt-x",
    "unknown",
    "small,large",
    "vendor/x,small",
    "vendor/y,vendor/X",
    "small,unknown",
    ",",
];

/// Rules with roles `a` and `b`, with and without denials, and some of several models.
fn some_rules() -> impl Strategy<Value = String> {
    let some = |names: &'static [&'static str], most| proptest::sample::subsequence(names, 0..=most);
    let granted = || some(&["small", "large", "*", "vendor/*", "vendor/x"], 2);
    let denied = || some(&["small", "gold", "x", "vendor/X", "gpt-x", "vendor/*"], 2);
    let models = some(&["small", "large", "vendor/*", "vendor/x", "*"], 3);
    (models, [(granted(), denied()), (granted(), denied())]).prop_map(|(models, roles)| {
        let quoted = |names: &[&str]| names.iter().map(|name| format!("'{name}', ")).collect::<String>();
        let role = |name: &str, (granted, denied): &(Vec<&str>, Vec<&str>)| {
            format!("{{role: {name}, models: [{}], deny_models: [{}]}}", quoted(granted), quoted(denied))
        };
        rules(&models, &format!("{}, {}", role("a", &roles[0]), role("b", &roles[1])))
    })
}

/// `MODELGATE_PROVE_CASES` says how many pairs.
#[test]
fn no_difference_that_a_name_shows_is_proven_not_to_exist() {
    let Some(prover) = prover("no_difference_that_a_name_shows_is_proven_not_to_exist") else { return };
    let mut runner = TestRunner::deterministic();
    let mut next = || some_rules().new_tree(&mut runner).unwrap().current();
    let cases = std::env::var("MODELGATE_PROVE_CASES").map_or(4, |cases| cases.parse().unwrap());
    let mut undecided = 0;
    for _ in 0..cases {
        let (old, new) = (next(), next());
        let [first, second] = [&old, &new].map(|rules| subject(rules, &[]));
        let compared = prover.compare(&first, &second).unwrap();
        for (verdict, denies, allows) in
            [(&compared.gained, &first, &second), (&compared.lost, &second, &first)]
        {
            undecided += u32::from(matches!(verdict, Verdict::Undecided(_)));
            let shows =
                |roles: &[&str], name: &str| may_use(allows, roles, name) && !may_use(denies, roles, name);
            let callers: [&[&str]; 3] = [&["a"], &["b"], &["a", "b"]];
            let found = callers
                .iter()
                .find_map(|roles| NAMES.iter().find(|name| shows(roles, name)).map(|name| (*roles, *name)));
            let is_proven = matches!(verdict, Verdict::Proven);
            assert!(!is_proven || found.is_none(), "{found:?}\n{old}\n{new}\n{compared:#?}");
        }
    }
    println!("{undecided} of {} are undecided", cases * 2);
}

fn may_use(rules: &Subject, roles: &[&str], model: &str) -> bool {
    let claims = serde_json::json!({ "roles": roles }).as_object().cloned().unwrap();
    let caller = rules.snapshot().identify(&VerifiedClaims::dangerous_trust(claims));
    let query = AuthzQuery {
        method: "POST".to_owned(),
        route: "/v1/chat/completions".to_owned(),
        models: vec![ModelName::new(model).unwrap()],
        ..AuthzQuery::default()
    };
    rules.snapshot().decide_query(&caller, &query).is_ok()
}
