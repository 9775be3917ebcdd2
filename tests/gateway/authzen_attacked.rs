//! Questions to the AuthZEN listener that try to get more than the gateway would permit.

use serde_json::{Value, json};

use crate::authzen::{BLOCK, EVALUATION, Pdp, question, user, with};
use crate::fixture::{Fixture, MASTER_KEY};

async fn started() -> (Fixture, Pdp) {
    let fixture = Fixture::with(BLOCK).await;
    let pdp = Pdp::of(&fixture.gateway).await;
    (fixture, pdp)
}

fn route(subject: &Value, method: &str, path: &str, properties: Value) -> Value {
    question(subject, method, &with(json!({"type": "route", "id": path}), properties))
}

#[tokio::test]
async fn a_credential_in_the_headers_of_a_question_does_not_replace_that_of_its_subject() {
    let (fixture, pdp) = started().await;
    let other = fixture.token(&["basic_user"]);
    for stronger in [MASTER_KEY, &other] {
        for name in ["authorization", "x-api-key", "api-key", "x-litellm-api-key", "x-goog-api-key"] {
            let value =
                if name == "authorization" { format!("Bearer {stronger}") } else { stronger.to_owned() };
            let subject = json!({"type": "token", "id": "opaque"});
            let asked = route(&subject, "GET", "/v1/models", json!({"headers": {(name): value}}));
            let answer = pdp.ask(EVALUATION, &asked).await;
            assert_eq!(answer["context"]["code"], "bad_credential", "{name} {answer}");
        }
    }
    // What the gateway ignores beside a token is no other credential.
    let subject = json!({"type": "token", "id": other});
    for headers in
        [json!({"x-api-key": "sk-placeholder"}), json!({"x-api-key": other}), json!({"api-key": ""})]
    {
        assert!(pdp.decides(&route(&subject, "GET", "/v1/models", json!({ "headers": headers }))).await);
    }
}

#[tokio::test]
async fn a_model_is_permitted_only_in_a_request_that_names_it() {
    let (_fixture, pdp) = started().await;
    let caller = with(user("u"), json!({"roles": ["basic_user"]}));
    for (method, path) in [
        ("GET", "/v1/models"),
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/batches/b/cancel"),
        ("DELETE", "/v1/files/f"),
        ("GET", "/v1/files/f"),
        ("HEAD", "/v1/models"),
        ("OPTIONS", "/v1/chat/completions"),
        ("POST", "/v1/files"),
        ("POST", "/v1/models"),
    ] {
        let mut asked = question(&caller, "use_model", &json!({"type": "model", "id": "openai-gpt-4o"}));
        asked["context"] = json!({"method": method, "route": path});
        let answer = pdp.ask(EVALUATION, &asked).await;
        assert_eq!(answer["decision"], false, "{method} {path} {answer}");
    }
}

#[tokio::test]
async fn more_headers_than_a_request_can_have_are_a_malformed_question() {
    let (_fixture, pdp) = started().await;
    let caller = with(user("u"), json!({"roles": ["basic_user"]}));
    let headers: serde_json::Map<String, Value> =
        (0..40_000).map(|number| (format!("x-{number}"), json!("1"))).collect();
    let asked = route(&caller, "GET", "/v1/models", json!({ "headers": headers }));
    let answer = pdp.send(EVALUATION, "", &asked.to_string()).await;
    assert_eq!(answer.status(), "400", "{answer:?}");
    let once = json!({"headers": {"x-1": vec!["1"; 40_000]}});
    let answer = pdp.send(EVALUATION, "", &route(&caller, "GET", "/v1/models", once).to_string()).await;
    assert_eq!(answer.status(), "400", "{answer:?}");
}
