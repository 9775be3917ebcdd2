//! Browsers: preflight requests, and responses that a page may read.

use crate::fixture::{Fixture, answer, read_message, soon};

const PAGE: &str = "https://chat.example.com";
const CORS: &str = r#"cors: {origins: ["https://chat.example.com", "http://localhost:3000"]}"#;
const CHAT: &str = "/v1/chat/completions";
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;

fn preflight(origin: &str) -> String {
    format!(
        "origin: {origin}\r\naccess-control-request-method: POST\r\n\
         access-control-request-headers: authorization,content-type,x-stainless-os\r\n"
    )
}

#[tokio::test]
async fn a_preflight_of_a_page_that_is_named_is_answered_without_a_credential() {
    let gate = Fixture::with(CORS).await;
    for path in [CHAT, "/v1/messages", "/health/readiness", "/no/such/route"] {
        let answer = gate.refused("OPTIONS", path, &preflight(PAGE), "").await;
        assert_eq!(answer.status(), "204", "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
        let names = "authorization,content-type,x-stainless-os";
        assert_eq!(answer.header("access-control-allow-headers"), Some(names));
        assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert!(answer.head.contains("vary: origin\r\n"), "{}", answer.head);
        assert!(answer.header("x-request-id").is_some());
    }
}

#[tokio::test]
async fn a_preflight_of_another_page_is_a_request_without_a_credential() {
    for modelgate in [CORS, ""] {
        let gate = Fixture::with(modelgate).await;
        for origin in [
            "https://evil.example",
            "null",
            "https://chat.example.com.evil.example",
            "http://chat.example.com",
        ] {
            let answer = gate.refused("OPTIONS", CHAT, &preflight(origin), "").await;
            assert_eq!(answer.status(), "401", "{origin}");
            assert!(!answer.head.contains("access-control-"), "{}", answer.head);
        }
    }
}

#[tokio::test]
async fn options_without_the_method_that_is_asked_for_is_no_preflight() {
    let gate = Fixture::with(CORS).await;
    let answer = gate.refused("OPTIONS", CHAT, &format!("origin: {PAGE}\r\n"), "").await;
    assert_eq!(answer.status(), "401");
}

#[tokio::test]
async fn a_page_that_is_named_reads_answers_and_errors() {
    let gate = Fixture::with(CORS).await;
    let token = gate.token(&["basic_user"]);
    let headers = format!("authorization: Bearer {token}\r\norigin: {PAGE}\r\n");
    let mut client = gate.send("POST", CHAT, &headers, ALLOWED).await;
    let (mut upstream, seen) = gate.arriving().await;
    assert_eq!(seen.header("origin"), None, "the gateway speaks to the upstream, not the page");
    answer(&mut upstream, "{}").await;
    let answered = soon(read_message(&mut client)).await;
    assert_eq!(answered.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(answered.header("access-control-expose-headers"), Some("*"));
    assert!(answered.head.contains("vary: origin\r\n"));

    for (body, status) in [(r#"{"model": "openai-gpt-4o"}"#, "403"), ("{", "400")] {
        let refused = gate.refused("POST", CHAT, &headers, body).await;
        assert_eq!(refused.status(), status);
        assert_eq!(refused.header("access-control-allow-origin"), Some(PAGE));
    }
    let anonymous = gate.refused("POST", CHAT, &format!("origin: {PAGE}\r\n"), ALLOWED).await;
    assert_eq!((anonymous.status(), anonymous.header("access-control-allow-origin")), ("401", Some(PAGE)));
}

#[tokio::test]
async fn an_upstream_does_not_say_which_pages_read() {
    for modelgate in [CORS, ""] {
        let gate = Fixture::with(modelgate).await;
        let token = gate.token(&["basic_user"]);
        let headers = format!("authorization: Bearer {token}\r\norigin: https://evil.example\r\n");
        let mut client = gate.send("POST", CHAT, &headers, ALLOWED).await;
        let (mut upstream, _) = gate.arriving().await;
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\naccess-control-allow-origin: *\r\n\
                    access-control-allow-credentials: true\r\nvary: accept\r\n\r\n{}";
        soon(tokio::io::AsyncWriteExt::write_all(&mut upstream, text.as_bytes())).await.unwrap();
        let answered = soon(read_message(&mut client)).await;
        assert_eq!(answered.status(), "200");
        assert!(!answered.head.contains("access-control-"), "{}", answered.head);
        assert!(answered.head.contains("vary: accept\r\n"));
    }
}
