//! Errors in the format of each API.

use serde_json::{Value, json};

use crate::fixture::{Fixture, soon};

const DENIED: &str = r#"{"model": "openai-gpt-4o", "messages": [], "max_tokens": 1}"#;

/// The response to a denied request: its status, its body, and its request id.
async fn denied(gate: &Fixture, path: &str, headers: &str, body: &str) -> (String, Value, String) {
    let headers = format!("authorization: Bearer {}\r\n{headers}", gate.token(&["basic_user"]));
    let answer = gate.refused("POST", path, &headers, body).await;
    let id = answer.header("x-request-id").unwrap().to_owned();
    (answer.status().to_owned(), serde_json::from_str(&answer.body).unwrap(), id)
}

#[tokio::test]
async fn a_denial_has_the_form_of_the_api_that_was_called() {
    let gate = Fixture::start().await;
    let (status, body, id) = denied(&gate, "/v1/messages", "", DENIED).await;
    assert_eq!((status.as_str(), &body["type"], &body["request_id"]), ("403", &json!("error"), &json!(id)));
    assert_eq!(body["error"]["type"], "permission_error");
    assert!(body["error"]["message"].as_str().is_some_and(|message| message.contains("may not use")));

    for version in ["v1", "v1beta", "v1alpha"] {
        let path = format!("/{version}/models/openai-gpt-4o:generateContent");
        let (status, body, id) = denied(&gate, &path, "", r#"{"contents": []}"#).await;
        assert_eq!((status.as_str(), &body["error"]["code"]), ("403", &json!(403)), "{path}");
        assert_eq!(body["error"]["status"], "PERMISSION_DENIED");
        assert_eq!(body["error"]["details"][1]["requestId"], id);
    }
    let (_, body, id) = denied(&gate, "/v2/chat", "", DENIED).await;
    assert_eq!((&body["id"], body.get("error")), (&json!(id), None));
    let (_, body, id) = denied(&gate, "/v1/fim/completions", "", DENIED).await;
    assert_eq!((&body["object"], &body["request_id"]), (&json!("error"), &json!(id)));
    let (_, body, id) = denied(&gate, "/api/chat", "", DENIED).await;
    assert!(body["error"].is_string() && body["request_id"] == id, "{body}");
    let (_, body, id) = denied(&gate, "/v1/chat/completions", "", DENIED).await;
    assert_eq!(
        (&body["error"]["code"], &body["error"]["request_id"]),
        (&json!("model_not_allowed"), &json!(id))
    );
}

#[tokio::test]
async fn headers_choose_the_form_on_paths_that_several_apis_have() {
    let gate = Fixture::start().await;
    let ask = async |path, headers: &str| {
        let answer = gate.refused("GET", path, headers, "").await;
        assert_eq!(answer.status(), "401");
        serde_json::from_str::<Value>(&answer.body).unwrap()
    };
    for path in ["/v1/models", "/v1/files", "/no/such/route"] {
        assert_eq!(ask(path, "").await["error"]["code"], "invalid_api_key", "{path}");
        let anthropic = ask(path, "anthropic-version: 2023-06-01\r\n").await;
        assert_eq!(anthropic["error"]["type"], "authentication_error", "{path}");
        let google = ask(path, "x-goog-api-client: google-genai-sdk/1\r\n").await;
        assert_eq!(google["error"]["status"], "UNAUTHENTICATED", "{path}");
    }
}

#[tokio::test]
async fn a_failure_after_the_decision_has_the_form_of_the_client_too() {
    let gate = Fixture::with("upstream: {api_base: \"http://127.0.0.1:1\"}").await;
    let headers =
        format!("authorization: Bearer {}\r\nanthropic-version: 2023-06-01\r\n", crate::fixture::MASTER_KEY);
    let answer = gate.refused("GET", "/v1/files", &headers, "").await;
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!((answer.status(), &body["error"]["type"]), ("502", &json!("api_error")));
}

#[tokio::test]
async fn the_operator_chooses_the_status_and_the_code_of_denied_models() {
    let gate = Fixture::with("denied_model: {status: 404, code: model_not_found}").await;
    let (status, body, _) = denied(&gate, "/v1/chat/completions", "", DENIED).await;
    assert_eq!((status.as_str(), &body["error"]["code"]), ("404", &json!("model_not_found")));
    assert_eq!(body["error"]["type"], "invalid_request_error");
    let (status, body, _) = denied(&gate, "/v1/messages", "", DENIED).await;
    assert_eq!((status.as_str(), &body["error"]["type"]), ("404", &json!("not_found_error")));
    let path = "/v1beta/models/openai-gpt-4o:generateContent";
    let (status, body, _) = denied(&gate, path, "", "{}").await;
    assert_eq!((status.as_str(), &body["error"]["status"]), ("404", &json!("NOT_FOUND")));
    // A request that is denied for another reason than its model keeps its status.
    let (status, body, _) = denied(&gate, "/v1/organization/x", "", "{}").await;
    assert_eq!((status.as_str(), &body["error"]["code"]), ("403", &json!("permission_denied")));
    let guest = format!("authorization: Bearer {}\r\n", gate.token(&["guest"]));
    let answer = soon(gate.refused("POST", "/v1/chat/completions", &guest, DENIED)).await;
    assert_eq!(answer.status(), "403");
}

#[tokio::test]
async fn the_code_of_denied_models_changes_without_the_status() {
    let gate = Fixture::with("denied_model: {code: model_not_found}").await;
    let (status, body, _) = denied(&gate, "/v1/responses", "", DENIED).await;
    assert_eq!((status.as_str(), &body["error"]["code"]), ("403", &json!("model_not_found")));
}
