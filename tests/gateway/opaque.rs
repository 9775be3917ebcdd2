//! Tokens that are not JWTs, and the provider that verifies them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{Fixture, MASTER_KEY, Message, in_a_while, read_message};

/// A provider with both endpoints, which knows these tokens and counts the requests.
struct Provider {
    address: std::net::SocketAddr,
    asked: Arc<Mutex<Vec<Message>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Provider {
    async fn start(tokens: &[(&str, Value)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let known: HashMap<String, Value> =
            tokens.iter().map(|(token, claims)| ((*token).to_owned(), claims.clone())).collect();
        let (known, asked) = (Arc::new(known), Arc::new(Mutex::new(Vec::new())));
        let record = asked.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, known.clone(), record.clone()));
            }
        });
        Self { address, asked, task }
    }

    async fn userinfo(&self) -> Fixture {
        let endpoint = format!("http://{}/me", self.address);
        let jwtauth = format!("oidc_userinfo_enabled: true, oidc_userinfo_endpoint: '{endpoint}'");
        Fixture::with_tokens(&jwtauth, "", &[]).await
    }

    async fn introspection(&self, variables: &[(&str, &str)]) -> Fixture {
        let endpoint = format!("http://{}/introspect", self.address);
        let modelgate = format!(
            "introspection: {{endpoint: '{endpoint}', client_id: 'the gate', client_secret: 's3:cret'}}"
        );
        Fixture::with_tokens("", &modelgate, variables).await
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

async fn answer(mut stream: TcpStream, known: Arc<HashMap<String, Value>>, record: Arc<Mutex<Vec<Message>>>) {
    let request = read_message(&mut stream).await;
    let (status, body) = if request.head.starts_with("POST /introspect ") {
        let token = request.body.strip_prefix("token=").unwrap_or_default();
        ("200 OK", known.get(token).cloned().unwrap_or(json!({"active": false})))
    } else {
        let token = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        match token.and_then(|token| known.get(token)) {
            Some(claims) => ("200 OK", claims.clone()),
            None => ("401 Unauthorized", json!({"error": "invalid_token"})),
        }
    };
    record.lock().unwrap().push(request);
    let body = body.to_string();
    let text = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// The response to a list of the models.
async fn models(gate: &Fixture, token: &str) -> Message {
    gate.refused("GET", "/v1/models", &format!("authorization: Bearer {token}\r\n"), "").await
}

fn user() -> Value {
    json!({"sub": "u", "roles": ["basic_user"]})
}

fn active() -> Value {
    json!({"active": true, "sub": "u", "roles": ["basic_user"], "token_type": "Bearer", "exp": in_a_while(),
        "iss": "https://idp", "aud": "gate"})
}

#[tokio::test]
async fn userinfo_makes_an_opaque_tokens_claims() {
    let provider = Provider::start(&[("good", user()), ("guest", json!({"sub": "g"}))]).await;
    let gate = provider.userinfo().await;
    for (token, status) in [("good", "200"), ("guest", "403"), ("unknown", "401")] {
        assert_eq!(models(&gate, token).await.status(), status, "{token}");
    }
    let refused = models(&gate, "unknown").await;
    assert!(refused.header("www-authenticate").unwrap().contains("error=\"invalid_token\""));
    assert!(!refused.body.contains("unknown") && !refused.head.contains("unknown"));
    assert_eq!(provider.asked(), 4, "good answers alone are kept");
    assert_eq!(models(&gate, "good").await.status(), "200");
    assert_eq!(provider.asked(), 4);
    let asked = provider.asked.lock().unwrap();
    assert!(asked.iter().all(|request| request.head.starts_with("GET /me HTTP/1.1\r\n")));
}

#[tokio::test]
async fn introspection_makes_an_opaque_tokens_claims() {
    let provider = Provider::start(&[("good", active())]).await;
    let gate = provider.introspection(&[("JWT_ISSUER", "https://idp"), ("JWT_AUDIENCE", "gate")]).await;
    for (token, status) in [("good", "200"), ("revoked", "401"), ("good", "200")] {
        assert_eq!(models(&gate, token).await.status(), status, "{token}");
    }
    let asked = provider.asked.lock().unwrap();
    let [good, revoked] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!((good.body.as_str(), revoked.body.as_str()), ("token=good", "token=revoked"));
    assert_eq!(good.header("content-type"), Some("application/x-www-form-urlencoded"));
    // base64 of `the+gate:s3%3Acret`
    assert_eq!(good.header("authorization"), Some("Basic dGhlK2dhdGU6czMlM0FjcmV0"));
}

#[tokio::test]
async fn an_introspected_token_of_another_issuer_or_audience_is_refused() {
    let mut other_issuer = active();
    other_issuer["iss"] = json!("https://other");
    let mut other_audience = active();
    other_audience["aud"] = json!(["other"]);
    let tokens = [("good", active()), ("other-issuer", other_issuer), ("other-audience", other_audience)];
    let provider = Provider::start(&tokens).await;
    let gate = provider.introspection(&[("JWT_ISSUER", "https://idp"), ("JWT_AUDIENCE", "gate")]).await;
    for (token, status) in [("good", "200"), ("other-issuer", "401"), ("other-audience", "401")] {
        assert_eq!(models(&gate, token).await.status(), status, "{token}");
    }
}

#[tokio::test]
async fn two_opaque_tokens_with_a_long_common_prefix_are_distinct_in_the_cache() {
    let prefix = "x".repeat(8_000);
    let (good, guest, unknown) = (format!("{prefix}1"), format!("{prefix}2"), prefix);
    let provider = Provider::start(&[(&good, user()), (&guest, json!({"sub": "g"}))]).await;
    let gate = provider.userinfo().await;
    for _ in 0..2 {
        for (token, status) in [(&good, "200"), (&guest, "403"), (&unknown, "401")] {
            assert_eq!(models(&gate, token).await.status(), status);
        }
    }
}

#[tokio::test]
async fn an_endpoint_that_is_down_is_no_fault_of_the_token() {
    let provider = Provider::start(&[("good", user())]).await;
    let gate = provider.userinfo().await;
    assert_eq!(models(&gate, "good").await.status(), "200");
    provider.task.abort();
    assert!(provider.task.await.unwrap_err().is_cancelled());
    let answer = models(&gate, "other").await;
    assert_eq!((answer.status(), answer.code().as_str()), ("503", "provider_unavailable"));
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert_eq!(models(&gate, "good").await.status(), "200", "what is known serves on");
    assert_eq!(models(&gate, &gate.token(&["basic_user"])).await.status(), "200", "JWTs need nobody");
}

#[tokio::test]
async fn the_provider_is_not_asked_about_jwts_api_keys_and_the_master_key() {
    let forged = "eyJhbGciOiJub25lIn0.e30.AA";
    let provider = Provider::start(&[("sk-other", user()), (forged, user())]).await;
    let gate = provider.userinfo().await;
    let good = gate.token(&["basic_user"]);
    let expired = gate.token_of(&json!({"sub": "u", "roles": ["basic_user"], "exp": 1}));
    for (token, status) in
        [(MASTER_KEY, "200"), ("sk-other", "401"), (forged, "401"), (&good, "200"), (&expired, "401")]
    {
        assert_eq!(models(&gate, token).await.status(), status, "{token}");
    }
    assert_eq!(provider.asked(), 0);
}

#[tokio::test]
async fn without_a_provider_to_ask_an_opaque_token_is_refused() {
    let gate = Fixture::start().await;
    assert_eq!(models(&gate, "opaque").await.status(), "401");
}
