//! Models in other places than a JSON body, and the lists of models.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::fixture::{Fixture, MASTER_KEY, Message, bearer, read_message, soon};

fn form(model: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp3\"\r\n\r\nID3\r\n--x\r\n\r\n--b\r\n\
         Content-Disposition: form-data; name=\"model\"\r\n\r\n{model}\r\n--b--\r\n"
    )
}

const FORM: &str = "content-type: multipart/form-data; boundary=b\r\n";
const TRANSCRIPTIONS: &str = "/v1/audio/transcriptions";

impl Fixture {
    async fn get(&self, path: &str, headers: &str) -> Message {
        self.refused("GET", path, headers, "").await
    }

    fn user(&self) -> String {
        bearer(&self.token(&["basic_user"]))
    }
}

#[tokio::test]
async fn only_the_model_changes_in_a_multipart_form() {
    let gate = Fixture::start().await;
    let _client = gate.send("POST", TRANSCRIPTIONS, &(gate.user() + FORM), &form("anthropic-claude")).await;
    let (_upstream, request) = gate.arriving().await;
    assert_eq!(request.body, form("claude \"3\""));
    assert_eq!(request.header("content-type"), Some("multipart/form-data; boundary=b"));
}

#[tokio::test]
async fn a_form_that_comes_in_chunks_goes_on_with_its_length() {
    let gate = Fixture::start().await;
    let mut client = soon(tokio::net::TcpStream::connect(gate.address)).await.unwrap();
    let head = format!(
        "POST {TRANSCRIPTIONS} HTTP/1.1\r\nhost: gate\r\ntransfer-encoding: chunked\r\n{}{FORM}\r\n",
        gate.user()
    );
    let chunks: String = form("anthropic-claude")
        .as_bytes()
        .chunks(7)
        .map(|c| format!("{:x}\r\n{}\r\n", c.len(), text(c)))
        .collect();
    soon(client.write_all(format!("{head}{chunks}0\r\n\r\n").as_bytes())).await.unwrap();
    let (_upstream, request) = gate.arriving().await;
    assert_eq!(request.body, form("claude \"3\""));
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[tokio::test]
async fn a_denied_model_in_a_form_is_denied() {
    let gate = Fixture::start().await;
    let headers = gate.user() + FORM;
    let answer = gate.refused("POST", TRANSCRIPTIONS, &headers, &form("openai-gpt-4o")).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("403", "model_not_allowed"));
}

#[tokio::test]
async fn a_form_that_cannot_be_judged_is_refused_before_it_ends() {
    let gate = Fixture::start().await;
    let mut client = soon(tokio::net::TcpStream::connect(gate.address)).await.unwrap();
    let head = format!(
        "POST {TRANSCRIPTIONS} HTTP/1.1\r\nhost: gate\r\ncontent-length: 1000000\r\n{}{FORM}\r\npreamble",
        gate.user()
    );
    soon(client.write_all(head.as_bytes())).await.unwrap();
    assert_eq!(soon(read_message(&mut client)).await.status(), "400");
}

#[tokio::test]
async fn a_model_in_the_path_is_added_to_a_form() {
    let gate = Fixture::start().await;
    let path = "/openai/deployments/anthropic-claude/audio/transcriptions";
    let body = form("x").replace("name=\"model\"", "name=\"prompt\"");
    // The path is in none of LiteLLM's groups, so callers who are not admins need it in their routes (R9).
    let _client = gate.send("POST", path, &(bearer(MASTER_KEY) + FORM), &body).await;
    let (_upstream, request) = gate.arriving().await;
    let added = "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nclaude \"3\"\r\n";
    assert_eq!(request.body, format!("{added}{body}"));
}

#[tokio::test]
async fn the_model_of_an_urlencoded_form_is_replaced() {
    let gate = Fixture::start().await;
    let headers = gate.user() + "content-type: application/x-www-form-urlencoded\r\n";
    let _client = gate.send("POST", TRANSCRIPTIONS, &headers, "a=%20&model=anthropic%2Dclaude&b=").await;
    let (_upstream, request) = gate.arriving().await;
    assert_eq!(request.body, "a=%20&model=claude%20%223%22&b=");
}

#[tokio::test]
async fn the_model_in_the_query_is_replaced() {
    let gate = Fixture::start().await;
    let path = "/v1/chat/completions?x=%20&model=anthropic-claude";
    let _client = gate.send("POST", path, &gate.user(), r#"{"n": 1}"#).await;
    let (_upstream, request) = gate.arriving().await;
    let line = "POST /v1/chat/completions?x=%20&model=claude%20%223%22 HTTP/1.1\r\n";
    assert!(request.head.starts_with(line), "{}", request.head);
    assert_eq!(request.body, r#"{"model":"claude \"3\"","n": 1}"#);
}

#[tokio::test]
async fn every_line_of_a_batch_must_be_allowed() {
    let gate = Fixture::with("upstream: {api_base: \"http://UPSTREAM/base\", api_key: sk-proxy}").await;
    let headers = gate.user() + FORM;
    let batch = |models: [&str; 2]| {
        let lines: String = models
            .iter()
            .map(|m| json!({"url": "/v1/embeddings", "body": {"model": m}}).to_string() + "\n")
            .collect();
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.jsonl\"\r\n\r\n{lines}\r\n--b\r\n\
             Content-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b--\r\n"
        )
    };
    let denied = batch(["anthropic-claude", "openai-gpt-4o"]);
    assert_eq!(gate.refused("POST", "/v1/files", &headers, &denied).await.status(), "403");
    let allowed = batch(["anthropic-claude", "anthropic-claude"]);
    let _client = gate.send("POST", "/v1/files", &headers, &allowed).await;
    let (_upstream, request) = gate.arriving().await;
    assert!(request.head.starts_with("POST /base/v1/files HTTP/1.1\r\n"), "{}", request.head);
    assert_eq!(request.body, allowed);
}

#[tokio::test]
async fn a_caller_may_ask_for_each_model_of_its_list_and_no_other() {
    let gate = Fixture::start().await;
    let user = gate.user();
    for path in ["/v1/models/anthropic-claude", "/models/anthropic-claude", "/v1/models/anthropic%2Dclaude"] {
        let answer = gate.get(path, &user).await;
        assert_eq!(answer.status(), "200", "{path}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(body.get("id"), Some(&json!("anthropic-claude")), "{path}");
    }
    for path in ["/v1/models/openai-gpt-4o", "/v1/models/unknown", "/models/a%2Fb", "/v1/models/a/b"] {
        let answer = gate.get(path, &user).await;
        assert_eq!((answer.status(), answer.code().as_str()), ("404", "model_not_found"), "{path}");
    }
    for path in ["/v1/models/..%2f..%2fkey%2finfo", "/v1/models/a%252Fb", "/v1/models/a%00"] {
        assert_eq!(gate.get(path, &user).await.status(), "400", "{path}");
    }
}

#[tokio::test]
async fn a_caller_who_may_not_see_the_list_sees_none_of_its_models() {
    let gate = Fixture::start().await;
    let guest = bearer(&gate.token(&["guest"]));
    for path in ["/v1/models", "/v1/models/anthropic-claude", "/model/info"] {
        assert_eq!(gate.get(path, &guest).await.status(), "403", "{path}");
    }
}

#[tokio::test]
async fn model_info_shows_what_may_be_called_without_keys_and_addresses() {
    let gate = Fixture::start().await;
    let user = gate.user();
    for path in ["/model/info", "/v1/model/info"] {
        let answer = gate.get(path, &user).await;
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let expected = json!({"data": [{"model_name": "anthropic-claude",
            "litellm_params": {"model": "openai/claude \"3\""},
            "model_info": {"id": "anthropic-claude", "db_model": false}}]});
        assert_eq!(body, expected, "{path}");
        assert!(!answer.body.contains("sk-upstream") && !answer.body.contains("127.0.0.1"), "{path}");
    }
    let all: Value = serde_json::from_str(&gate.get("/model/info", &bearer(MASTER_KEY)).await.body).unwrap();
    assert_eq!(all.pointer("/data").and_then(Value::as_array).map(Vec::len), Some(2));
}

const LITELLMS: &str = r#"{"model": "unlisted", "mock_response": "x", "tags": []}"#;

#[tokio::test]
async fn a_member_that_only_litellm_has_is_refused_before_a_proxy() {
    let gate = Fixture::with("upstream: {api_base: \"http://UPSTREAM\"}").await;
    let answer = gate.refused("POST", "/v1/chat/completions", &bearer(MASTER_KEY), LITELLMS).await;
    assert_eq!((answer.status(), answer.code().as_str()), ("400", "invalid_request"));
    assert!(answer.body.contains("`mock_response`") && answer.body.contains("modelgate.upstream.pass"));
    let gate = Fixture::with("upstream: {api_base: \"http://UPSTREAM\", pass: [mock_response]}").await;
    let answer = gate.refused("POST", "/v1/chat/completions", &bearer(MASTER_KEY), LITELLMS).await;
    assert!(answer.body.contains("`tags`"), "{}", answer.body);
}

#[tokio::test]
async fn members_of_litellms_reach_a_proxy_that_they_are_let_through_to() {
    for pass in ["all", "[tags, mock_response]"] {
        let block = format!("upstream: {{api_base: \"http://UPSTREAM\", pass: {pass}}}");
        let gate = Fixture::with(&block).await;
        let _client = gate.send("POST", "/v1/chat/completions", &bearer(MASTER_KEY), LITELLMS).await;
        assert_eq!(gate.arriving().await.1.body, LITELLMS);
    }
}

#[tokio::test]
async fn members_of_every_api_reach_a_proxy() {
    let gate = Fixture::with("upstream: {api_base: \"http://UPSTREAM\"}").await;
    let body = r#"{"model": "unlisted", "messages": [], "top_k": 5, "chat_template_kwargs": {}, "fallbacks": ["b"]}"#;
    let _client = gate.send("POST", "/v1/chat/completions", &bearer(MASTER_KEY), body).await;
    assert_eq!(gate.arriving().await.1.body, body);
}

#[tokio::test]
async fn the_model_of_a_deployment_path_takes_the_place_of_the_bodys() {
    let gate = Fixture::with("upstream: {api_base: \"http://UPSTREAM\"}").await;
    for (body, forwarded) in [
        (r#"{"model": "openai-gpt-4o", "n": 1}"#, r#"{"model": "unlisted", "n": 1}"#),
        (r#"{"n": 1, "model": "unlisted"}"#, r#"{"n": 1, "model": "unlisted"}"#),
    ] {
        let path = "/openai/deployments/unlisted/chat/completions";
        let _client = gate.send("POST", path, &bearer(MASTER_KEY), body).await;
        assert_eq!(gate.arriving().await.1.body, forwarded);
    }
}

#[tokio::test]
async fn an_absent_model_beside_a_deployment_path_is_filled_in() {
    let gate = Fixture::start().await;
    let path = "/openai/deployments/anthropic-claude/chat/completions";
    for body in [r#"{"model": null, "n": 1}"#, r#"{"model": "openai-gpt-4o", "n": 1}"#] {
        let _client = gate.send("POST", path, &bearer(MASTER_KEY), body).await;
        let request: Value = serde_json::from_str(&gate.arriving().await.1.body).unwrap();
        assert_eq!(request, json!({"model": "claude \"3\"", "n": 1}), "{body}");
    }
}

#[tokio::test]
async fn a_denied_model_anywhere_in_a_body_is_denied() {
    let gate = Fixture::start().await;
    for body in [
        r#"{"model": "anthropic-claude", "moderation": {"model": "openai-gpt-4o"}}"#,
        r#"{"model": "anthropic-claude", "tools": [{"tools": [{"svg": {"model": "openai-gpt-4o"}}]}]}"#,
        r#"{"model": "anthropic-claude", "metadata": {"fallbacks": ["openai-gpt-4o"]}}"#,
        r#"{"model": "anthropic-claude", "prompt": {"id": "pmpt_1"}}"#,
    ] {
        let answer = gate.refused("POST", "/v1/chat/completions", &gate.user(), body).await;
        assert_eq!((answer.status(), answer.code().as_str()), ("403", "model_not_allowed"), "{body}");
    }
}
