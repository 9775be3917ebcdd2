//! LiteLLM's model settings, as an upstream receives them.

use std::sync::Arc;

use modelgate::config::Config;
use modelgate::dropins::DropIns;
use modelgate::engine::Snapshot;
use modelgate::gateway::{Gateway, Generation, TokenVerifier};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fixture::{Fixture, MASTER_KEY, Message};
use crate::key::Key;

/// A gateway whose role may use `listed`, with this additional configuration. `UPSTREAM` stands for the upstream's
/// address.
pub(crate) async fn gate(listed: &str, rest: &str, variables: &[(&str, &str)]) -> Fixture {
    let upstream = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    let (directory, key) = (tempfile::tempdir().unwrap(), Key::new());
    std::fs::write(directory.path().join("jwks.json"), key.jwks().to_string()).unwrap();
    let keys = url::Url::from_file_path(directory.path().join("jwks.json")).unwrap();
    let yaml = format!(
        "general_settings:\n  master_key: {MASTER_KEY}\n  enable_jwt_auth: true\n  litellm_jwtauth: \
         {{user_roles_jwt_field: roles, user_allowed_roles: [basic_user], enforce_rbac: true}}\n  role_permissions: \
         [{{role: internal_user, models: {listed}}}]\n{}",
        rest.replace("UPSTREAM", &address)
    );
    let env = |name: &str| match variables.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => Some(value.replace("UPSTREAM", &address)),
        None => (name == "JWT_PUBLIC_KEY_URL").then(|| keys.to_string()),
    };
    let config = Config::parse("config.yaml", &yaml, directory.path(), &env).unwrap();
    let verifier = TokenVerifier::new(&config.jwt.as_ref().unwrap().tokens).unwrap();
    let snapshot = Snapshot::with_policies(config, &DropIns::default()).unwrap();
    let gateway = Arc::new(Gateway::new(Generation::new(snapshot, Some(verifier))).unwrap());
    Fixture::serve(gateway, upstream, key, directory).await
}

fn headers(gate: &Fixture) -> String {
    format!("authorization: Bearer {}\r\n", gate.token(&["basic_user"]))
}

async fn refused(gate: &Fixture, model: &str) -> Message {
    let body = json!({"model": model}).to_string();
    gate.refused("POST", "/v1/chat/completions", &headers(gate), &body).await
}

/// The path and the body that the upstream receives.
async fn forwarded(gate: &Fixture, path: &str, body: &Value) -> (String, Value, Message) {
    let _client = gate.send("POST", path, &headers(gate), &body.to_string()).await;
    let (_upstream, request) = gate.arriving().await;
    let path = request.head.split(' ').nth(1).unwrap_or_default().to_owned();
    (path, serde_json::from_str(&request.body).unwrap(), request)
}

#[tokio::test]
async fn a_model_that_is_not_served_is_judged_and_answered_with_501() {
    let models = "model_list: [{model_name: a, litellm_params: {model: bedrock/x}}, {model_name: b, litellm_params: \
                  {model: bedrock/y}}]\n";
    let gate = gate("[a]", models, &[]).await;
    let answer = refused(&gate, "a").await;
    assert_eq!((answer.status(), answer.code().as_str()), ("501", "provider_not_supported"));
    assert_eq!(refused(&gate, "b").await.status(), "403");
    let master = format!("authorization: Bearer {MASTER_KEY}\r\n");
    let unknown = gate.refused("POST", "/v1/chat/completions", &master, r#"{"model": "c"}"#).await;
    assert_eq!((unknown.status(), unknown.code().as_str()), ("404", "model_not_found"));
}

#[tokio::test]
async fn parameters_of_the_deployment_are_sent_where_the_request_does_not_set_them() {
    let models = "model_list: [{model_name: a, litellm_params: {model: openai/m, api_base: 'http://UPSTREAM/v1', api_key: k, \
                  temperature: 0.2, max_tokens: 9, extra_body: {top_k: 5}, rpm: 3}}]\n";
    let gate = gate("[a]", models, &[]).await;
    let body = json!({"model": "a", "temperature": 1, "messages": []});
    let (_, sent, _) = forwarded(&gate, "/v1/chat/completions", &body).await;
    assert_eq!(sent, json!({"model": "m", "temperature": 1, "messages": [], "max_tokens": 9, "top_k": 5}));
    let (_, sent, _) = forwarded(&gate, "/v1/embeddings", &json!({"model": "a", "input": "x"})).await;
    assert_eq!(sent, json!({"model": "m", "input": "x", "top_k": 5}));
}

#[tokio::test]
async fn an_alias_is_judged_by_its_own_name_and_served_as_its_target() {
    let models = "model_list: [{model_name: a, litellm_params: {model: openai/m, api_base: 'http://UPSTREAM/v1', api_key: k}}]\n\
                  router_settings: {model_group_alias: {fast: a, secret: {model: a, hidden: true}}}\n";
    let gate = gate("[fast, secret]", models, &[]).await;
    assert_eq!(refused(&gate, "a").await.status(), "403");
    for alias in ["fast", "secret"] {
        let (_, sent, _) = forwarded(&gate, "/v1/chat/completions", &json!({"model": alias})).await;
        assert_eq!(sent["model"], "m", "{alias}");
    }
    let listed = gate.refused("GET", "/v1/models", &headers(&gate), "").await;
    assert!(listed.body.contains("\"fast\"") && !listed.body.contains("secret"), "{}", listed.body);
}

#[tokio::test]
async fn a_star_for_all_models_asks_the_provider_that_the_name_begins_with() {
    let variables = [
        ("OPENAI_API_BASE", "http://UPSTREAM/openai"),
        ("OPENAI_API_KEY", "sk-o"),
        ("GROQ_API_BASE", "http://UPSTREAM/groq"),
        ("GROQ_API_KEY", "sk-g"),
    ];
    let listed = "[openai/gpt-4o, gpt-4o, groq/meta/llama, bedrock/x, unheard-of]";
    let gate =
        gate(listed, "model_list: [{model_name: '*', litellm_params: {model: '*'}}]\n", &variables).await;
    for (model, path, name, key) in [
        ("openai/gpt-4o", "/openai/chat/completions", "gpt-4o", "Bearer sk-o"),
        ("gpt-4o", "/openai/chat/completions", "gpt-4o", "Bearer sk-o"),
        ("groq/meta/llama", "/groq/chat/completions", "meta/llama", "Bearer sk-g"),
    ] {
        let (at, sent, request) = forwarded(&gate, "/v1/chat/completions", &json!({"model": model})).await;
        assert_eq!((at.as_str(), &sent["model"]), (path, &json!(name)), "{model}");
        assert_eq!(request.header("authorization"), Some(key), "{model}");
    }
    for model in ["bedrock/x", "unheard-of"] {
        assert_eq!(refused(&gate, model).await.status(), "501", "{model}");
    }
}

#[tokio::test]
async fn azure_ai_foundry_is_asked_with_its_own_header_and_version() {
    // The host decides, so the path of an endpoint on this machine is the plain one.
    let models = "model_list: [{model_name: a, litellm_params: {model: azure_ai/Phi-4, api_base: 'http://UPSTREAM/models', \
                  api_version: 2024-05-01-preview, api_key: k}}, {model_name: b, litellm_params: {model: azure/dep, api_base: \
                  'http://UPSTREAM', api_version: v1, azure_ad_token: t}}]\n";
    let gate = gate("[a, b]", models, &[]).await;
    let (path, sent, _) = forwarded(&gate, "/v1/chat/completions", &json!({"model": "a"})).await;
    assert_eq!(
        (path.as_str(), &sent["model"]),
        ("/models/chat/completions?api-version=2024-05-01-preview", &json!("Phi-4"))
    );
    let (path, _, request) = forwarded(&gate, "/v1/chat/completions", &json!({"model": "b"})).await;
    assert_eq!(path, "/openai/deployments/dep/chat/completions?api-version=v1");
    assert_eq!((request.header("authorization"), request.header("api-key")), (Some("Bearer t"), None));
}

#[tokio::test]
async fn the_upstream_serves_every_model_where_it_is_told_to() {
    let models = "model_list: [{model_name: a, litellm_params: {model: openai/m, api_base: 'http://127.0.0.1:1/v1'}}]\n\
                  modelgate: {upstream: {api_base: 'http://UPSTREAM', api_key: k, for: all}}\n";
    let gate = gate("[a]", models, &[]).await;
    let (path, sent, _) = forwarded(&gate, "/v1/chat/completions", &json!({"model": "a"})).await;
    assert_eq!((path.as_str(), &sent["model"]), ("/v1/chat/completions", &json!("a")));
    assert_eq!(refused(&gate, "b").await.status(), "403");
}

#[test]
fn a_team_that_is_not_declared_exists_where_team_id_upsert_says_so() {
    let allowed = |fields: &str, claims: Value| {
        let yaml = format!(
            "general_settings: {{enable_jwt_auth: true, litellm_jwtauth: {{{fields}}}}}\nteams: [{{team_id: b, models: [x]}}, \
             {{team_id: c, blocked: true}}]\n"
        );
        let config = Config::parse("config.yaml", &yaml, ".".as_ref(), &|_| None).unwrap();
        let question = modelgate::offline::Question {
            claims: claims.as_object().unwrap().clone(),
            method: http::Method::POST,
            path: "/v1/chat/completions".to_owned(),
            headers: http::HeaderMap::new(),
            body: br#"{"model": "a"}"#.to_vec(),
            request_context: modelgate::request::RequestContext::now(),
        };
        question.answer(&Snapshot::with_policies(config, &DropIns::default()).unwrap()).allow
    };
    for field in ["team_id_jwt_field", "team_ids_jwt_field"] {
        let upsert = format!("{field}: t, team_id_upsert: true");
        assert!(allowed(&upsert, json!({"t": "a"})), "{field}");
        assert!(!allowed(&format!("{field}: t"), json!({"t": "a"})), "{field}");
        for declared in ["b", "c"] {
            assert!(!allowed(&upsert, json!({"t": declared})), "{field} {declared}");
        }
    }
}

#[tokio::test]
async fn without_a_list_of_models_the_names_in_the_lists_of_roles_are_shown() {
    let upstream = "modelgate: {upstream: {api_base: 'http://UPSTREAM'}}\nteams: [{team_id: t, models: [d, all-proxy-models]}]\n";
    let gate = gate("[a, b, 'openai/*']", upstream, &[]).await;
    let listed = gate.refused("GET", "/v1/models", &headers(&gate), "").await;
    let listed: Value = serde_json::from_str(&listed.body).unwrap();
    let ids: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b"]);
}
