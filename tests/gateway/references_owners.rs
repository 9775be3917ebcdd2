//! `modelgate.references: remember`: an id belongs to the caller who created it.

use serde_json::json;

use crate::fixture::{MASTER_KEY, soon};
use crate::references_remembered::{Callers, REMEMBER, batch};

#[tokio::test]
async fn another_callers_id_can_be_neither_read_nor_used_wherever_it_stands() {
    let callers = Callers::start(REMEMBER).await;
    let file = batch(&["anthropic-claude"]);
    callers.sends("ada", "POST /v1/files", &file, &json!({"id": "file-1"})).await;
    let chat = |id: &str| {
        format!(
            r#"{{"model": "anthropic-claude", "messages": [{{"content": [{{"file": {{"file_id": {id}}}}}]}}]}}"#
        )
    };
    let form = file.replace("purpose", "file_id").replace("batch\r\n--b--", "file-1\r\n--b--");
    let line = batch(&["anthropic-claude"]).replace("{\"model\":", "{\"x\":\"file\\u002d1\",\"model\":");
    for (request, body) in [
        ("GET /v1/files/file-1", String::new()),
        ("GET /v1/files/file-1/content", String::new()),
        ("DELETE /v1/files/file-1", String::new()),
        ("GET /v1/files?after=file-1", String::new()),
        ("GET /v1/files?after=file%2D1", String::new()),
        ("POST /v1/batches", r#"{"input_file_id": "file-1"}"#.to_owned()),
        ("POST /v1/chat/completions", chat(r#""file-1""#)),
        ("POST /v1/chat/completions", chat(r#""file\u002d1""#)),
        ("POST /v1/files", form),
        ("POST /v1/files", line),
    ] {
        let reason = callers.is_denied("eve", request, &body).await;
        assert!(reason.contains("another caller created"), "{reason}");
    }
    // A text that only mentions it is a text.
    let mention = r#"{"model": "anthropic-claude", "messages": [{"content": "what is file-1?"}]}"#;
    callers.sends("eve", "POST /v1/chat/completions", mention, &json!({})).await;
    callers.sends("ada", "GET /v1/files/file-1/content", "", &json!({})).await;
}

#[tokio::test]
async fn ids_that_nobody_created_here_are_read_as_before() {
    let callers = Callers::start(REMEMBER).await;
    callers.sends("eve", "GET /v1/files/file-9", "", &json!({"id": "file-9"})).await;
    callers.sends("ada", "GET /v1/files/file-9", "", &json!({"id": "file-9"})).await;
}

#[tokio::test]
async fn the_files_that_a_batch_wrote_are_its_callers() {
    let callers = Callers::start(REMEMBER).await;
    let file = batch(&["anthropic-claude"]);
    callers.sends("ada", "POST /v1/files", &file, &json!({"id": "file-1"})).await;
    let create = r#"{"input_file_id": "file-1"}"#;
    callers.sends("ada", "POST /v1/batches", create, &json!({"id": "batch_1", "output_file_id": null})).await;
    callers.is_denied("eve", "GET /v1/batches/batch_1", "").await;
    let done = json!({"id": "batch_1", "output_file_id": "file-out7"});
    callers.sends("ada", "GET /v1/batches/batch_1", "", &done).await;
    callers.is_denied("eve", "GET /v1/files/file-out7/content", "").await;
    callers.sends("ada", "GET /v1/files/file-out7/content", "", &json!({})).await;
}

#[tokio::test]
async fn the_holder_of_the_master_key_may_use_every_id() {
    let callers = Callers::start(REMEMBER).await;
    callers.sends("ada", "POST /v1/conversations", "{}", &json!({"id": "conv_1"})).await;
    callers.is_denied("eve", "GET /v1/conversations/conv_1", "").await;
    let headers = format!("authorization: Bearer {MASTER_KEY}\r\n");
    let _client = callers.gate.send("GET", "/v1/conversations/conv_1", &headers, "").await;
    let (_upstream, request) = soon(callers.gate.arriving()).await;
    assert!(request.head.starts_with("GET /v1/conversations/conv_1 "), "{}", request.head);
}

#[tokio::test]
async fn a_failed_request_creates_nothing() {
    use tokio::io::AsyncWriteExt as _;

    let callers = Callers::start(REMEMBER).await;
    let body = r#"{"model": "anthropic-claude"}"#;
    let _client = callers.gate.send("POST", "/v1/assistants", &callers.headers("ada"), body).await;
    let (mut upstream, _) = callers.gate.arriving().await;
    let answer = r#"{"id": "asst_1"}"#;
    let head =
        format!("HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
    soon(upstream.write_all((head + answer).as_bytes())).await.unwrap();
    callers.sends("eve", "GET /v1/assistants/asst_1", "", &json!({})).await;
}
