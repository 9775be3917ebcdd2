//! Generates configurations, claims and requests for property tests.

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use serde_json::{Map, Value, json};

pub(crate) const MODELS: [&str; 5] = ["gpt-4o", "claude-3", "openai/x", "Gpt-4o", "unlisted"];
const ROLES: [&str; 3] = ["internal_user", "team", "proxy_admin"];
const ROUTES: [&str; 5] =
    ["openai_routes", "/v1/chat/completions", "/custom*", "info_routes", "management_routes"];
const TEAMS: [&str; 4] = ["alpha", "beta", "gamma", "ALPHA"];

fn some_of(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    subsequence(names, 0..=names.len()).prop_map(|list| json!(list))
}

fn optional(
    key: &'static str,
    value: impl Strategy<Value = Value>,
) -> impl Strategy<Value = Map<String, Value>> {
    proptest::option::of(value)
        .prop_map(move |value| value.map(|v| (key.to_owned(), v)).into_iter().collect())
}

pub(crate) fn entry() -> impl Strategy<Value = Value> {
    (select(&ROLES[..]), optional("models", some_of(&MODELS)), optional("routes", some_of(&ROUTES))).prop_map(
        |(role, models, routes)| {
            let mut entry = Map::from_iter([("role".to_owned(), json!(role))]);
            entry.extend(models.into_iter().chain(routes));
            Value::Object(entry)
        },
    )
}

fn jwtauth() -> impl Strategy<Value = Value> {
    let mapping = (select(&["x", "y"][..]), select(&ROLES[..]))
        .prop_map(|(r, i)| json!({"role": r, "internal_role": i}));
    let scope = (select(&["s.one", "s.two"][..]), some_of(&MODELS))
        .prop_map(|(s, m)| json!({"scope": s, "models": m}));
    let fields = (
        optional("enforce_rbac", any::<bool>().prop_map(Value::from)),
        optional("user_id_jwt_field", Just(json!("sub"))),
        optional("user_email_jwt_field", Just(json!("email"))),
        optional("user_allowed_email_domain", Just(json!("my-co.com"))),
        optional("team_id_jwt_field", Just(json!("tenant.team"))),
        optional("team_ids_jwt_field", Just(json!("groups"))),
        optional("team_alias_jwt_field", Just(json!("team_name"))),
        optional("team_id_default", select(&TEAMS[..]).prop_map(Value::from)),
        optional("team_allowed_routes", some_of(&ROUTES)),
        optional("admin_allowed_routes", some_of(&ROUTES)),
    );
    let pairs = (
        any::<bool>().prop_map(|on| {
            if on {
                json!({"user_roles_jwt_field": "roles", "user_allowed_roles": ["basic"]})
            } else {
                json!({})
            }
        }),
        proptest::collection::vec(mapping, 0..3).prop_map(|m| {
            if m.is_empty() {
                json!({})
            } else {
                json!({"roles_jwt_field": "r", "role_mappings": m, "object_id_jwt_field": "oid"})
            }
        }),
        proptest::collection::vec(scope, 0..3)
            .prop_map(|m| json!({"scope_mappings": m, "enforce_scope_based_access": true})),
        any::<bool>().prop_map(|on| json!({"enforce_team_based_model_access": on})),
        proptest::option::of(issuer())
            .prop_map(|entry| entry.map_or(json!({}), |entry| json!({"issuers": [entry]}))),
    );
    (fields, pairs).prop_map(|(f, p)| {
        let mut all = Map::new();
        for fields in [f.0, f.1, f.2, f.3, f.4, f.5, f.6, f.7, f.8, f.9] {
            all.extend(fields);
        }
        for pair in [p.0, p.1, p.2, p.3, p.4] {
            all.extend(pair.as_object().unwrap().clone());
        }
        if !all.contains_key("user_email_jwt_field") {
            all.remove("user_allowed_email_domain");
        }
        Value::Object(all)
    })
}

/// An issuer whose tokens may identify the caller in other claims.
fn issuer() -> impl Strategy<Value = Value> {
    let fields = (
        optional("user_id_jwt_field", Just(json!("oid"))),
        optional("user_email_jwt_field", Just(json!("mail"))),
        optional("team_id_jwt_field", Just(json!("team_name"))),
        optional("team_ids_jwt_field", Just(json!("scope"))),
    );
    fields.prop_map(|f| {
        let mut entry = json!({"issuer": "https://a", "audience": "gate"});
        entry.as_object_mut().unwrap().extend([f.0, f.1, f.2, f.3].into_iter().flatten());
        entry
    })
}

fn team() -> impl Strategy<Value = Value> {
    let models =
        subsequence(&["gpt-4o", "openai/*", "*", "group-a", "all-proxy-models", "claude-3"][..], 0..=3);
    (models, any::<bool>(), select(&["A", "B"][..])).prop_map(
        |(models, blocked, alias)| json!({"models": models, "blocked": blocked, "team_alias": alias}),
    )
}

const TOKEN_ROLES: [&str; 3] = ["basic", "other", "x"];
const LISTED: [&str; 5] = ["gpt-4o", "openai/*", "group-a", "*", "Gpt*"];

/// `modelgate.role_permissions`: each role may inherit from those before it.
fn token_roles() -> impl Strategy<Value = Value> {
    let lists = (
        optional("models", some_of(&LISTED)),
        optional("deny_models", some_of(&LISTED)),
        optional("routes", some_of(&ROUTES)),
        any::<[bool; 2]>(),
    );
    proptest::collection::vec(lists, 0..=TOKEN_ROLES.len()).prop_map(|entries| {
        let entries = entries.into_iter().enumerate().map(|(i, (models, denied, routes, parents))| {
            let parents: Vec<_> =
                TOKEN_ROLES[..i].iter().zip(parents).filter_map(|(role, yes)| yes.then_some(role)).collect();
            let mut entry = json!({"role": TOKEN_ROLES[i], "inherits": parents});
            entry.as_object_mut().unwrap().extend([models, denied, routes].into_iter().flatten());
            entry
        });
        entries.collect()
    })
}

/// The three forms: LiteLLM's, `modelgate.strict`, and `modelgate.role_permissions`. The last two may be
/// combined.
pub(crate) fn config() -> impl Strategy<Value = Value> {
    (plain_config(), any::<bool>(), proptest::option::of(token_roles())).prop_map(
        |(mut config, strict, roles)| {
            let jwt = &mut config["general_settings"]["litellm_jwtauth"];
            let mut ours = json!({});
            if strict && (jwt["enforce_rbac"] == true || roles.is_some()) {
                ours["strict"] = json!(true);
            }
            if let Some(roles) = roles {
                jwt["user_roles_jwt_field"] = json!("roles");
                ours["role_permissions"] = roles;
            }
            config["modelgate"] = ours;
            config
        },
    )
}

fn plain_config() -> impl Strategy<Value = Value> {
    let teams = proptest::collection::vec(team(), 0..=3);
    let entries =
        optional("role_permissions", proptest::collection::vec(entry(), 1..4).prop_map(Value::from));
    (jwtauth(), entries, teams, any::<bool>()).prop_map(|(jwtauth, entries, mut teams, identity)| {
        for (team, id) in teams.iter_mut().zip(TEAMS) {
            team["team_id"] = json!(id);
        }
        let mut general = json!({"enable_jwt_auth": true, "litellm_jwtauth": jwtauth, "enforce_rbac": identity});
        general.as_object_mut().unwrap().extend(entries);
        let model = |name: &str| json!({"model_name": name, "litellm_params": {"model": "openai/x"},
            "model_info": {"access_groups": if name == "claude-3" { json!(["group-a"]) } else { json!([]) }}});
        json!({"general_settings": general, "teams": teams, "model_list": MODELS[..4].iter().map(|m| model(m)).collect::<Vec<_>>()})
    })
}

pub(crate) fn claims() -> impl Strategy<Value = Map<String, Value>> {
    let names = |all: &'static [&'static str]| {
        (subsequence(all, 0..=all.len()), any::<bool>())
            .prop_map(|(list, text)| if text { json!(list.join(" ")) } else { json!(list) })
    };
    let fields = (
        optional("sub", Just(json!("u1"))),
        optional(
            "email",
            select(&["a@my-co.com", "my-co.com", "@my-co.com", "a@other.com"][..]).prop_map(Value::from),
        ),
        optional("oid", select(&["o-1", "alpha", ""][..]).prop_map(Value::from)),
        optional("roles", names(&["basic", "other"])),
        optional("r", names(&["x", "y", "z"])),
        optional("groups", names(&TEAMS)),
        optional("scope", names(&["s.one", "s.two", "litellm_proxy_admin"])),
        optional("team_name", select(&["A", "B", "C"][..]).prop_map(Value::from)),
        optional(
            "tenant",
            prop_oneof![select(&TEAMS[..]).prop_map(|id| json!({"team": id})), Just(json!({"team": ""}))],
        ),
        optional("iss", select(&["https://a", "https://a/"][..]).prop_map(Value::from)),
    );
    let left_out =
        proptest::option::weighted(0.1, select(&["groups", "roles", "amr"][..])).prop_map(|claim| {
            claim.map(|claim| ("_claim_names".to_owned(), json!({claim: "src1"}))).into_iter().collect()
        });
    (fields, left_out).prop_map(|(f, left_out): (_, Map<String, Value>)| {
        [f.0, f.1, f.2, f.3, f.4, f.5, f.6, f.7, f.8, f.9, left_out].into_iter().flatten().collect()
    })
}
