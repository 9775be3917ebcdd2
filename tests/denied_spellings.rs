//! `deny_models` denies a model in every spelling that an upstream resolves to it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use http::{HeaderMap, Method};
use modelgate::authn::VerifiedClaims;
use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::engine::{Denied, Rule, Snapshot};
use modelgate::request::{RequestParts, classify};
use serde_json::json;

const SPELLED: [&str; 33] = [
    "openai/gpt-4o",
    "OpenAI/GPT-4o",
    "GPT-4O",
    "gpt-4o:nitro",
    "gpt-4o@latest",
    "gpt-4o-2026-01-01",
    "gpt-4o-20260101",
    "gpt-4o-0806",
    "gpt-4o-latest",
    "models/gpt-4o",
    "openrouter/openai/gpt-4o:free",
    "projects/p/locations/l/publishers/openai/models/gpt-4o@20260101",
    "small,gpt-4o",
    "small, openai/gpt-4o",
    "gpt_4o",
    " gpt-4o",
    "gpt-4o.",
    "gpt-4o:free:nitro",
    "models/models/gpt-4o",
    "gpt-4o,",
    ",gpt-4o,",
    "openai%2Fgpt-4o",
    "openai%252Fgpt-4o",
    "gpt-4o\u{200b}",
    "gpt\u{ad}-4o",
    "\u{202e}gpt-4o",
    "ｇｐｔ-4ｏ",
    "openai／GPT-4o",
    "gpt-4o\u{301}",
    "gpt-4o\u{3000}",
    "gpt\u{2011}4o",
    "us-gov.openai.gpt-4o-20260101-v1:0",
    "arn:aws:bedrock:us-east-1::foundation-model/openai.gpt-4o-v1:0",
];

/// A configuration with these models and this list of roles, and a proxy that serves every model.
fn config(models: &str, roles: &str) -> Config {
    let yaml = format!(
        "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{user_id_jwt_field: sub, roles_jwt_field: roles}}\n\
         model_list:\n{models}\nmodelgate:\n  upstream: {{api_base: \"http://127.0.0.1:1\"}}\n  role_permissions:\n{roles}\n"
    );
    Config::parse("c.yaml", &yaml, ".".as_ref(), &|_| None).unwrap()
}

const SMALL: &str = "  - {model_name: small, litellm_params: {model: openai/small}}\n";
const ALL: &str =
    "  - {model_name: \"*\", litellm_params: {model: \"openai/*\", api_base: \"http://127.0.0.1:1\"}}\n";
const DENYING: &str = "  - {role: r, models: [\"*\"], deny_models: [gpt-4o]}";

fn ask(snapshot: &Snapshot, path: &str, body: &serde_json::Value) -> Result<(), Box<Denied>> {
    let claims = json!({"sub": "u", "roles": ["r"]});
    let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims.as_object().unwrap().clone()));
    let (body, headers) = (body.to_string(), HeaderMap::new());
    let method = Method::POST;
    let parts = RequestParts { method: &method, path, query: None, headers: &headers, body: body.as_bytes() };
    snapshot.authorize(&caller, classify(&parts).unwrap()).map(drop)
}

fn denies(snapshot: &Snapshot, model: &str) -> bool {
    match ask(snapshot, "/v1/chat/completions", &json!({"model": model})) {
        Ok(()) => false,
        Err(denied) => {
            assert_eq!(denied.rule, Rule::DeniedModel, "{model}");
            true
        }
    }
}

#[test]
fn a_denied_model_is_denied_in_every_spelling_under_a_grant_of_everything() {
    for models in [SMALL.to_owned(), SMALL.to_owned() + ALL] {
        let snapshot = Snapshot::build(config(&models, DENYING)).unwrap();
        for model in SPELLED.into_iter().chain(["gpt-4o"]) {
            assert!(denies(&snapshot, model), "{model}");
        }
        assert!(!denies(&snapshot, "small"));
    }
}

#[test]
fn a_wildcard_and_an_access_group_are_denied_in_every_spelling() {
    let listed = format!(
        "{SMALL}{ALL}  - {{model_name: GPT-4o, litellm_params: {{model: openai/gpt-4o}}, model_info: {{access_groups: [big]}}}}\n"
    );
    for denied in ["\"gpt-4*\"", "\"openai/gpt-4*\"", "big", "openai/gpt-4o"] {
        let roles = format!("  - {{role: r, models: [\"*\"], deny_models: [{denied}]}}");
        let snapshot = Snapshot::build(config(&listed, &roles)).unwrap();
        for model in ["openai/gpt-4o", "gpt-4o:free", "OPENAI/gpt-4O-2026-01-01"] {
            assert!(denies(&snapshot, model), "{denied}: {model}");
        }
        assert!(!denies(&snapshot, "claude-3"), "{denied}");
    }
}

#[test]
fn a_name_that_the_configuration_does_not_have_is_denied_where_models_are_denied() {
    let snapshot = Snapshot::build(config(SMALL, DENYING)).unwrap();
    let denied = ask(&snapshot, "/v1/chat/completions", &json!({"model": "other"})).unwrap_err();
    assert_eq!(denied.rule, Rule::DeniedModel);
    assert!(denied.to_string().contains("does not know this name"), "{denied}");
    // An unnamed model may be the denied one (D10). So may an id that stands for a model.
    assert!(ask(&snapshot, "/v1/images/generations", &json!({})).is_err());
    assert!(ask(&snapshot, "/v1/threads/t/runs", &json!({"model": "small", "assistant_id": "a"})).is_err());

    let named = "  - {role: r, models: [\"*\", other], deny_models: [gpt-4o]}";
    assert!(!denies(&Snapshot::build(config(SMALL, named)).unwrap(), "other"));
    assert!(!denies(&Snapshot::build(config(ALL, DENYING)).unwrap(), "other"));
}

#[test]
fn a_name_of_the_model_list_is_compared_as_it_is_written() {
    let models =
        SMALL.to_owned() + "  - {model_name: gpt-4o-2026-01-01, litellm_params: {model: openai/x}}\n";
    let snapshot = Snapshot::build(config(&models, DENYING)).unwrap();
    assert!(!denies(&snapshot, "gpt-4o-2026-01-01"));
    assert!(!denies(&snapshot, "small,gpt-4o-2026-01-01"));
    assert!(denies(&snapshot, "openai/gpt-4o-2026-01-01"));
}

#[test]
fn another_model_is_no_spelling_of_a_denied_one() {
    let roles = "  - {role: r, models: [\"*\"], deny_models: [gpt-4o, gpt-4o-mini-2026-01-01, \"gpt-4-*\", azure/o1]}";
    let snapshot = Snapshot::build(config(ALL, roles)).unwrap();
    for model in
        ["gpt-4o-mini", "openai/gpt-4o-mini-2026-02-02", "gpt-4.1", "my-gpt-4o", "openai/o1", "claude-3"]
    {
        assert!(!denies(&snapshot, model), "{model}");
    }
    assert!(denies(&snapshot, "o1") && denies(&snapshot, "AZURE/o1"));
}

#[test]
fn what_a_wildcard_makes_of_a_name_is_compared_too() {
    let models = "  - {model_name: \"fast/*\", litellm_params: {model: \"openai/gpt-*\"}}";
    let snapshot = Snapshot::build(config(models, DENYING)).unwrap();
    assert!(denies(&snapshot, "fast/4o") && denies(&snapshot, "fast/4o-2026-01-01"));
    assert!(!denies(&snapshot, "fast/5"));
}

#[test]
fn without_denied_models_every_name_is_open_to_a_grant_of_everything() {
    let snapshot = Snapshot::build(config(SMALL, "  - {role: r, models: [\"*\"]}")).unwrap();
    for model in SPELLED {
        assert!(!denies(&snapshot, model), "{model}");
    }
}

#[test]
fn a_model_that_a_file_places_in_a_denied_group_is_denied_in_every_spelling() {
    let folder = tempfile::tempdir().unwrap();
    let entities = json!([{"uid": {"type": "Model", "id": "gpt-4o"}, "attrs": {}, "parents": [{"type": "AccessGroup", "id": "big"}]}]);
    std::fs::write(folder.path().join("a.entities.json"), entities.to_string()).unwrap();
    let dropins = DropIns::load(folder.path()).unwrap();
    let roles = "  - {role: r, models: [\"*\"], deny_models: [big]}";
    let snapshot = Snapshot::with_policies(config(ALL, roles), &dropins).unwrap();
    for model in ["gpt-4o", "openai/GPT-4o", "gpt-4o:free"] {
        assert!(denies(&snapshot, model), "{model}");
    }
    assert!(!denies(&snapshot, "gpt-5"));
}

#[test]
fn the_provider_of_a_denied_model_is_the_same_with_a_region_an_operation_or_a_path_between() {
    let roles = "  - {role: r, models: [\"*\"], deny_models: [bedrock/anthropic.claude-3, gemini/gemini-pro, vertex_ai/gemini-pro, azure/gpt-3.5-turbo, Kimi]}";
    let snapshot = Snapshot::build(config(ALL, roles)).unwrap();
    for model in [
        "bedrock/us-east-1/anthropic.claude-3",
        "bedrock/converse/anthropic.claude-3",
        "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3",
        "models/gemini-pro",
        "projects/p/locations/l/publishers/google/models/gemini-pro",
        "azure/gpt-35-turbo",
        "gpt-35-turbo",
        "\u{212a}imi",
        "K\u{131}mi",
    ] {
        assert!(denies(&snapshot, model), "{model}");
    }
    for model in
        ["bedrock/us-east-1/anthropic.claude-4", "openai/gpt-35-turbo", "mistral/mistral-small", "модель"]
    {
        assert!(!denies(&snapshot, model), "{model}");
    }
}

#[test]
fn a_name_with_a_character_that_no_model_has_is_denied_where_models_are_denied() {
    let snapshot = Snapshot::build(config(ALL, DENYING)).unwrap();
    for model in ["*", "gpt-*", "gpt\u{fffd}4o", "gpt%c3%284o", "gpt-4o%00", "😀"] {
        assert!(denies(&snapshot, model), "{model:?}");
    }
}
