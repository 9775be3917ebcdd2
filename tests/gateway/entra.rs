//! Azure with tokens of Entra ID, which are exchanged for a client secret.

use serde_json::json;
use url::form_urlencoded;

use crate::capture;
use crate::configured::gate;
use crate::fixture::{Fixture, answer, read_message, soon};

const MODELS: &str = "
model_list:
  - {model_name: gpt, litellm_params: {model: azure/dep, api_base: 'http://UPSTREAM', api_version: v1, tenant_id: tenant-1,
      client_id: client-1, client_secret: os.environ/ENTRA_SECRET}}
";

async fn ask(gate: &Fixture) -> tokio::net::TcpStream {
    let headers = format!("authorization: Bearer {}\r\n", gate.token(&["basic_user"]));
    gate.send("POST", "/v1/chat/completions", &headers, &json!({"model": "gpt"}).to_string()).await
}

#[tokio::test]
async fn a_client_secret_is_exchanged_and_the_token_is_kept() {
    capture::begin();
    let variables = [("ENTRA_SECRET", "entra-client-secret"), ("AZURE_AUTHORITY_HOST", "http://UPSTREAM/")];
    let gate = gate("[gpt]", MODELS, &variables).await;
    let _first = ask(&gate).await;
    let (mut stream, exchange) = gate.arriving().await;
    assert!(exchange.head.starts_with("POST /tenant-1/oauth2/v2.0/token "), "{}", exchange.head);
    let form: Vec<_> = form_urlencoded::parse(exchange.body.as_bytes()).into_owned().collect();
    let pairs: Vec<_> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        pairs,
        [
            ("grant_type", "client_credentials"),
            ("client_id", "client-1"),
            ("client_secret", "entra-client-secret"),
            ("scope", "https://cognitiveservices.azure.com/.default"),
        ]
    );
    answer(&mut stream, r#"{"access_token": "entra-access-token", "expires_in": "3599"}"#).await;
    let (_upstream, request) = gate.arriving().await;
    assert!(request.head.starts_with("POST /openai/deployments/dep/chat/completions?api-version=v1 "));
    assert_eq!(request.header("authorization"), Some("Bearer entra-access-token"));
    assert_eq!(request.header("api-key"), None);

    let _second = ask(&gate).await;
    let (_upstream, request) = gate.arriving().await;
    assert_eq!(request.header("authorization"), Some("Bearer entra-access-token"));
    let log = capture::so_far();
    for secret in ["entra-client-secret", "entra-access-token"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn another_deployment_serves_if_there_is_no_token_for_the_first_one() {
    let models = "
model_list:
  - {model_name: gpt, litellm_params: {model: azure/dep, api_base: 'http://UPSTREAM', api_version: v1, tenant_id: tenant-1,
      client_id: client-1, client_secret: os.environ/ENTRA_SECRET, order: 1}}
  - {model_name: gpt, litellm_params: {model: openai/other, api_base: 'http://UPSTREAM/v1', api_key: sk-other, order: 2}}
";
    let variables = [("ENTRA_SECRET", "entra-client-secret"), ("AZURE_AUTHORITY_HOST", "http://UPSTREAM/")];
    let gate = gate("[gpt]", models, &variables).await;
    let mut client = ask(&gate).await;
    let (mut provider, exchange) = gate.arriving().await;
    assert!(exchange.head.starts_with("POST /tenant-1/oauth2/v2.0/token "), "{}", exchange.head);
    answer(&mut provider, r#"{"error": "invalid_client"}"#).await;
    let (mut other, request) = gate.arriving().await;
    assert_eq!(request.header("authorization"), Some("Bearer sk-other"));
    assert_eq!(request.body, r#"{"model":"other"}"#);
    answer(&mut other, "served").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "served");
}
