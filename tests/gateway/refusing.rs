//! Requests that never reach an upstream.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{Fixture, MASTER_KEY, bearer, in_a_while, read_message, soon};

const CHAT: &str = "/v1/chat/completions";
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;

#[tokio::test]
async fn a_model_that_the_role_lacks_is_denied() {
    let gate = Fixture::start().await;
    let answer = gate
        .refused("POST", CHAT, &bearer(&gate.token(&["basic_user"])), r#"{"model": "openai-gpt-4o"}"#)
        .await;
    assert_eq!((answer.status(), answer.code().as_str()), ("403", "model_not_allowed"));
    assert!(!answer.body.contains("anthropic"), "a denial never lists what is allowed");
}

#[tokio::test]
async fn a_token_without_the_role_is_denied() {
    let gate = Fixture::start().await;
    let answer = gate.refused("POST", CHAT, &bearer(&gate.token(&["guest"])), ALLOWED).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("403", "permission_denied"));
}

#[tokio::test]
async fn no_token_is_challenged_without_an_error() {
    let gate = Fixture::start().await;
    let answer = gate.refused("POST", CHAT, "", ALLOWED).await;
    assert_eq!(answer.status(), "401");
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"modelgate\""));
}

#[tokio::test]
async fn a_bad_token_is_challenged_with_its_fault() {
    let gate = Fixture::start().await;
    let expired = gate.token_of(&json!({"sub": "u", "exp": 1}));
    for token in [expired.as_str(), "sk-not-a-token", "a.b.c"] {
        let answer = gate.refused("POST", CHAT, &bearer(token), ALLOWED).await;
        assert_eq!(answer.status(), "401", "{token}");
        assert!(
            answer.header("www-authenticate").is_some_and(|c| c.contains("error=\"invalid_token\"")),
            "{answer:?}"
        );
        assert!(!answer.body.contains(token) && !answer.head.contains(token));
    }
}

#[tokio::test]
async fn different_credentials_and_repeated_headers_are_refused() {
    let gate = Fixture::start().await;
    let good = bearer(&gate.token(&["basic_user"]));
    let other = format!("api-key: {}\r\n", gate.token(&["guest"]));
    for second in [other.as_str(), good.as_str(), "authorization: Basic dTpw\r\n"] {
        let answer = gate.refused("POST", CHAT, &format!("{good}{second}"), ALLOWED).await;
        assert_eq!((answer.status(), answer.code().as_str()), ("400", "bad_credential"), "{second}");
    }
}

#[tokio::test]
async fn a_token_over_16_kib_is_refused_before_it_is_read() {
    let gate = Fixture::start().await;
    for token in ["a.b.c".repeat(4000), format!("{}.e30.AA", "A".repeat(20_000))] {
        let answer = gate.refused("POST", CHAT, &bearer(&token), ALLOWED).await;
        assert_eq!((answer.status(), answer.code().as_str()), ("431", "bad_credential"));
    }
}

#[tokio::test]
async fn a_token_whose_groups_are_kept_elsewhere_is_told_so() {
    let gate = Fixture::start().await;
    let claims = json!({"sub": "u", "exp": in_a_while(), "_claim_names": {"roles": "src1"}});
    let answer = gate.refused("POST", CHAT, &bearer(&gate.token_of(&claims)), ALLOWED).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("403", "permission_denied"));
    assert!(answer.body.contains("group overage"), "{}", answer.body);
}

#[tokio::test]
async fn every_error_carries_the_id_of_its_request() {
    let gate = Fixture::with("max_body_bytes: 1024").await;
    let user = bearer(&gate.token(&["basic_user"]));
    let long = format!("{{\"model\": \"anthropic-claude\", \"x\": \"{}\"}}", "y".repeat(1024));
    for (status, path, headers, body) in [
        ("400", "/v1//models", user.as_str(), ""),
        ("400", CHAT, &user, "{"),
        ("401", CHAT, "", ALLOWED),
        ("403", CHAT, &user, r#"{"model": "openai-gpt-4o"}"#),
        ("404", CHAT, &user, r#"{"model": "team/*"}"#),
        ("413", CHAT, &user, &long),
        ("415", CHAT, &format!("{user}content-encoding: compress\r\n"), ALLOWED),
        ("431", CHAT, &bearer(&"a".repeat(17_000)), ALLOWED),
    ] {
        for (sent, expected) in [("", None), ("x-request-id: mine-1\r\n", Some("mine-1"))] {
            let answer = gate.refused("POST", path, &format!("{sent}{headers}"), body).await;
            assert_eq!(answer.status(), status, "{path}");
            let named = answer.header("x-request-id").unwrap();
            let parsed: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(parsed["error"]["request_id"], named, "{status}");
            assert!(expected.map_or(named.len() == 32, |expected| named == expected), "{status}: {named}");
        }
    }
}

#[tokio::test]
async fn a_path_with_two_readings_reaches_no_upstream() {
    let gate = Fixture::with("upstream: {api_base: \"http://UPSTREAM/\"}").await;
    let user = bearer(&gate.token(&["basic_user"]));
    for path in [
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/./chat/completions",
        "/v1/x/../chat/completions",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1%2fchat/completions",
        "/v1%5cchat/completions",
        "/v1\\chat/completions",
        "/v1/chat/completions%00",
        "/v1/chat/completions;x",
        "/v1/%252e%252e/chat/completions",
        "http://gate/v1/../v1/chat/completions",
        "http://gate//v1/chat/completions",
    ] {
        let answer = gate.refused("POST", path, &user, ALLOWED).await;
        assert_eq!(answer.status(), "400", "{path}");
    }
}

#[tokio::test]
async fn two_models_are_refused() {
    let gate = Fixture::start().await;
    let headers = bearer(&gate.token(&["basic_user"]));
    let path = "/engines/openai-gpt-4o/chat/completions";
    assert_eq!(gate.refused("POST", path, &headers, ALLOWED).await.status(), "400");
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let gate = Fixture::with("max_body_bytes: 1024").await;
    let body = format!("{{\"model\": \"anthropic-claude\", \"x\": \"{}\"}}", "y".repeat(1024));
    let answer = gate.refused("POST", CHAT, &bearer(&gate.token(&["basic_user"])), &body).await;
    assert_eq!(answer.status(), "413");
}

#[tokio::test]
async fn a_permitted_model_that_nothing_serves_is_not_found() {
    let gate = Fixture::start().await;
    let answer =
        gate.refused("POST", CHAT, &bearer(&gate.token(&["basic_user"])), r#"{"model": "team/*"}"#).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("404", "model_not_found"));
}

#[tokio::test]
async fn the_models_listed_are_those_that_may_be_called() {
    let gate = Fixture::start().await;
    let ids = |body: &str| -> Vec<String> {
        let body: Value = serde_json::from_str(body).unwrap();
        let data = body.get("data").and_then(Value::as_array).unwrap();
        data.iter().map(|model| model.get("id").and_then(Value::as_str).unwrap().to_owned()).collect()
    };
    let user = bearer(&gate.token(&["basic_user"]));
    assert_eq!(ids(&gate.refused("GET", "/v1/models", &user, "").await.body), ["anthropic-claude"]);
    let master = bearer(MASTER_KEY);
    assert_eq!(
        ids(&gate.refused("GET", "/models", &master, "").await.body),
        ["anthropic-claude", "openai-gpt-4o"]
    );
    assert_eq!(gate.refused("GET", "/v1/models/anthropic-claude", &master, "").await.status(), "200");
    assert_eq!(gate.refused("GET", "/v1/models/unknown", &master, "").await.status(), "404");
}

#[tokio::test]
async fn health_is_open_to_everybody() {
    let gate = Fixture::start().await;
    for path in ["/health/liveliness", "/health/readiness"] {
        assert_eq!(gate.refused("GET", path, "", "").await.status(), "200", "{path}");
    }
}

#[tokio::test]
async fn a_new_snapshot_decides_the_next_request() {
    let gate = Fixture::start().await;
    let headers = bearer(&gate.token(&["basic_user"]));
    let _old = gate.gateway.activate(gate.generation("[]"));
    assert_eq!(gate.refused("POST", CHAT, &headers, ALLOWED).await.status(), "403");
    let _old = gate.gateway.activate(gate.generation("[openai-gpt-4o]"));
    let _client = gate.send("POST", CHAT, &headers, r#"{"model": "openai-gpt-4o"}"#).await;
    assert_eq!(gate.arriving().await.1.body, r#"{"model": "gpt-4o"}"#);
}

#[tokio::test]
async fn requests_in_flight_finish_after_the_stop() {
    let gate = Fixture::start().await;
    let mut client = gate.chat(&gate.token(&["basic_user"]), ALLOWED).await;
    let (mut upstream, _) = gate.arriving().await;
    gate.stop.send(()).unwrap();
    crate::fixture::answer(&mut upstream, "late").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "late");
    soon(gate.served).await.unwrap();
}

#[tokio::test]
async fn rules_changed_by_a_reload_judge_a_known_token_anew() {
    let gate = Fixture::start().await;
    let headers = format!("authorization: Bearer {}\r\n", gate.token(&["basic_user"]));
    let both = async |status: &str| {
        for _ in 0..2 {
            assert_eq!(gate.refused("GET", "/v1/models", &headers, "").await.status(), status);
        }
    };
    both("200").await;
    let before = gate.gateway.activate(gate.generation_with(&[("JWT_AUDIENCE", "elsewhere")]));
    both("401").await;
    drop(before);
    drop(gate.gateway.activate(gate.generation_with(&[])));
    both("200").await;
}

#[tokio::test]
async fn a_client_that_sends_on_after_its_refusal_still_reads_it() {
    let gate = Fixture::with("max_body_bytes: 1024").await;
    let user = bearer(&gate.token(&["basic_user"]));
    // More than the buffers of both sockets hold, so that a client that only writes waits for the gateway.
    let body = vec![b' '; 24 * 1024 * 1024];
    for (headers, status) in [(user.as_str(), "413"), ("", "401")] {
        let mut client = soon(TcpStream::connect(gate.address)).await.unwrap();
        let length = body.len();
        let head = format!("POST {CHAT} HTTP/1.1\r\nhost: gate\r\ncontent-length: {length}\r\n{headers}\r\n");
        soon(client.write_all(head.as_bytes())).await.unwrap();
        // The client writes everything before it reads, like clients that ignore responses while they send.
        soon(client.write_all(&body)).await.unwrap();
        assert_eq!(soon(read_message(&mut client)).await.status(), status);
        let mut rest = Vec::new();
        soon(client.read_to_end(&mut rest)).await.unwrap();
        assert!(rest.is_empty());
    }
}

#[tokio::test]
async fn a_client_that_never_stops_sending_is_cut_off() {
    let gate = Fixture::with("max_body_bytes: 1024").await;
    let mut client = soon(TcpStream::connect(gate.address)).await.unwrap();
    let head = format!("POST {CHAT} HTTP/1.1\r\nhost: gate\r\ntransfer-encoding: chunked\r\n\r\n");
    soon(client.write_all(head.as_bytes())).await.unwrap();
    let chunk = [b"10000\r\n".as_slice(), &[b'x'; 0x10000], b"\r\n"].concat();
    let sent = soon(async {
        let mut sent = 0;
        while client.write_all(&chunk).await.is_ok() {
            sent += chunk.len();
        }
        sent
    });
    assert!(sent.await < 100 * 1024 * 1024);
}
