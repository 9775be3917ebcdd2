//! Caching and leaving out unread data change no decision.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

use super::cache::key::MemoizedKey;
use super::policy::asked::Asked;
use super::policy::context::Facts;
use super::policy::reads::Reads;
use super::team;
use super::{AuthzQuery, Decision, Denied, Rule, Snapshot};
use crate::authn::VerifiedClaims;
use crate::config::Config;
use crate::dropins::DropIns;
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::{ModelUse, RequestContext};

/// Policies that together read everything that can be read.
const POLICIES: [&str; 26] = [
    "permit(principal, action, resource) when { principal has user_id && principal.user_id == \"u1\" };",
    "permit(principal == Caller::\"#u2\", action, resource);",
    "permit(principal in TokenRole::\"dev\", action == Action::\"use_model\", resource in AccessGroup::\"g\");",
    "permit(principal in Organization::\"org\", action, resource);",
    "permit(principal, action == Action::\"use_model\", resource in Scope::\"s.one\");",
    "forbid(principal, action, resource) when { principal has email && principal.email like \"*@b.com\" };",
    "forbid(principal, action, resource) unless { principal has client_id };",
    "forbid(principal, action, resource) when { principal.roles.contains(\"ops\") };",
    "forbid(principal, action, resource) when { principal.teams.containsAny([Team::\"red\", Team::\"none\"]) };",
    "forbid(principal, action, resource) when { principal.scopes.contains(Scope::\"s.two\") };",
    "forbid(principal in Team::\"blue\", action == Action::\"use_model\", resource == Model::\"a\");",
    "forbid(principal, action, resource) when { principal has team && principal.team has alias && principal.team.alias == \"R\" };",
    "forbid(principal, action, resource) when { principal has issuer && principal has subject && principal.issuer == principal.subject };",
    "forbid(principal, action, resource) when { principal.hasTag(\"department\") && principal.getTag(\"department\").contains(\"x\") };",
    "forbid(principal, action, resource) when { principal has user_id && principal.hasTag(principal.user_id) };",
    "forbid(principal, action == Action::\"call_route\", resource) when { resource.method == \"GET\" || resource.path like \"*files*\" };",
    "forbid(principal, action == Action::\"use_model\", resource) when { resource.name == \"b\" && principal.admin };",
    "forbid(principal, action == Action::\"use_model\", resource in ModelSet::\"general_settings.role_permissions[0].models\") when { context.tools > 1 };",
    "forbid(principal in TokenRole::\"ops\", action, resource) when { context.time < datetime(\"2026-01-01T00:00:00Z\") };",
    "forbid(principal, action, resource == Model::\"b\") when { context has max_tokens && context.max_tokens > 9 };",
    "permit(principal, action == Action::\"use_model\", resource) when { context == context && context.stream };",
    "forbid(principal, action == Action::\"call_route\", resource in RouteGroup::\"llm_api_routes\") when { context.method == \"GET\" };",
    "forbid(principal, action, resource) when { context.body_bytes + 9223372036854775807 > 0 && context.weekday == \"friday\" };",
    "forbid(principal, action, resource) when { context has source && context.source.isLoopback() };",
    // Fails to evaluate for callers with a user id.
    "forbid(principal, action, resource) when { principal has user_id && 9223372036854775807 + (if principal.user_id == \"u3\" then 1 else 0) > 0 && false };",
    "permit(principal in Division::\"east\", action, resource) when { resource in Division::\"east\" || principal == Caller::\"i#u3\" || true };",
];

const SCHEMA: &str = "entity Division; entity Team in [Division]; entity Caller in [Division]; entity Model in [Division] { tier?: String, owner?: Caller };\n";
const FILES: &str = r##"[
    {"uid": {"type": "Team", "id": "blue"}, "attrs": {}, "parents": [{"type": "Division", "id": "east"}]},
    {"uid": {"type": "Model", "id": "a"}, "attrs": {"tier": "gold", "owner": {"type": "Caller", "id": "#u1"}}, "parents": []}]"##;
const OWNED: &str = "forbid(principal, action == Action::\"use_model\", resource) when { resource has owner && resource.owner == principal };\n";

fn config(gates: bool, identity: bool) -> Config {
    let mut config = json!({
        "general_settings": {
            "enable_jwt_auth": true, "enforce_rbac": identity,
            "litellm_jwtauth": {"user_id_jwt_field": "sub", "user_email_jwt_field": "email", "team_ids_jwt_field": "groups",
                "enforce_rbac": true, "user_roles_jwt_field": "roles"},
            "role_permissions": [{"role": "internal_user", "models": ["a", "b"]}],
        },
        "teams": [{"team_id": "red", "team_alias": "R", "models": ["a"]}, {"team_id": "blue", "organization_id": "org"},
            {"team_id": "grey", "organization_id": "org", "blocked": true}],
        "model_list": [{"model_name": "a", "litellm_params": {"model": "openai/x"}, "model_info": {"access_groups": ["g"]}},
            {"model_name": "b", "litellm_params": {"model": "openai/x"}}, {"model_name": "c", "litellm_params": {"model": "openai/x"}}],
        "modelgate": {"role_permissions": [{"role": "dev", "models": ["c"], "routes": ["openai_routes"]},
            {"role": "ops", "models": ["*"], "inherits": ["dev"]}]},
    });
    if gates {
        let jwt = &mut config["general_settings"]["litellm_jwtauth"];
        jwt["user_allowed_email_domain"] = json!("a.com");
        jwt["enforce_scope_based_access"] = json!(true);
        jwt["scope_mappings"] =
            json!([{"scope": "s.one", "models": ["a", "b"]}, {"scope": "s.two", "models": ["b", "c"]}]);
    }
    Config::parse("c.json", &config.to_string(), ".".as_ref(), &|_| None).unwrap()
}

fn dropins(policies: &[String], with_files: bool) -> DropIns {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let owned = if with_files { OWNED } else { "" };
    write("a.cedar", &format!("{owned}{}", policies.join("\n")));
    write("a.cedarschema", SCHEMA);
    if with_files {
        write("a.entities.json", FILES);
    }
    DropIns::load(directory.path()).unwrap()
}

fn policies() -> impl Strategy<Value = Vec<String>> {
    let shadow = proptest::collection::vec(proptest::bool::weighted(0.25), POLICIES.len());
    (subsequence(&POLICIES[..], 0..6), shadow).prop_map(|(policies, shadow)| {
        let written = policies.into_iter().zip(shadow);
        written
            .map(|(policy, on)| if on { format!("@shadow(\"\") {policy}") } else { policy.to_owned() })
            .collect()
    })
}

fn caller(claims: &Value, snapshot: &Snapshot) -> Caller {
    snapshot.identify(&VerifiedClaims::dangerous_trust(claims.as_object().unwrap().clone()))
}

fn claims() -> impl Strategy<Value = Value> {
    let some_of = |names: &'static [&'static str]| {
        proptest::option::of(subsequence(names, 0..=names.len()).prop_map(|list| json!(list)))
    };
    let one_of = |names: &'static [&'static str]| proptest::option::of(select(names).prop_map(Value::from));
    let fields = (
        one_of(&["u1", "u2", "u3", "u4", "department"]),
        one_of(&["x@a.com", "y@b.com"]),
        some_of(&["dev", "ops", "other"]),
        some_of(&["red", "blue", "grey", "none", "more"]),
        some_of(&["s.one", "s.two", "litellm_proxy_admin"]),
        one_of(&["x", "y"]),
        one_of(&["u1", "i"]),
        one_of(&["app"]),
        proptest::option::weighted(0.1, Just(json!({"groups": "src"}))),
    );
    fields.prop_map(|(sub, email, roles, groups, scope, department, iss, azp, left_out)| {
        let named = [
            ("sub", sub),
            ("email", email),
            ("roles", roles),
            ("groups", groups),
            ("scope", scope),
            ("department", department),
            ("iss", iss),
            ("azp", azp),
            ("_claim_names", left_out),
        ];
        let claims: Map<_, _> =
            named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
        Value::Object(claims)
    })
}

fn query() -> impl Strategy<Value = AuthzQuery> {
    let what = (
        select(&["POST", "GET"][..]),
        select(&["/v1/chat/completions", "/v1/files/x", "/key/generate"][..]),
        proptest::option::weighted(0.2, select(&["red", "R", "nobody"][..])),
        subsequence(&["a", "b", "c"][..], 0..=2),
    );
    let how = (any::<bool>(), proptest::option::of(0..20_i64), 0..3_i64);
    // A Thursday and the Friday after it, or no time, so that policies that read it fail.
    let when =
        proptest::option::weighted(0.9, select(&[1_799_280_000_u64, 1_799_366_400, 1_700_000_000][..]));
    let from = proptest::option::of(select(&[[127, 0, 0, 1], [10, 0, 0, 1]][..]));
    (what, how, when, from).prop_map(
        |((method, route, header, models), (stream, max_tokens, tools), when, from)| AuthzQuery {
            method: method.to_owned(),
            route: route.to_owned(),
            team_header: header.map(str::to_owned),
            models: models.into_iter().map(|model| ModelName::new(model).unwrap()).collect(),
            model_use: ModelUse { stream, max_tokens, tools, ..ModelUse::default() },
            body_bytes: 1,
            request_context: RequestContext {
                time: when.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
                source: from.map(Into::into),
            },
        },
    )
}

/// Everything in a decision, except for the snapshot's generation and the text of Cedar's error.
type Said = (Option<Rule>, Option<Arc<str>>, bool, bool, Decision);

fn said(decided: Result<Decision, Box<Denied>>) -> Said {
    let (rule, reason, error, is_floor, decision) = match decided {
        Ok(decision) => (None, None, false, false, decision),
        Err(denied) => {
            (Some(denied.rule), denied.reason, denied.error.is_some(), denied.is_floor, *denied.decision)
        }
    };
    (rule, reason, error, is_floor, Decision { generation: 0, ..decision })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    /// The reference snapshot assumes that every policy reads everything. Its entities are complete, it evaluates every
    /// policy with the whole context, and it caches nothing across requests.
    #[test]
    fn what_is_kept_or_left_out_changes_no_decision(
        policies in policies(),
        (gates, identity, with_files) in any::<(bool, bool, bool)>(),
        callers in proptest::collection::vec(claims(), 1..4),
        asked in proptest::collection::vec((any::<proptest::sample::Index>(), query()), 1..24),
    ) {
        let dropins = dropins(&policies, with_files);
        let kept = Snapshot::with_policies(config(gates, identity), &dropins).unwrap();
        let complete = Snapshot::with_reads(config(gates, identity), &dropins, |_| Reads::everything()).unwrap();
        let callers: Vec<Caller> = callers.iter().map(|claims| caller(claims, &kept)).collect();
        for (who, query) in &asked {
            let caller = who.get(&callers);
            let first = said(kept.decide_query(caller, query));
            // The other snapshot has decided for this caller too. The data that its policies read does not affect
            // this one.
            prop_assert_eq!(&first, &said(complete.decide_query(caller, query)), "{:?}", query);
            prop_assert_eq!(said(kept.decide_query(caller, query)), first, "again: {:?}", query);
        }
    }
}

/// Whether the second caller gets the answer that was cached for the first one.
fn share(policies: &[&str], first: Value, second: Value) -> bool {
    let policies: Vec<String> = policies.iter().map(|&policy| policy.to_owned()).collect();
    let snapshot = Snapshot::with_policies(config(false, true), &dropins(&policies, false)).unwrap();
    let model = ModelName::new("a").unwrap();
    let facts = Facts { method: "POST", route: "/v1/chat/completions", ..Facts::default() };
    let asked = Asked { facts, header: None, models: &[&model] };
    let with_defaults = |claims: Value| {
        let mut all = json!({"sub": "ada", "roles": ["dev"], "scope": "s.one", "groups": ["red"]});
        all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        caller(&all, &snapshot)
    };
    let [first, second] = [with_defaults(first), with_defaults(second)];
    let key = |caller| snapshot.key(caller, team::select(&snapshot, caller, &asked), &asked).to_owned();
    let (of_first, of_second) = (key(&first), key(&second));
    let _ = snapshot.decide_asked(&first, &asked);
    let is_kept = |key: &MemoizedKey| snapshot.answers.get(key, |known| known == key, |_, _| ()).is_some();
    let found = is_kept(&of_second);
    assert!(is_kept(&of_first), "the first is kept");
    assert_eq!(found, of_first == of_second);
    found
}

#[test]
fn callers_who_differ_in_what_no_policy_reads_share_an_answer() {
    let differing = [
        json!({"sub": "bob", "exp": 2, "jti": "x", "email": "bob@a.com", "iss": "other", "azp": "app"}),
        json!({"roles": ["dev", "a role that nothing names"], "scope": "s.one and more"}),
        json!({"groups": ["red", "a group that nothing names"], "department": "sales"}),
    ];
    let base = json!({"email": "ada@a.com"});
    for claims in differing {
        assert!(share(&[], base.clone(), claims.clone()), "{claims}");
        assert!(share(&[POLICIES[17], POLICIES[10]], base.clone(), claims.clone()), "{claims}");
    }
    // `has` only distinguishes callers with an email from callers without one.
    let asks = "forbid(principal, action, resource) unless { principal has email };";
    assert!(share(&[asks], json!({"email": "ada@a.com"}), json!({"email": "bob@a.com"})));
    assert!(!share(&[asks], json!({"email": "ada@a.com"}), json!({})));
}

#[test]
fn callers_who_differ_in_what_a_policy_reads_share_nothing() {
    let cases = [
        (POLICIES[0], json!({"sub": "u1"})),
        (POLICIES[1], json!({"sub": "u2"})),
        (POLICIES[3], json!({"groups": ["red", "grey"]})),
        (POLICIES[5], json!({"email": "bob@b.com"})),
        (POLICIES[6], json!({"azp": "app"})),
        (POLICIES[7], json!({"roles": ["dev", "other"]})),
        (POLICIES[8], json!({"groups": ["red", "other"]})),
        (POLICIES[9], json!({"scope": "s.one other"})),
        (POLICIES[12], json!({"iss": "ada"})),
        (POLICIES[13], json!({"department": "sales"})),
        (POLICIES[14], json!({"anything": "at all"})),
    ];
    for (policy, claims) in cases {
        assert!(share(&[], json!({}), claims.clone()), "nothing but the policy tells them apart: {claims}");
        assert!(!share(&[policy], json!({}), claims.clone()), "{policy} {claims}");
    }
}

#[test]
fn what_other_rules_read_of_a_caller_is_of_no_use_to_these() {
    let rules = |policies: &[&str]| {
        let policies: Vec<String> = policies.iter().map(|&policy| policy.to_owned()).collect();
        Snapshot::with_policies(config(false, true), &dropins(&policies, false)).unwrap()
    };
    // The other policies cannot distinguish emails.
    let (others, these) = (rules(&[]), rules(&[POLICIES[5]]));
    let facts = Facts { method: "POST", route: "/v1/chat/completions", ..Facts::default() };
    let model = ModelName::new("a").unwrap();
    let asked = Asked { facts, header: None, models: &[&model] };
    for (email, denied) in [("ada@a.com", false), ("bob@b.com", true)] {
        let claims = json!({"sub": "ada", "roles": ["dev", "ops"], "email": email});
        let [asked_before, new] = [(); 2].map(|()| caller(&claims, &these));
        let _ = others.decide_asked(&asked_before, &asked);
        for caller in [&asked_before, &asked_before.clone(), &new] {
            let rule = these.decide_asked(caller, &asked).err().map(|denied| denied.rule);
            assert_eq!(rule, denied.then_some(Rule::Policy), "{email}");
        }
    }
}

#[test]
fn an_error_is_not_kept() {
    let fails =
        "forbid(principal, action, resource) when { principal.admin || 9223372036854775807 + 1 > 0 };";
    let snapshot =
        Snapshot::with_policies(config(false, false), &dropins(&[fails.to_owned()], false)).unwrap();
    let model = ModelName::new("a").unwrap();
    let facts = Facts { method: "POST", route: "/v1/chat/completions", ..Facts::default() };
    let asked = Asked { facts, header: None, models: &[&model] };
    let caller = caller(&json!({"sub": "ada", "roles": "dev"}), &snapshot);
    for _ in 0..2 {
        assert_eq!(snapshot.decide_asked(&caller, &asked).unwrap_err().rule, Rule::Evaluation);
        let key = snapshot.key(&caller, team::select(&snapshot, &caller, &asked), &asked);
        assert!(snapshot.answers.get(&key, |known| key.is(known), |_, _| ()).is_none());
    }
}

#[test]
fn what_is_too_large_is_decided_and_not_kept() {
    let snapshot = Snapshot::build(config(false, false)).unwrap();
    let model = ModelName::new(&"a".repeat(10_000)).unwrap();
    let facts = Facts { method: "POST", route: "/v1/chat/completions", ..Facts::default() };
    let asked = Asked { facts, header: None, models: &[&model] };
    let caller = caller(&json!({"sub": "ada", "roles": "dev"}), &snapshot);
    assert_eq!(snapshot.decide_asked(&caller, &asked).unwrap_err().rule, Rule::Model);
    let key = snapshot.key(&caller, team::select(&snapshot, &caller, &asked), &asked);
    assert!(snapshot.answers.get(&key, |known| key.is(known), |_, _| ()).is_none());
}
