//! The identity provider is down, slow, wrong, or has new keys.

use std::io::Write as _;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::key::{Key, in_a_while};
use crate::process::{Gate, MASTER_KEY, Upstream, answer, header, nobody, until};

const FAILURES: &str = "modelgate_jwks_fetch_failures_total{issuer=\"\",provider=\"";

/// A provider with a fixed response, which counts requests. Without a response it stays silent.
struct Provider {
    url: String,
    says: Arc<Mutex<(String, usize)>>,
}

impl Provider {
    fn start(says: String) -> Self {
        let says = Arc::new(Mutex::new((says, 0)));
        let shared = Arc::clone(&says);
        let mut silent = Vec::new();
        let address = Upstream::start().serve(move |mut stream| {
            answer(&mut stream);
            let mut says = shared.lock().unwrap();
            says.1 += 1;
            if says.0.is_empty() {
                silent.push(stream);
            } else {
                // The client may have given up.
                let _ = stream.write_all(says.0.as_bytes());
            }
        });
        Self { url: format!("http://{address}/keys"), says }
    }

    fn set_response(&self, says: String) {
        self.says.lock().unwrap().0 = says;
    }

    fn request_count(&self) -> usize {
        self.says.lock().unwrap().1
    }
}

fn document(status: &str, kind: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

fn keys(key: &Key) -> String {
    document("200 OK", "application/json", &key.jwks().to_string())
}

fn gate(url: &str) -> Gate {
    let yaml = format!(
        "general_settings:\n  master_key: {MASTER_KEY}\n  enable_jwt_auth: true\n  litellm_jwtauth: \
         {{user_id_jwt_field: sub, public_key_ttl: 1}}\nmodel_list: []\n\
         modelgate: {{public_key_cooldown: 1, public_key_stale_ttl: 0, decision_log: {{file: log}}}}\n"
    );
    Gate::with(&[], &yaml, |command| {
        command.env("JWT_PUBLIC_KEY_URL", url).env("JWT_AUDIENCE", "gate");
    })
}

fn token(key: &Key) -> String {
    key.token(&json!({"sub": "ada", "aud": "gate", "exp": in_a_while()}))
}

/// Tokens get 503, because they cannot be verified. Requests that need no keys are served.
fn is_unavailable(gate: &Gate, url: &str, token: &str, reason: &str) {
    let answer = gate.models_as(token);
    assert_eq!(answer.told(), (503, "keys_unavailable".to_owned()));
    assert_eq!(header(&answer.head, "retry-after"), Some("5"));
    assert_eq!(gate.models_as(MASTER_KEY).status(), 200);
    let failures = format!("{FAILURES}{url}\"}}");
    assert!(gate.metric(&failures) >= 1.0, "{}", gate.metrics());
    let said = gate.log.so_far();
    assert!(said.contains("fetching keys failed") && said.contains(reason), "{reason}: {said}");
    let lines = gate.decisions(2);
    assert!(lines.iter().any(|line| line["code"] == "keys_unavailable" && line["verdict"] == "refused"));
}

#[test]
fn while_the_provider_is_down_tokens_get_503_and_the_master_key_is_served() {
    let url = format!("http://{}/keys", nobody());
    let gate = gate(&url);
    is_unavailable(&gate, &url, &token(&Key::new()), "Connection refused");
}

#[test]
fn a_provider_that_says_something_else_is_believed_nothing_until_it_says_keys() {
    let key = Key::new();
    let html = document("200 OK", "text/html", "<html>Sign in</html>");
    let error = document("500 Internal Server Error", "application/json", &key.jwks().to_string());
    let empty = document("200 OK", "application/json", "{}");
    let cut = keys(&key).replace("}]}", "");
    for (says, reason) in [
        (html, "not acceptable JSON"),
        (error, "status 500"),
        (empty, "neither `keys` nor `jwks_uri`"),
        (cut, "end of file before message length reached"),
        ("SSH-2.0\r\n".to_owned(), "error"),
    ] {
        let provider = Provider::start(says);
        let gate = gate(&provider.url);
        is_unavailable(&gate, &provider.url, &token(&key), reason);
        provider.set_response(keys(&key));
        until(|| (gate.models_as(&token(&key)).status() == 200).then_some(()));
    }
}

#[test]
fn a_provider_that_does_not_answer_holds_up_its_own_tokens_for_a_bounded_time() {
    let key = Key::new();
    let provider = Provider::start(String::new());
    let gate = gate(&provider.url);
    let mut waiting = gate.connect();
    let headers = format!("authorization: Bearer {}\r\n", token(&key));
    crate::process::send_on(&mut waiting, "GET", "/v1/models", &headers, "");
    assert_eq!(gate.models_as(MASTER_KEY).status(), 200, "others are served meanwhile");
    assert_eq!(answer(&mut waiting).told(), (503, "keys_unavailable".to_owned()));
    gate.log.times("the response did not complete in time", 1);
    provider.set_response(keys(&key));
    until(|| (gate.models_as(&token(&key)).status() == 200).then_some(()));
}

#[test]
fn keys_that_rotate_are_fetched_when_a_token_names_them_and_old_ones_go() {
    let (old, new) = (Key::named("old"), Key::named("new"));
    let provider = Provider::start(keys(&old));
    let gate = gate(&provider.url);
    assert_eq!(gate.models_as(&token(&old)).status(), 200);
    provider.set_response(keys(&new));
    until(|| (gate.models_as(&token(&new)).status() == 200).then_some(()));
    assert_eq!(gate.models_as(&token(&old)).told(), (401, "invalid_api_key".to_owned()));
    assert!(gate.decisions(3).iter().any(|line| line["reason"] == "token_unknown_key"));
    assert!(provider.request_count() >= 2);
}
