//! What the search finds, the engine decides so.

use super::Guide;
use crate::config::Config;
use crate::dropins::DropIns;
use crate::engine::Snapshot;
use crate::prove::encode::{Question, Side};
use crate::prove::scenario::Scenario;
use crate::prove::space::Space;
use crate::prove::subject::enforced;

const ASKED: [(Question, bool); 3] =
    [(Question::Route, false), (Question::Route, true), (Question::Model, true)];

const CONFIG: &str = "
general_settings:
  enable_jwt_auth: true
  litellm_jwtauth: {user_id_jwt_field: sub, user_email_jwt_field: email, user_roles_jwt_field: roles, team_ids_jwt_field: groups,
    enforce_rbac: true}
  role_permissions:
    - {role: internal_user, models: [small, large], routes: [openai_routes, /custom]}
modelgate:
  role_permissions:
    - {role: contractor, models: [small, \"acme/*\"]}
    - {role: on-call, models: []}
    - {role: lead, inherits: [contractor], models: [extra], deny_models: [small]}
teams:
  - {team_id: blue, models: [small, extra]}
  - {team_id: red, models: [large], blocked: true}
model_list:
  - {model_name: small, litellm_params: {model: openai/small, api_key: k}}
  - {model_name: large, litellm_params: {model: openai/large, api_key: k}, model_info: {access_groups: [expensive]}}
  - {model_name: extra, litellm_params: {model: openai/extra, api_key: k}, model_info: {access_groups: [expensive]}}
";

fn snapshot(config: &str, policies: &str) -> Snapshot {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("a.cedar"), policies).unwrap();
    let config = Config::parse("config.yaml", config, ".".as_ref(), &|_| None).unwrap();
    Snapshot::with_policies(config, &DropIns::load(directory.path()).unwrap()).unwrap()
}

fn with_guides<T>(sides: [&Snapshot; 2], run: impl FnOnce([Guide<'_>; 2]) -> T) -> T {
    let policies = sides.map(|side| enforced(side).unwrap());
    let [one, other] = sides;
    let space = Space::new(vec![Side::first(one), Side::second(other)], policies.to_vec(), &[]).unwrap();
    let [first, second] = policies;
    run([
        Guide::new(one, &first, [&space.models, &space.routes]),
        Guide::new(other, &second, [&space.models, &space.routes]),
    ])
}

/// A request that a policy decides alone, and what the rules decide about it with the policy and without.
fn alone(policy: &str) -> Option<(Scenario, [bool; 2])> {
    let [with, without] = [policy, ""].map(|policies| snapshot(CONFIG, policies));
    with_guides([&with, &with], |[guide, _]| {
        let id = with.policies().last().unwrap().id().to_owned();
        let scenario = guide.alone(&id, &ASKED, None)?;
        let is_allowed = |by| scenario.decide(by).is_some_and(|decided| decided.is_ok());
        let allowed = [is_allowed(&with), is_allowed(&without)];
        Some((scenario, allowed))
    })
}

#[test]
fn a_rule_of_each_kind_decides_a_request_that_is_found_without_the_solver() {
    let of_models = r#"action == Action::"use_model""#;
    for policy in [
        format!(r#"forbid (principal in TokenRole::"contractor", {of_models}, resource) when {{ context.tools > 3 }};"#),
        format!(
            r#"forbid (principal, {of_models}, resource in AccessGroup::"expensive")
               unless {{ principal.hasTag("department") && principal.getTag("department").contains("research") }};"#
        ),
        format!(
            r#"forbid (principal in TokenRole::"contractor", {of_models}, resource) unless {{
               ["monday", "tuesday"].contains(context.weekday) && context.time.toTime() >= duration("8h30m") &&
               context.time.toTime() < duration("18h") }};"#
        ),
        format!(r#"permit (principal in TokenRole::"on-call", {of_models}, resource) when {{ context.time < datetime("2026-12-01T00:00:00Z") }};"#),
        r#"forbid (principal, action == Action::"call_route", resource)
           unless { context has source && (context.source.isInRange(ip("10.0.0.0/8")) || context.source.isLoopback()) };"#
            .to_owned(),
        format!(
            r#"forbid (principal, {of_models}, resource) when {{ context.route == "/v1/embeddings" }}
               unless {{ context has max_tokens && context.max_tokens <= 4096 }};"#
        ),
        format!(r#"forbid (principal, {of_models}, resource) when {{ context has temperature && context.temperature.greaterThan(decimal("1.5")) }};"#),
        format!(r#"forbid (principal, {of_models}, resource == Model::"large") when {{ context.stream && context.images }};"#),
        format!(r#"forbid (principal, {of_models}, resource in Provider::"acme");"#),
        format!(r#"permit (principal, {of_models}, resource) when {{ principal has user_id && principal.user_id == "ada" && resource.name like "acme/b*" }};"#),
        r#"forbid (principal, action == Action::"call_route", resource == Route::"/v1/batches") unless { principal.roles.contains("lead") };"#.to_owned(),
        r#"forbid (principal, action, resource) when { principal has team && principal.team == Team::"blue" };"#.to_owned(),
        r#"forbid (principal, action, resource) when { principal in [TokenRole::"lead", TokenRole::"on-call"] };"#.to_owned(),
        r##"forbid (principal == Caller::"https://a.com#ada", action, resource);"##.to_owned(),
        r#"forbid (principal, action, resource) when { principal has email_domain && principal.email_domain == "a.com" };"#.to_owned(),
        r#"forbid (principal, action, resource) when { context.body_bytes > 1000 || context.method == "PUT" };"#.to_owned(),
    ] {
        let (scenario, [with, without]) = alone(&policy).unwrap_or_else(|| panic!("nothing is found: {policy}"));
        assert_ne!(with, without, "{policy}\n{scenario}");
        assert_eq!(with, policy.starts_with("permit"), "{policy}\n{scenario}");
    }
}

#[test]
fn no_request_is_found_for_a_rule_that_decides_none() {
    for policy in [
        r#"forbid (principal in Role::"internal_usr", action, resource);"#,
        r#"forbid (principal, action, resource) when { context.body_bytes < 0 };"#,
        r#"permit (principal in Role::"internal_user", action == Action::"use_model", resource == Model::"small");"#,
    ] {
        assert_eq!(alone(policy).map(|(scenario, _)| scenario.to_string()), None, "{policy}");
    }
}

#[test]
fn a_request_that_only_one_side_allows_is_found_without_the_solver() {
    let hours = |end: &str| {
        format!(
            r#"@id("hours") forbid (principal, action == Action::"use_model", resource)
               unless {{ context.time.toTime() < duration("{end}") }};"#
        )
    };
    let listed = CONFIG.replace("models: [extra], deny", "models: [extra, large], deny");
    let routed = CONFIG.replace("/custom]", "/other]");
    let cases = [
        (snapshot(CONFIG, &hours("19h")), snapshot(CONFIG, &hours("17h"))),
        (snapshot(CONFIG, ""), snapshot(CONFIG, &hours("17h"))),
        (snapshot(&listed, ""), snapshot(CONFIG, "")),
        (snapshot(&routed, ""), snapshot(CONFIG, "")),
        (snapshot(CONFIG, ""), snapshot(&routed, "")),
    ];
    for (at, (allows, denies)) in cases.iter().enumerate() {
        let found = with_guides([allows, denies], |[allows, denies]| allows.allowed_beside(&denies, None));
        let found = found.unwrap_or_else(|| panic!("nothing is found: {at}"));
        let is_allowed = |by| found.decide(by).is_some_and(|decided| decided.is_ok());
        assert!(is_allowed(allows) && !is_allowed(denies), "{at}: {found}");
    }
    let (late, early) = &cases[0];
    assert_eq!(with_guides([early, late], |[allows, denies]| allows.allowed_beside(&denies, None)), None);
}

#[test]
fn what_many_rules_ask_for_is_granted_at_once() {
    let forbid = |i: usize| {
        format!(
            "forbid (principal, action == Action::\"call_route\", resource == Route::\"/v1/batches\") \
             unless {{ principal.roles.contains(\"role-{i}\") }};\n"
        )
    };
    let policies = |count: usize| (0..count).map(forbid).collect::<String>();
    let [with, without] = [60, 59].map(|count| snapshot(CONFIG, &policies(count)));
    with_guides([&with, &with], |[guide, _]| {
        let id = with.policies().last().unwrap().id().to_owned();
        let scenario = guide.alone(&id, &ASKED, None).unwrap();
        let is_allowed = |by| scenario.decide(by).unwrap().is_ok();
        assert_eq!([is_allowed(&with), is_allowed(&without)], [false, true]);
    });
}
