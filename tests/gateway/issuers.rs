//! Tokens of several issuers, each with keys and an audience of its own.

use serde_json::{Value, json};

use crate::fixture::{Fixture, Key, Message, in_a_while, read_message, soon};

const A: &str = "https://a.example";
const B: &str = "https://b.example/realm";
const C: &str = "https://c.example";

/// A gateway for the issuers A and B, whose keys have the same id. The keys of `JWT_PUBLIC_KEY_URL` are the
/// fixture's.
struct Issuers {
    gate: Fixture,
    a: Key,
    b: Key,
    directory: tempfile::TempDir,
}

impl Issuers {
    async fn start(variables: &[(&str, &str)]) -> Self {
        let (a, b, directory) = (Key::new(), Key::new(), tempfile::tempdir().unwrap());
        let publish = |name: &str, key: &Key| {
            let path = directory.path().join(name);
            std::fs::write(&path, key.jwks().to_string()).unwrap();
            url::Url::from_file_path(path).unwrap()
        };
        let jwtauth = format!(
            "issuers: [{{issuer: '{A}', jwks_url: '{}', audience: for-a}}, \
             {{issuer: '{B}', jwks_url: '{}', audience: [for-b, too], user_id_jwt_field: login}}]",
            publish("a.json", &a),
            publish("b.json", &b)
        );
        let gate = Fixture::with_tokens(&jwtauth, "", variables).await;
        Self { gate, a, b, directory }
    }

    /// The models that the caller may use, or the reason for the refusal.
    async fn answer(&self, token: &str) -> Message {
        self.gate.refused("GET", "/v1/models", &format!("authorization: Bearer {token}\r\n"), "").await
    }

    async fn status(&self, token: &str) -> String {
        self.answer(token).await.status().to_owned()
    }
}

fn claims(issuer: &str, audience: &str) -> Value {
    json!({"iss": issuer, "aud": audience, "roles": ["basic_user"], "exp": in_a_while()})
}

#[tokio::test]
async fn each_issuers_tokens_are_accepted_by_its_own_key_and_audience() {
    let issuers = Issuers::start(&[]).await;
    assert_eq!(issuers.status(&issuers.a.token(&claims(A, "for-a"))).await, "200");
    assert_eq!(issuers.status(&issuers.b.token(&claims(B, "too"))).await, "200");
    for token in [issuers.a.token(&claims(A, "for-b")), issuers.b.token(&claims(B, "for-a"))] {
        let answer = issuers.answer(&token).await;
        assert_eq!(answer.status(), "401");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.contains("claim 'aud' does not contain the audience"), "{challenge}");
    }
}

#[tokio::test]
async fn a_token_of_issuer_a_signed_with_issuer_bs_key_is_refused() {
    let issuers = Issuers::start(&[]).await;
    for token in [issuers.b.token(&claims(A, "for-a")), issuers.a.token(&claims(B, "for-b"))] {
        let answer = issuers.answer(&token).await;
        assert_eq!(answer.status(), "401");
        assert!(answer.body.contains("the signature does not verify"), "{}", answer.body);
    }
}

#[tokio::test]
async fn an_unlisted_issuer_is_refused_unless_jwt_issuer_names_it() {
    let closed = Issuers::start(&[]).await;
    let named = Issuers::start(&[("JWT_ISSUER", C), ("JWT_AUDIENCE", "for-c")]).await;
    for (issuers, status) in [(&closed, "401"), (&named, "200")] {
        assert_eq!(issuers.status(&issuers.gate.token_of(&claims(C, "for-c"))).await, status);
        // The global keys and the global audience apply only to that one issuer.
        assert_eq!(issuers.status(&issuers.gate.token_of(&claims(C, "for-a"))).await, "401");
        assert_eq!(issuers.status(&issuers.gate.token_of(&claims(A, "for-a"))).await, "401");
        assert_eq!(issuers.status(&issuers.a.token(&claims(C, "for-c"))).await, "401");
        for unlisted in ["https://a.example/", "https://A.example", "", "https://d.example"] {
            let token = issuers.a.token(&claims(unlisted, "for-a"));
            assert_eq!(issuers.status(&token).await, "401", "{unlisted}");
        }
    }
}

#[tokio::test]
async fn a_token_that_names_no_issuer_or_several_is_refused() {
    let issuers = Issuers::start(&[]).await;
    for iss in [json!(null), json!([A]), json!({"is": A})] {
        let mut claims = claims(A, "for-a");
        claims["iss"] = iss;
        assert_eq!(issuers.status(&issuers.a.token(&claims)).await, "401", "{claims}");
        claims.as_object_mut().unwrap().remove("iss");
        assert_eq!(issuers.status(&issuers.a.token(&claims)).await, "401");
    }
}

#[tokio::test]
async fn an_issuers_own_claim_names_the_user() {
    // The token has no role, so only a user id makes the caller an internal user.
    let issuers = Issuers::start(&[]).await;
    let mut claims = claims(B, "for-b");
    claims["roles"] = json!([]);
    assert_eq!(issuers.status(&issuers.b.token(&claims)).await, "403");
    claims["login"] = json!("bea");
    assert_eq!(issuers.status(&issuers.b.token(&claims)).await, "200");
    let mut of_a = claims.clone();
    (of_a["iss"], of_a["aud"]) = (A.into(), "for-a".into());
    assert_eq!(issuers.status(&issuers.a.token(&of_a)).await, "403", "`login` means nothing at A");
}

#[tokio::test]
async fn one_dead_issuer_does_not_block_the_other() {
    // A listener that accepts no connection, so that clients wait.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (a, directory) = (Key::new(), tempfile::tempdir().unwrap());
    let path = directory.path().join("a.json");
    std::fs::write(&path, a.jwks().to_string()).unwrap();
    let jwtauth = format!(
        "issuers: [{{issuer: '{B}', jwks_url: 'http://{}/', audience: x}}, {{issuer: '{A}', jwks_url: '{}', audience: x}}]",
        silent.local_addr().unwrap(),
        url::Url::from_file_path(path).unwrap()
    );
    let gate = Fixture::with_tokens(&jwtauth, "", &[]).await;
    let headers = |iss: &str| format!("authorization: Bearer {}\r\n", a.token(&claims(iss, "x")));
    let mut waiting = gate.send("GET", "/v1/models", &headers(B), "").await;
    assert_eq!(gate.refused("GET", "/v1/models", &headers(A), "").await.status(), "200");
    // B's own token cannot be verified.
    drop(silent);
    let answer = soon(read_message(&mut waiting)).await;
    assert_eq!((answer.status(), answer.header("retry-after")), ("503", Some("5")));
}

#[tokio::test]
async fn keys_that_were_fetched_at_the_start_need_no_provider_later() {
    let issuers = Issuers::start(&[]).await;
    issuers.gate.gateway.active().warm_up().await;
    for name in ["a.json", "b.json"] {
        std::fs::remove_file(issuers.directory.path().join(name)).unwrap();
    }
    assert_eq!(issuers.status(&issuers.a.token(&claims(A, "for-a"))).await, "200");
    assert_eq!(issuers.status(&issuers.b.token(&claims(B, "for-b"))).await, "200");
}
