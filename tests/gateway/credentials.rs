//! Credentials in several places, and the headers that go upstream.

use tokio::io::AsyncWriteExt as _;

use crate::fixture::{Fixture, MASTER_KEY, Message, read_message, read_until, soon};

const CHAT: &str = "/v1/chat/completions";
const ALLOWED: &str = r#"{"model": "anthropic-claude"}"#;

/// The request that the upstream receives.
async fn forwarded(gate: &Fixture, path: &str, headers: &str, body: &str) -> Message {
    let _client = gate.send("POST", path, headers, body).await;
    gate.arriving().await.1
}

#[tokio::test]
async fn equal_credentials_and_placeholders_beside_a_token_are_stripped() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    for headers in [
        format!("authorization: Bearer {token}\r\nx-api-key: {token}\r\n"),
        format!("authorization: Bearer {token}\r\nx-api-key: sk-ant-placeholder\r\n"),
        format!("authorization: Bearer dummy\r\nx-api-key: {token}\r\n"),
        format!("api-key: \r\nx-goog-api-key: {token}\r\nx-litellm-api-key: Bearer {token}\r\n"),
        format!("authorization: Bearer {MASTER_KEY}\r\nx-api-key: sk-ant-placeholder\r\n"),
    ] {
        let request = forwarded(&gate, CHAT, &headers, ALLOWED).await;
        assert_eq!(request.header("authorization"), Some("Bearer sk-upstream"), "{headers}");
        for absent in [token.as_str(), MASTER_KEY, "placeholder", "dummy", "api-key"] {
            assert!(!request.head.contains(absent), "{headers}: {}", request.head);
        }
    }
}

#[tokio::test]
async fn two_different_tokens_are_refused() {
    let gate = Fixture::start().await;
    let (one, two) = (gate.token(&["basic_user"]), gate.token(&["basic_user", "other"]));
    for second in [
        format!("x-api-key: {two}"),
        format!("api-key: Bearer {two}"),
        format!("x-goog-api-key: {MASTER_KEY}"),
    ] {
        let headers = format!("authorization: Bearer {one}\r\n{second}\r\n");
        let refused = gate.refused("POST", CHAT, &headers, ALLOWED).await;
        assert_eq!((refused.status(), refused.code().as_str()), ("400", "bad_credential"), "{second}");
    }
}

#[tokio::test]
async fn a_credential_in_the_query_does_not_go_upstream() {
    let gate = Fixture::with("upstream: {api_base: 'http://UPSTREAM/base'}").await;
    let token = gate.token(&["basic_user"]);
    let bearer = format!("authorization: Bearer {token}\r\n");
    let query = format!("a=1&key={token}&access_token={token}&api_key=x&mine={token}&b=%20");
    let request = forwarded(&gate, &format!("{CHAT}?{query}"), &bearer, ALLOWED).await;
    assert!(request.head.starts_with("POST /v1/chat/completions?a=1&b=%20 HTTP/1.1\r\n"), "{}", request.head);
    // The same applies to a proxy.
    let master = format!("authorization: Bearer {MASTER_KEY}\r\n");
    let request = forwarded(&gate, &format!("/v1/files?key={MASTER_KEY}&x=1"), &master, "").await;
    assert!(request.head.starts_with("POST /base/v1/files?x=1 HTTP/1.1\r\n"), "{}", request.head);
}

#[tokio::test]
async fn a_member_or_field_that_is_the_credential_does_not_go_upstream() {
    let gate = Fixture::start().await;
    let token = gate.token(&["basic_user"]);
    let bearer = format!("authorization: Bearer {token}\r\n");
    let json =
        format!(r#"{{"api_key":"{token}","model":"anthropic-claude","metadata":{{"t":["{token}"]}}}}"#);
    let request = forwarded(&gate, CHAT, &bearer, &json).await;
    assert_eq!(request.body, r#"{"api_key":null,"model":"claude \"3\"","metadata":{"t":[null]}}"#);

    let form = format!("api_key={token}&model=anthropic-claude&x=y");
    let headers = format!("{bearer}content-type: application/x-www-form-urlencoded\r\n");
    let request = forwarded(&gate, "/v1/audio/speech", &headers, &form).await;
    assert!(
        request.body.starts_with("api_key=&model=claude") && request.body.ends_with("&x=y"),
        "{}",
        request.body
    );

    let part = |name: &str, value: &str| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let form = format!("{}{}--b--\r\n", part("api_key", &token), part("model", "anthropic-claude"));
    let headers = format!("{bearer}content-type: multipart/form-data; boundary=b\r\n");
    let request = forwarded(&gate, "/v1/audio/transcriptions", &headers, &form).await;
    assert_eq!(request.body, format!("{}{}--b--\r\n", part("api_key", ""), part("model", "claude \"3\"")));
}

#[tokio::test]
async fn headers_that_choose_an_account_a_deployment_or_a_method_do_not_go_upstream() {
    let gate = Fixture::start().await;
    let names = [
        "openai-organization",
        "openai-project",
        "x-http-method-override",
        "x-http-method",
        "x-method-override",
        "azureml-model-deployment",
        "ai-language-model-id",
        "http2-settings",
        "proxy-connection",
        "keep-alive",
        "x-original-url",
    ];
    // If a header is judged, it has the same value as the request.
    let value = |name: &str| match name {
        "azureml-model-deployment" | "ai-language-model-id" => "anthropic-claude",
        "x-http-method-override" | "x-http-method" | "x-method-override" => "POST",
        _ => "1",
    };
    let more: String = names.iter().map(|name| format!("{name}: {}\r\n", value(name))).collect();
    let headers =
        format!("authorization: Bearer {}\r\n{more}openai-beta: yes\r\n", gate.token(&["basic_user"]));
    let request = forwarded(&gate, CHAT, &headers, ALLOWED).await;
    assert_eq!(request.header("openai-beta"), Some("yes"));
    for absent in names {
        assert_eq!(request.header(absent), None, "{absent}");
    }
}

/// The headers of an upstream's response that a caller receives.
async fn returned(gate: &Fixture, answer: &str) -> Message {
    let mut client = gate.chat(&gate.token(&["basic_user"]), ALLOWED).await;
    let (mut upstream, _) = gate.arriving().await;
    soon(upstream.write_all(answer.as_bytes())).await.unwrap();
    soon(read_message(&mut client)).await
}

const NAMING: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-litellm-model-api-base: http://10.0.0.9\r\n\
    x-litellm-model-id: 17\r\nllm_provider-server: x\r\nopenai-organization: acme\r\nx-litellm-call-id: c\r\n\r\n";

#[tokio::test]
async fn headers_that_name_the_upstream_come_back_only_where_the_operator_says_so() {
    let names =
        ["x-litellm-model-api-base", "x-litellm-model-id", "llm_provider-server", "openai-organization"];
    let hidden = returned(&Fixture::start().await, NAMING).await;
    let passed = returned(&Fixture::with("upstream_headers: pass").await, NAMING).await;
    for name in names {
        assert_eq!(hidden.header(name), None, "{name}");
        assert!(passed.header(name).is_some(), "{name}");
    }
    assert_eq!(hidden.header("x-litellm-call-id"), Some("c"));
}

#[tokio::test]
async fn a_switch_of_protocols_that_nobody_asked_for_is_a_bad_gateway() {
    let gate = Fixture::start().await;
    for upgrade in ["", "connection: upgrade\r\nupgrade: websocket\r\n"] {
        let answer = returned(&gate, &format!("HTTP/1.1 101 Switching Protocols\r\n{upgrade}\r\n")).await;
        assert_eq!((answer.status(), answer.code().as_str()), ("502", "upstream_protocol"), "{upgrade}");
    }
}

#[tokio::test]
async fn probes_without_a_credential_get_a_bare_answer() {
    let gate = Fixture::start().await;
    for path in ["/", "/api/hello"] {
        for method in ["GET", "HEAD"] {
            let mut client = gate.send(method, path, "", "").await;
            let head = soon(read_until(&mut client, "\r\n\r\n")).await;
            assert!(head.starts_with("HTTP/1.1 200 "), "{method} {head}");
        }
        assert_eq!(gate.refused("POST", path, "", "").await.status(), "401", "{path}");
        let headers = format!("authorization: Bearer {}\r\n", gate.token(&["basic_user"]));
        assert_eq!(gate.refused("GET", path, &headers, "").await.status(), "403", "{path}");
        assert_eq!(gate.refused("GET", path, "x-api-key: wrong\r\n", "").await.status(), "401", "{path}");
    }
    for path in ["/health/liveliness", "/health/liveness", "/health/readiness"] {
        for method in ["GET", "HEAD", "OPTIONS"] {
            let mut client = gate.send(method, path, "", "").await;
            let head = soon(read_until(&mut client, "\r\n\r\n")).await;
            assert!(head.starts_with("HTTP/1.1 200 "), "{method} {path}: {head}");
        }
        assert_eq!(gate.refused("POST", path, "", "").await.status(), "401", "{path}");
    }
}
