//! Lists of models, in the format of each client.

use serde_json::{Value, json};

use crate::fixture::{Fixture, MASTER_KEY, answer, bearer, read_message, soon};

async fn ask(gate: &Fixture, path: &str, headers: &str) -> (String, Value) {
    let headers = format!("{}{headers}", bearer(&gate.token(&["basic_user"])));
    let answer = gate.refused("GET", path, &headers, "").await;
    (answer.status().to_owned(), serde_json::from_str(&answer.body).unwrap())
}

#[tokio::test]
async fn anthropics_clients_get_anthropics_list() {
    let gate = Fixture::start().await;
    let version = "anthropic-version: 2023-06-01\r\n";
    let (status, body) = ask(&gate, "/v1/models?limit=20", version).await;
    assert_eq!(status, "200");
    let model = json!({"type": "model", "id": "anthropic-claude", "display_name": "anthropic-claude",
        "created_at": "2024-01-01T00:00:00Z"});
    assert_eq!(
        body,
        json!({"data": [model], "has_more": false, "first_id": "anthropic-claude", "last_id": "anthropic-claude"})
    );
    assert_eq!(ask(&gate, "/v1/models/anthropic-claude", version).await, ("200".to_owned(), model));
    let (status, body) = ask(&gate, "/v1/models/openai-gpt-4o", version).await;
    assert_eq!((status.as_str(), &body["error"]["type"]), ("404", &json!("not_found_error")));
}

#[tokio::test]
async fn googles_clients_get_googles_list() {
    let gate = Fixture::start().await;
    for (path, headers) in [
        ("/v1beta/models", ""),
        ("/v1alpha/models?pageSize=50", ""),
        ("/v1/models", "x-goog-api-client: google-genai-sdk/3\r\n"),
    ] {
        let (status, body) = ask(&gate, path, headers).await;
        assert_eq!((status.as_str(), body["models"].as_array().map(Vec::len)), ("200", Some(1)), "{path}");
        assert_eq!(body["models"][0]["name"], "models/anthropic-claude");
        assert_eq!(body.get("data"), None);
    }
    let (status, body) = ask(&gate, "/v1beta/models/anthropic-claude", "").await;
    assert_eq!((status.as_str(), &body["name"]), ("200", &json!("models/anthropic-claude")));
    let (status, body) = ask(&gate, "/v1beta/models/openai-gpt-4o", "").await;
    assert_eq!((status.as_str(), &body["error"]["status"]), ("404", &json!("NOT_FOUND")));
}

#[tokio::test]
async fn mistrals_clients_get_mistrals_list() {
    let gate = Fixture::start().await;
    let agent = "user-agent: mistral-client-python/3.7.0\r\n";
    let (status, body) = ask(&gate, "/v1/models", agent).await;
    assert_eq!(status, "200");
    let model = &body["data"][0];
    assert_eq!((&model["id"], &model["type"]), (&json!("anthropic-claude"), &json!("base")));
    assert_eq!(model["capabilities"], json!({"completion_chat": true}));
    assert_eq!(&ask(&gate, "/v1/models/anthropic-claude", agent).await.1, model);
    let (status, body) = ask(&gate, "/v1/models/openai-gpt-4o", agent).await;
    assert_eq!((status.as_str(), &body["object"]), ("404", &json!("error")));
}

#[tokio::test]
async fn ollamas_clients_get_ollamas_list() {
    let gate = Fixture::start().await;
    let (status, body) = ask(&gate, "/api/tags", "").await;
    assert_eq!((status.as_str(), &body["models"][0]["model"]), ("200", &json!("anthropic-claude")));
}

#[tokio::test]
async fn an_operation_of_googles_is_no_model() {
    let gate = Fixture::with("upstream: {api_base: \"http://UPSTREAM\"}").await;
    let mut client = gate.send("GET", "/v1beta/models/veo/operations/x", &bearer(MASTER_KEY), "").await;
    let (mut upstream, seen) = gate.arriving().await;
    assert!(seen.head.starts_with("GET /v1beta/models/veo/operations/x "), "{}", seen.head);
    answer(&mut upstream, "{}").await;
    assert_eq!(soon(read_message(&mut client)).await.status(), "200");
}
