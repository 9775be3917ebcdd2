//! Vertex AI in its own API, with access tokens for a service account's key or from the metadata server.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use modelgate::gateway::Outcome;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::capture;
use crate::configured::gate;
use crate::fixture::{Fixture, Message, answer, read_message, soon};
use crate::reload::Live;

/// A service account whose key is exchanged at the upstream's own address.
fn account(key: &KeyPair) -> String {
    let der: aws_lc_rs::encoding::Pkcs8V1Der<'_> = key.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der.as_ref())
    );
    json!({
        "type": "service_account", "client_email": "gate@p.iam.gserviceaccount.com", "private_key": pem,
        "private_key_id": "key-1", "project_id": "project-of-key", "token_uri": "http://UPSTREAM/token"
    })
    .to_string()
}

const MODELS: &str = "
model_list:
  - {model_name: flash, litellm_params: {model: vertex_ai/gemini-2.0-flash, vertex_location: europe-west1,
      api_base: 'http://UPSTREAM', temperature: 0.5}}
  - {model_name: sonnet, litellm_params: {model: vertex_ai/claude-sonnet-4@20250514, vertex_project: other,
      vertex_location: us-east5, api_base: 'http://UPSTREAM'}}
";

fn headers(gate: &Fixture) -> String {
    format!("authorization: Bearer {}\r\ncontent-type: application/json\r\n", gate.token(&["basic_user"]))
}

fn path_of(request: &Message) -> &str {
    request.head.split(' ').nth(1).unwrap_or_default()
}

/// Answers an exchange with this token, and returns the request.
async fn exchanged(gate: &Fixture, token: &str, seconds: u64) -> Message {
    let (mut stream, request) = gate.arriving().await;
    answer(&mut stream, &json!({"access_token": token, "expires_in": seconds}).to_string()).await;
    request
}

#[tokio::test]
async fn a_service_accounts_key_is_exchanged_once_and_its_token_is_sent() {
    capture::begin();
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let account = account(&key);
    let gate = gate("[flash, sonnet]", MODELS, &[("GOOGLE_APPLICATION_CREDENTIALS", &account)]).await;
    let path =
        "/v1/projects/mine/locations/here/publishers/google/models/flash:streamGenerateContent?alt=sse";
    let mut client = gate.send("POST", path, &headers(&gate), r#"{"contents":[]}"#).await;

    let exchange = exchanged(&gate, "vertex-access-token", 3600).await;
    assert_eq!(path_of(&exchange), "/token");
    let form: Vec<_> = form_urlencoded::parse(exchange.body.as_bytes()).into_owned().collect();
    assert_eq!(form[0].1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
    let assertion = &form[1].1;
    let (message, signature) = assertion.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    public.verify(message.as_bytes(), &signature).unwrap();
    let part = |at: usize| -> Value {
        let part = message.split('.').nth(at).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(part(0), json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"}));
    assert_eq!(part(1)["iss"], "gate@p.iam.gserviceaccount.com");
    assert!(part(1)["aud"].as_str().unwrap().ends_with("/token"));

    let (mut upstream, request) = gate.arriving().await;
    let expected =
        "/v1/projects/project-of-key/locations/europe-west1/publishers/google/models/gemini-2.0-flash";
    assert_eq!(path_of(&request), format!("{expected}:streamGenerateContent?alt=sse"));
    assert_eq!(request.header("authorization"), Some("Bearer vertex-access-token"));
    assert_eq!(request.body, r#"{"contents":[]}"#, "parameters of other APIs are not added");
    answer(&mut upstream, "{}").await;
    assert_eq!(soon(read_message(&mut client)).await.status(), "200");
    drop(upstream);

    // The next request, for another model with the same key, needs no exchange.
    let path = "/vertex_ai/v1/projects/mine/locations/here/publishers/google/models/sonnet:rawPredict";
    let _client = gate.send("POST", path, &headers(&gate), "{}").await;
    let (_upstream, request) = gate.arriving().await;
    let expected =
        "/v1/projects/other/locations/us-east5/publishers/anthropic/models/claude-sonnet-4@20250514";
    assert_eq!(path_of(&request), format!("{expected}:rawPredict"));
    assert_eq!(request.header("authorization"), Some("Bearer vertex-access-token"));

    let log = capture::so_far();
    for secret in ["vertex-access-token", assertion.as_str(), "BEGIN PRIVATE KEY"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[tokio::test]
async fn the_metadata_server_is_asked_for_a_token() {
    let variables = [("GCE_METADATA_HOST", "UPSTREAM"), ("VERTEXAI_PROJECT", "p")];
    let gate = gate("[flash]", MODELS, &variables).await;
    let path = "/v1beta1/projects/mine/locations/here/publishers/google/models/flash:countTokens";
    let _client = gate.send("POST", path, &headers(&gate), "{}").await;
    let asked = exchanged(&gate, "of-the-machine", 3600).await;
    assert_eq!(path_of(&asked), "/computeMetadata/v1/instance/service-accounts/default/token");
    assert_eq!(asked.header("metadata-flavor"), Some("Google"));
    let (_upstream, request) = gate.arriving().await;
    assert!(path_of(&request).starts_with("/v1beta1/projects/p/locations/europe-west1/"), "{}", request.head);
    assert_eq!(request.header("authorization"), Some("Bearer of-the-machine"));
}

#[tokio::test]
async fn without_a_token_the_answer_is_503_in_googles_form_and_the_log_has_the_reason() {
    capture::begin();
    let variables = [("GCE_METADATA_HOST", "UPSTREAM"), ("VERTEXAI_PROJECT", "p")];
    let gate = gate("[flash]", MODELS, &variables).await;
    let path = "/v1/projects/mine/locations/here/publishers/google/models/flash:generateContent";
    let mut client = gate.send("POST", path, &headers(&gate), "{}").await;
    let (mut stream, _) = gate.arriving().await;
    answer(&mut stream, r#"{"error": "secret-of-an-answer"}"#).await;
    let refused = soon(read_message(&mut client)).await;
    let body: Value = serde_json::from_str(&refused.body).unwrap();
    assert_eq!((refused.status(), &body["error"]["status"]), ("503", &json!("UNAVAILABLE")));
    let log = capture::so_far();
    assert!(log.contains("no access token for an upstream: the response has no `access_token`"), "{log}");
    assert!(!log.contains("secret-of-an-answer"));
}

#[tokio::test]
async fn what_would_need_a_translation_is_answered_with_501() {
    let gate = gate("[flash]", MODELS, &[("GCE_METADATA_HOST", "UPSTREAM"), ("VERTEXAI_PROJECT", "p")]).await;
    let body = json!({"model": "flash", "messages": []}).to_string();
    let refused = gate.refused("POST", "/v1/chat/completions", &headers(&gate), &body).await;
    assert_eq!(refused.status(), "501");
    assert!(refused.body.contains("Vertex AI alone"), "{}", refused.body);
}

#[tokio::test]
async fn the_file_of_a_key_is_read_with_the_configuration_and_a_bad_one_replaces_nothing() {
    let key = KeyPair::generate(KeySize::Rsa2048).unwrap();
    let live = Live::with(|files| {
        files.write("key.json", account(&key).replace("UPSTREAM", &files.upstream.to_string()));
        let path = files.path("key.json").display().to_string();
        let model = format!(
            "model_list:\n  - {{model_name: flash, litellm_params: {{model: vertex_ai/gemini-2.0-flash, vertex_credentials: \
             '{path}', api_base: 'http://{}'}}}}",
            files.upstream
        );
        files.write("config.yaml", files.yaml("[flash]").replacen("model_list:", &model, 1));
    })
    .await;
    let path = "/v1/projects/mine/locations/here/publishers/google/models/flash:generateContent";
    let _client = live.gate.send("POST", path, &headers(&live.gate), "{}").await;
    exchanged(&live.gate, "of-the-file", 3600).await;
    let (_upstream, request) = live.gate.arriving().await;
    assert!(
        path_of(&request).starts_with("/v1/projects/project-of-key/locations/us-central1/"),
        "{}",
        request.head
    );
    assert_eq!(request.header("authorization"), Some("Bearer of-the-file"));

    let no_key =
        r#"{"type": "service_account", "client_email": "a", "private_key": "s3cret", "project_id": "p"}"#;
    for bad in ["{}", no_key] {
        live.files().write("key.json", bad);
        assert_eq!(live.reloader.reload().await, Outcome::Refused, "{bad}");
        let error = live.reloader.status().last_error.unwrap().message;
        assert!(!error.contains("s3cret"), "{error}");
    }
}
