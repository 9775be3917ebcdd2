//! The requests that go upstream, and the responses that come back.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fixture::{Fixture, MASTER_KEY, answer, read_message, read_until, soon};

const BODY: &str = r#"{"model": "anthropic-claude"}"#;

#[tokio::test]
async fn only_the_model_changes_in_the_body() {
    let gate = Fixture::start().await;
    let body = "{ \"messages\": [ ],\t\"mod\\u0065l\" : \"anthropic-claude\", \"n\":1.0 }";
    let mut client = gate.chat(&gate.token(&["basic_user"]), body).await;
    let (mut upstream, request) = gate.arriving().await;
    assert!(request.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.body, body.replace("\"anthropic-claude\"", r#""claude \"3\"""#));

    answer(&mut upstream, "hello").await;
    let answer = soon(read_message(&mut client)).await;
    assert_eq!((answer.status(), answer.body.as_str()), ("200", "hello"));
    assert_eq!(answer.header("x-kept"), Some("1"));
    assert_eq!(answer.header("set-cookie"), None);
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
}

#[tokio::test]
async fn the_deployments_credential_replaces_the_callers() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let headers = format!(
        "x-api-key: {token}\r\nconnection: x-secret, authorization\r\nx-secret: 1\r\nx-litellm-team: a\r\n\
         x-forwarded-for: 1.2.3.4\r\ncookie: a=b\r\nopenai-beta: yes\r\n"
    );
    let _client =
        gate.send("POST", "/v1/chat/completions", &headers, r#"{"model": "anthropic-claude"}"#).await;
    let (_upstream, request) = gate.arriving().await;
    assert_eq!(request.header("authorization"), Some("Bearer sk-upstream"));
    assert_eq!(request.header("openai-beta"), Some("yes"));
    assert!(!request.head.contains(&token));
    for absent in ["x-secret", "x-litellm-team", "x-forwarded-for", "cookie", "x-api-key"] {
        assert_eq!(request.header(absent), None, "{absent}");
    }
}

#[tokio::test]
async fn the_callers_token_reaches_the_upstream_in_no_header() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let more = format!(
        "cookie: session={token}\r\nproxy-authorization: Bearer {token}\r\nx-forwarded-access-token: {token}\r\n\
         connection: authorization, x-a, te\r\nx-a: {token}\r\nte: trailers\r\ntrailer: x-b\r\nupgrade: h2c\r\n\
         x-litellm-user: admin\r\nx-modelgate-role: admin\r\nx-forwarded-host: evil.example\r\n"
    );
    for place in [
        format!("authorization: Bearer {token}"),
        format!("x-litellm-api-key: Bearer {token}"),
        format!("x-api-key: {token}"),
        format!("api-key: {token}"),
        format!("x-goog-api-key: {token}"),
    ] {
        let headers = format!("{place}\r\n{more}");
        let body = r#"{"model": "anthropic-claude"}"#;
        let _client = gate.send("POST", "/v1/chat/completions", &headers, body).await;
        let (_upstream, request) = gate.arriving().await;
        assert!(!request.head.contains(&token) && !request.body.contains(&token), "{place}");
        let mut names: Vec<_> =
            request.head.lines().skip(1).filter_map(|line| Some(line.split_once(": ")?.0)).collect();
        names.sort_unstable();
        assert_eq!(names, ["authorization", "content-length", "host"], "{place}");
        assert_eq!(request.header("authorization"), Some("Bearer sk-upstream"));
    }
}

#[tokio::test]
async fn a_model_in_the_path_is_added_to_the_body() {
    let gate = Fixture::start().await;
    let headers = format!("api-key: {}\r\n", gate.token(&["basic_user"]));
    let path = "/openai/deployments/anthropic-claude/chat/completions";
    let _client = gate.send("POST", path, &headers, r#"{"n": 1}"#).await;
    let (_upstream, request) = gate.arriving().await;
    assert!(request.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.body, r#"{"model":"claude \"3\"","n": 1}"#);
}

#[tokio::test]
async fn a_connection_to_the_upstream_is_used_again() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let body = r#"{"model": "anthropic-claude"}"#;
    let mut client = gate.chat(&token, body).await;
    let (mut upstream, _) = gate.arriving().await;
    answer(&mut upstream, "1").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "1");

    let mut client = gate.chat(&token, body).await;
    assert!(soon(read_message(&mut upstream)).await.head.starts_with("POST"));
    answer(&mut upstream, "2").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "2");
}

#[tokio::test]
async fn a_connection_that_the_upstream_closed_is_replaced() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    for round in ["1", "2", "3"] {
        let mut client = gate.chat(&token, BODY).await;
        let (mut upstream, _) = gate.arriving().await;
        answer(&mut upstream, round).await;
        assert_eq!(soon(read_message(&mut client)).await.body, round);
    }
}

#[tokio::test]
async fn what_an_upstream_sends_unasked_answers_nobody() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let mut client = gate.chat(&token, BODY).await;
    let (mut first, _) = gate.arriving().await;
    answer(&mut first, "1").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "1");
    answer(&mut first, "for somebody else").await;

    let mut client = gate.chat(&token, BODY).await;
    let (mut second, _) = gate.arriving().await;
    answer(&mut second, "2").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "2");
}

#[tokio::test]
async fn an_answer_that_breaks_off_breaks_off_for_the_caller_too() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let mut client = gate.chat(&token, BODY).await;
    let (mut upstream, _) = gate.arriving().await;
    soon(upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")).await.unwrap();
    assert!(soon(read_until(&mut client, "hello")).await.contains("content-length: 10\r\n"));
    drop(upstream);
    let mut rest = Vec::new();
    // The connection must end, perhaps with a reset.
    let _ = soon(client.read_to_end(&mut rest)).await;
    assert!(rest.is_empty(), "{rest:?}");

    // The connection is not used again.
    let mut client = gate.chat(&token, BODY).await;
    let (mut upstream, _) = gate.arriving().await;
    answer(&mut upstream, "2").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "2");
}

#[tokio::test]
async fn what_comes_with_the_break_of_an_answer_arrives_before_it() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    for _ in 0..20 {
        let mut client = gate.chat(&token, BODY).await;
        let (mut upstream, _) = gate.arriving().await;
        soon(upstream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")).await.unwrap();
        drop(upstream);
        let mut answer = Vec::new();
        let _ = soon(client.read_to_end(&mut answer)).await;
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n") && answer.ends_with(b"hello"), "{answer:?}");
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_whole_request_is_sent_arrives() {
    let gate = Fixture::start().await;
    let body = format!(r#"{{"model": "anthropic-claude", "pad": "{}"}}"#, "x".repeat(8 * 1024 * 1024));
    let mut client = gate.chat(&gate.token(&["basic_user"]), &body).await;
    let (mut upstream, _) = soon(gate.upstream.accept()).await.unwrap();
    let head = soon(read_until(&mut upstream, "\r\n\r\n")).await;
    assert!(head.starts_with("POST"), "{head}");
    answer(&mut upstream, "too large").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "too large");
}

#[tokio::test]
async fn the_master_key_reaches_management_routes_at_the_upstream_proxy() {
    let gate = Fixture::with("upstream: {api_base: \"http://UPSTREAM/base\", api_key: sk-proxy}").await;
    let headers = format!("authorization: Bearer {MASTER_KEY}\r\n");
    let _client = gate.send("GET", "/key/info?key=a%2Fb", &headers, "").await;
    let (_upstream, request) = gate.arriving().await;
    assert!(request.head.starts_with("GET /base/key/info?key=a%2Fb HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.header("authorization"), Some("Bearer sk-proxy"));
}

#[tokio::test]
async fn an_upstream_that_refuses_connections_is_a_bad_gateway() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let Fixture { upstream, address, .. } = gate;
    drop(upstream);
    let body = r#"{"model": "anthropic-claude"}"#;
    let mut client = soon(tokio::net::TcpStream::connect(address)).await.unwrap();
    let text = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    soon(tokio::io::AsyncWriteExt::write_all(&mut client, text.as_bytes())).await.unwrap();
    let answer = soon(read_message(&mut client)).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("502", "upstream_unreachable"));
}
