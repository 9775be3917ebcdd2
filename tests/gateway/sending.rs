//! A request is decided by the state at the time when it is sent, regardless of how long its body or its connection
//! took.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::fixture::{Fixture, Key, Message, answer, read_message, read_until, soon};
use crate::reload::{CLAUDE, Live};

const CHAT: &str = "/v1/chat/completions";
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;
const GPT: &str = r#"{"model": "openai-gpt-4o"}"#;

/// A request whose body is awaited. Its token was accepted.
async fn paused(gate: &Fixture, path: &str, headers: &str, length: usize) -> TcpStream {
    let mut client = soon(TcpStream::connect(gate.address)).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: gate\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n{headers}\r\n"
    );
    soon(client.write_all(head.as_bytes())).await.unwrap();
    assert!(soon(read_until(&mut client, "\r\n\r\n")).await.starts_with("HTTP/1.1 100 "));
    client
}

async fn paused_chat(gate: &Fixture, token: &str, body: &str) -> TcpStream {
    paused(gate, CHAT, &format!("authorization: Bearer {token}\r\n"), body.len()).await
}

async fn rest(mut client: TcpStream, body: &str) -> Message {
    soon(client.write_all(body.as_bytes())).await.unwrap();
    soon(read_message(&mut client)).await
}

/// The upstream has not received a connection so far.
async fn upstream_has_seen_nothing(gate: &Fixture) {
    let waiting = tokio::time::timeout(Duration::from_millis(20), gate.upstream.accept()).await;
    assert!(waiting.is_err(), "something was sent upstream");
}

#[tokio::test]
async fn a_token_that_ends_while_its_body_comes_is_refused() {
    let gate = Fixture::start().await;
    let end = SystemTime::now() + Duration::from_millis(1500);
    let exp = end.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let token = gate.token_of(&json!({"sub": "u", "roles": ["basic_user"], "exp": exp}));
    let client = paused_chat(&gate, &token, ALLOWED).await;
    // The only way to let a token expire is to wait.
    tokio::time::sleep(end.duration_since(SystemTime::now()).unwrap_or_default() + Duration::from_millis(5))
        .await;
    let refused = rest(client, ALLOWED).await;
    assert_eq!((refused.status(), refused.code().as_str()), ("401", "invalid_api_key"));
    assert!(refused.body.contains("expired"), "{}", refused.body);
    upstream_has_seen_nothing(&gate).await;
}

#[tokio::test]
async fn a_model_that_is_taken_away_while_the_body_comes_is_denied() {
    let gate = Fixture::start().await;
    let client = paused_chat(&gate, &gate.token(&["basic_user"]), ALLOWED).await;
    gate.gateway.activate(gate.generation("[openai-gpt-4o]"));
    assert_eq!(rest(client, ALLOWED).await.code(), "model_not_allowed");
    upstream_has_seen_nothing(&gate).await;
}

#[tokio::test]
async fn a_model_that_is_opened_while_the_body_comes_is_forwarded() {
    let gate = Fixture::start().await;
    let mut client = paused_chat(&gate, &gate.token(&["basic_user"]), GPT).await;
    gate.gateway.activate(gate.generation("[openai-gpt-4o]"));
    soon(client.write_all(GPT.as_bytes())).await.unwrap();
    let (mut upstream, request) = gate.arriving().await;
    assert_eq!(request.body, GPT.replace("openai-", ""));
    answer(&mut upstream, "hello").await;
    assert_eq!(soon(read_message(&mut client)).await.body, "hello");
}

#[tokio::test]
async fn a_model_in_a_form_is_judged_by_the_newest_rules_too() {
    let gate = Fixture::start().await;
    let form = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nanthropic-claude\r\n--b--\r\n";
    let headers = format!(
        "authorization: Bearer {}\r\ncontent-type: multipart/form-data; boundary=b\r\n",
        gate.token(&["basic_user"])
    );
    let path = "/v1/audio/transcriptions";
    for (models, status) in [("[openai-gpt-4o]", Some("403")), ("[anthropic-claude]", None)] {
        let mut client = paused(&gate, path, &headers, form.len()).await;
        gate.gateway.activate(gate.generation(models));
        soon(client.write_all(form.as_bytes())).await.unwrap();
        match status {
            Some(status) => assert_eq!(soon(read_message(&mut client)).await.status(), status),
            None => assert!(gate.arriving().await.1.body.contains("claude \"3\"")),
        }
        gate.gateway.activate(gate.generation("[anthropic-claude]"));
    }
}

#[tokio::test]
async fn a_key_that_is_taken_away_while_the_body_comes_verifies_nothing() {
    let live = Live::start().await;
    let client = paused_chat(&live.gate, &live.gate.token(&["basic_user"]), ALLOWED).await;
    live.files().write("jwks.json", Key::new().jwks().to_string());
    live.reloader.reload().await;
    assert_eq!(rest(client, ALLOWED).await.status(), "401");
    upstream_has_seen_nothing(&live.gate).await;
}

#[tokio::test]
async fn limits_that_shrink_while_the_body_comes_count() {
    let live = Live::start().await;
    let body = format!("{{\"model\": \"anthropic-claude\", \"x\": [[\"{}\"]]}}", "y".repeat(2000));
    for (settings, status) in [("max_body_bytes: 1024", "413"), ("limits: {json_depth: 4}", "400")] {
        live.files().write("config.yaml", live.files().yaml(CLAUDE));
        live.reloader.reload().await;
        let body = body.replace("[[", "[[[[[").replace("]]", "]]]]]");
        let client = paused_chat(&live.gate, &live.gate.token(&["basic_user"]), &body).await;
        live.files().write("config.yaml", live.files().yaml_with(settings, CLAUDE));
        live.reloader.reload().await;
        assert_eq!(rest(client, &body).await.status(), status, "{settings}");
    }
    upstream_has_seen_nothing(&live.gate).await;
}

#[tokio::test]
async fn rules_that_change_while_keys_are_waited_for_decide() {
    let (provider, key) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Key::new());
    let issuers = format!(
        "issuers: [{{issuer: 'https://a', audience: x, jwks_url: 'http://{}/'}}]",
        provider.local_addr().unwrap()
    );
    let gate = Fixture::with_tokens(&issuers, "", &[]).await;
    let claims = json!({"iss": "https://a", "aud": "x", "roles": ["basic_user"],
        "exp": crate::fixture::in_a_while()});
    let mut client = gate.chat(&key.token(&claims), ALLOWED).await;
    let (mut asked, _) = soon(provider.accept()).await.unwrap();
    // These rules do not have the issuer.
    gate.gateway.activate(gate.generation("[anthropic-claude]"));
    answer(&mut asked, &key.jwks().to_string()).await;
    assert_eq!(soon(read_message(&mut client)).await.status(), "401");
    upstream_has_seen_nothing(&gate).await;
}

#[tokio::test]
async fn rules_that_change_while_the_upstream_is_connected_to_decide() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let deaf = socket.listen(1).unwrap();
    let address = deaf.local_addr().unwrap();
    let mut waiting = Vec::new();
    // If a connection waits for an earlier one to be accepted, the queue is full.
    while let Ok(stream) = tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        waiting.push(stream.unwrap());
    }
    let yaml = |models: &str, files: &crate::reload::Files| {
        files.yaml_with("", models).replace(&files.upstream().to_string(), &address.to_string())
    };
    let live = Live::with(|files| files.write("config.yaml", yaml(CLAUDE, files))).await;
    let mut client = live.gate.chat(&live.gate.token(&["basic_user"]), ALLOWED).await;
    // The request was decided, and waits for its connection.
    live.reaches("modelgate_stage_duration_seconds_count{stage=\"decide\"}", 1.0).await;
    live.files().write("config.yaml", yaml("[openai-gpt-4o]", &live.files()));
    live.reloader.reload().await;
    let accepting = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Ok((mut stream, _)) = deaf.accept().await {
            let mut bytes = Vec::new();
            // All of them end: those of the test when it ends, and the gateway's unused one.
            let _ = stream.read_to_end(&mut bytes).await;
            seen.extend(bytes);
            if seen.len() > 1_000_000 {
                break;
            }
        }
        seen
    });
    drop(waiting);
    let denied = soon(read_message(&mut client)).await;
    assert_eq!((denied.status(), denied.code().as_str()), ("403", "model_not_allowed"), "{denied:?}");
    accepting.abort();
}
