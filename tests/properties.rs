//! Properties of the decision over generated configurations, claims and requests.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/generate.rs"]
mod generate;
mod support;

use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::engine::{Permit, Snapshot};
use modelgate::request::RequestContext;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use generate::{MODELS, claims, entry};
use support::reference::{self, Outcome};

const PATHS: [&str; 6] =
    ["/v1/chat/completions", "/v1/embeddings", "/v1/files/abc", "/custom/a", "/key/generate", "/model/info"];

/// Other spellings of models, which only an upstream resolves.
const SPELLINGS: [&str; 7] = [
    "openai/gpt-4o",
    "GPT-4o:free",
    "gpt-4o-2026-01-01",
    "models/claude-3",
    "any/CLAUDE-3@20260101",
    "openai/claude-4",
    "claude_3-latest",
];

/// A configuration that may serve any requested name.
fn config() -> impl Strategy<Value = Value> {
    (generate::config(), any::<bool>()).prop_map(|(mut config, serves_all)| {
        let all = json!({"model_name": "*", "litellm_params": {"model": "openai/*"}});
        config["model_list"].as_array_mut().unwrap().extend(serves_all.then_some(all));
        config
    })
}

fn request() -> impl Strategy<Value = Value> {
    let header = proptest::option::weighted(0.2, select(&["alpha", "beta", "A", "nobody"][..]));
    let models = [&MODELS[..], &SPELLINGS[..]].concat();
    (select(&PATHS[..]), select(models), header).prop_map(|(path, model, header)| {
        let headers = header.map_or(json!({}), |team| json!({"x-litellm-team-id": team}));
        json!({"method": "POST", "path": path, "body": {"model": model}, "headers": headers})
    })
}

fn snapshot(config: &Value) -> Snapshot {
    let config = Config::parse("generated.json", &config.to_string(), ".".as_ref(), &|_| None);
    Snapshot::build(config.expect("a generated configuration is valid")).expect("and translates")
}

fn engine(snapshot: &Snapshot, claims: &Map<String, Value>, request: &Value) -> Outcome {
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims.clone()));
    let decided = snapshot.authorize(&caller, support::call(request).unwrap());
    let (decision, rule) = match &decided {
        Ok(permit) => (permit.decision(), None),
        Err(denied) => (denied.decision.as_ref(), Some(denied.rule.as_str())),
    };
    let role = decision.role.map(modelgate::names::Role::as_str);
    Outcome {
        allow: rule.is_none(),
        rule,
        role,
        user_id: decision.user_id.as_deref().map(str::to_owned),
        team_id: decision.team_id.as_deref().map(str::to_owned),
    }
}

fn by_reference(config: &Value, claims: &Map<String, Value>, request: &Value) -> Outcome {
    let header = request["headers"]["x-litellm-team-id"].as_str();
    let path = request["path"].as_str().unwrap();
    let method = request["method"].as_str().unwrap_or("POST");
    let model = request["body"]["model"].as_str().or_else(|| support::unnamed_on(method, path));
    reference::decide(config, claims, header, path, model)
}

/// A condition in addition to those of a configuration.
fn gate() -> impl Strategy<Value = (&'static str, Value)> {
    prop_oneof![
        Just(("/general_settings/litellm_jwtauth/user_allowed_email_domain", json!("my-co.com"))),
        Just(("/general_settings/litellm_jwtauth/enforce_team_based_model_access", json!(true))),
        Just(("/general_settings/enforce_rbac", json!(true))),
        Just(("/general_settings/litellm_jwtauth/enforce_rbac", json!(true))),
    ]
}

/// The configuration as text, with the keys of every object in one order or the other.
fn in_order(value: &Value, backwards: bool) -> String {
    match value {
        Value::Object(object) => {
            let mut members: Vec<_> = object
                .iter()
                .map(|(key, value)| format!("{}: {}", json!(key), in_order(value, backwards)))
                .collect();
            if backwards {
                members.reverse();
            }
            format!("{{{}}}", members.join(", "))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| in_order(item, backwards)).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cedar_decides_as_the_reference_does(config in config(), claims in claims(), request in request()) {
        let (mut engine, mut reference) = (engine(&snapshot(&config), &claims, &request), by_reference(&config, &claims, &request));
        if !engine.allow {
            // A denial names the rule. The two sides report the team that would have been selected differently.
            (engine.team_id, reference.team_id) = (None, None);
        }
        prop_assert_eq!(engine, reference);
    }

    #[test]
    fn the_same_configuration_gives_the_same_bytes(config in config()) {
        let read = || Config::parse("c.json", &config.to_string(), ".".as_ref(), &|_| None).unwrap();
        let text = || -> Vec<_> {
            let bundle = modelgate::translate::translate(&read()).unwrap();
            bundle.policies.iter().map(|policy| policy.to_cedar().unwrap()).collect()
        };
        prop_assert_eq!(text(), text());
    }

    #[test]
    fn every_policy_reparses_to_itself(config in config()) {
        let config = Config::parse("c.json", &config.to_string(), ".".as_ref(), &|_| None).unwrap();
        for policy in modelgate::translate::translate(&config).unwrap().policies {
            let text = policy.to_cedar().unwrap();
            let again = cedar_policy::Policy::parse(Some(policy.id().clone()), &text).unwrap();
            prop_assert_eq!(again.annotation("rule"), Some(policy.rule().as_str()));
            prop_assert_eq!(again.annotation("source"), Some(policy.source()));
            prop_assert_eq!(again.to_cedar().unwrap(), text);
        }
    }

    #[test]
    fn a_second_entry_for_a_role_changes_nothing(config in config(), claims in claims(), request in request(), second in entry()) {
        let Some(entries) = config["general_settings"]["role_permissions"].as_array() else { return Ok(()) };
        prop_assume!(entries.iter().any(|entry| entry["role"] == second["role"]));
        let mut more = config.clone();
        more["general_settings"]["role_permissions"].as_array_mut().unwrap().push(second);
        prop_assert_eq!(engine(&snapshot(&config), &claims, &request), engine(&snapshot(&more), &claims, &request));
    }

    #[test]
    fn removing_a_model_from_a_role_never_allows_it(config in config(), claims in claims(), request in request()) {
        let before = engine(&snapshot(&config), &claims, &request);
        let mut fewer = config.clone();
        for list in ["/general_settings/role_permissions", "/modelgate/role_permissions"] {
          for entry in fewer.pointer_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            if let Some(models) = entry.get_mut("models").and_then(Value::as_array_mut) {
                models.retain(|model| *model != request["body"]["model"]);
            }
          }
        }
        let after = engine(&snapshot(&fewer), &claims, &request);
        prop_assert!(before.allow || !after.allow);
    }

    #[test]
    fn a_gate_more_never_allows_more(config in config(), claims in claims(), request in request(), gate in gate()) {
        let before = engine(&snapshot(&config), &claims, &request);
        let mut gated = config.clone();
        let (at, value) = gate;
        let (parent, key) = at.rsplit_once('/').unwrap();
        // With `modelgate.role_permissions`, role permissions are an additional grant.
        prop_assume!(!at.ends_with("jwtauth/enforce_rbac") || config["modelgate"]["role_permissions"].is_null());
        gated.pointer_mut(parent).and_then(Value::as_object_mut).unwrap().insert(key.to_owned(), value);
        let after = engine(&snapshot(&gated), &claims, &request);
        prop_assert!(before.allow || !after.allow, "{gated}");
    }

    #[test]
    fn the_order_of_keys_never_matters(config in config(), claims in claims(), request in request()) {
        let forwards = Config::parse("c.json", &in_order(&config, false), ".".as_ref(), &|_| None).unwrap();
        let backwards = Config::parse("c.json", &in_order(&config, true), ".".as_ref(), &|_| None).unwrap();
        let [forwards, backwards] = [forwards, backwards].map(|config| engine(&Snapshot::build(config).unwrap(), &claims, &request));
        prop_assert_eq!(forwards, backwards);
    }

    #[test]
    fn what_is_listed_is_what_may_be_called(config in config(), claims in claims()) {
        let snapshot = snapshot(&config);
        let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims));
        let listed = snapshot.callable_models(&caller, None, RequestContext::default());
        for model in &MODELS[..4] {
            let allowed = ["/v1/chat/completions", "/v1/embeddings"].iter().any(|path| {
                let request = json!({"method": "POST", "path": path, "body": {"model": model}});
                let decided: Result<Permit, _> = snapshot.authorize(&caller, support::call(&request).unwrap());
                decided.is_ok()
            });
            prop_assert!(!allowed || listed.iter().any(|name| name.as_str() == *model));
        }
        let routes = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses", "/v1/messages",
            "/v1/images/generations", "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/rerank"];
        for model in listed {
            let callable = routes.iter().any(|path| {
                let request = json!({"method": "POST", "path": path, "body": {"model": model.as_str()}});
                snapshot.authorize(&caller, support::call(&request).unwrap()).is_ok()
            });
            prop_assert!(callable, "{} is listed, and no route takes it", model);
        }
    }
}
