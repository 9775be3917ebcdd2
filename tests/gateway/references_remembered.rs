//! `modelgate.references: remember`: an id is judged by the models of the request that created it.

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fixture::{Fixture, Message, in_a_while, read_message, soon};

pub(crate) const REMEMBER: &str = "upstream: {api_base: \"http://UPSTREAM\"}, references: remember";
pub(crate) const FORM: &str = "content-type: multipart/form-data; boundary=b\r\n";

/// Two callers with the same role, whose models are restricted, before an upstream that answers what it is told.
pub(crate) struct Callers {
    pub(crate) gate: Fixture,
}

impl Callers {
    pub(crate) async fn start(modelgate: &str) -> Self {
        Self { gate: Fixture::with(modelgate).await }
    }

    pub(crate) fn headers(&self, subject: &str) -> String {
        let claims =
            json!({"iss": "https://i", "sub": subject, "roles": ["basic_user"], "exp": in_a_while()});
        format!("authorization: Bearer {}\r\n", self.gate.token_of(&claims))
    }

    /// Sends a request that the upstream answers. Gives the request as it came there.
    pub(crate) async fn sends(&self, subject: &str, request: &str, body: &str, answer: &Value) -> Message {
        let (method, path) = request.split_once(' ').unwrap();
        let form = if body.starts_with("--b") { FORM } else { "" };
        let mut client = self.gate.send(method, path, &(self.headers(subject) + form), body).await;
        let (mut upstream, arrived) = self.gate.arriving().await;
        let answer = answer.to_string();
        let head =
            format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
        soon(upstream.write_all((head + &answer).as_bytes())).await.unwrap();
        let answered = soon(read_message(&mut client)).await;
        assert_eq!((answered.status(), &answered.body), ("200", &answer));
        arrived
    }

    /// Sends a request that is denied. Gives the reason.
    pub(crate) async fn is_denied(&self, subject: &str, request: &str, body: &str) -> String {
        let (method, path) = request.split_once(' ').unwrap();
        let form = if body.starts_with("--b") { FORM } else { "" };
        let answer = self.gate.refused(method, path, &(self.headers(subject) + form), body).await;
        assert_eq!(answer.status(), "403", "{request} {body}: {}", answer.body);
        answer.body
    }
}

/// A batch file with a line for each model.
pub(crate) fn batch(models: &[&str]) -> String {
    let line = |model: &&str| json!({"url": "/v1/embeddings", "body": {"model": model}}).to_string() + "\n";
    let lines: String = models.iter().map(line).collect();
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"b.jsonl\"\r\n\r\n{lines}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b--\r\n"
    )
}

#[tokio::test]
async fn a_batch_is_judged_by_the_lines_of_the_file_that_was_uploaded() {
    let callers = Callers::start(REMEMBER).await;
    let both = "[anthropic-claude, openai-gpt-4o]";
    callers.gate.gateway.activate(callers.gate.generation_as(REMEMBER, both));
    let file = batch(&["anthropic-claude", "openai-gpt-4o"]);
    callers.sends("ada", "POST /v1/files", &file, &json!({"object": "file", "id": "file-1"})).await;
    let create = r#"{"input_file_id": "file-1", "endpoint": "/v1/embeddings"}"#;
    callers.sends("ada", "POST /v1/batches", create, &json!({"id": "batch_1"})).await;
    let reason = callers.is_denied("ada", "POST /v1/batches", r#"{"input_file_id": "file-2"}"#).await;
    assert!(reason.contains("modelgate.references"), "{reason}");

    // What is taken from the role is taken from its files.
    callers.gate.gateway.activate(callers.gate.generation_as(REMEMBER, "[anthropic-claude]"));
    callers.is_denied("ada", "POST /v1/batches", create).await;
}

#[tokio::test]
async fn an_assistant_is_judged_by_the_model_that_it_was_created_with() {
    let callers = Callers::start(REMEMBER).await;
    let create = r#"{"model": "anthropic-claude", "name": "a"}"#;
    callers.sends("ada", "POST /v1/assistants", create, &json!({"id": "asst_1", "model": "x"})).await;
    let run = r#"{"assistant_id": "asst_1"}"#;
    callers.sends("ada", "POST /v1/threads/thread_9/runs", run, &json!({"id": "run_01"})).await;
    let tools = r#"{"tool_outputs": []}"#;
    let submit = "POST /v1/threads/thread_9/runs/run_01/submit_tool_outputs";
    callers.sends("ada", submit, tools, &json!({"id": "run_01"})).await;
    callers.is_denied("ada", "POST /v1/threads/thread_9/runs", r#"{"assistant_id": "asst_2"}"#).await;

    callers.gate.gateway.activate(callers.gate.generation_as(REMEMBER, "[openai-gpt-4o]"));
    callers.is_denied("ada", "POST /v1/threads/thread_9/runs", run).await;
}

#[tokio::test]
async fn a_cached_content_is_known_by_the_end_of_its_path() {
    let callers = Callers::start(REMEMBER).await;
    let create = r#"{"model": "models/anthropic-claude"}"#;
    callers
        .sends("ada", "POST /v1beta/cachedContents", create, &json!({"name": "cachedContents/cache1"}))
        .await;
    let generate = r#"{"contents": [], "cachedContent": "cachedContents/cache1"}"#;
    let path = "POST /v1beta/models/anthropic-claude:generateContent";
    callers.sends("ada", path, generate, &json!({})).await;
    callers.is_denied("eve", path, generate).await;
    callers.is_denied("eve", "GET /v1beta/cachedContents/cache1", "").await;
    callers.is_denied("ada", path, &generate.replace("cache1", "cache2")).await;
}

#[tokio::test]
async fn an_id_elsewhere_in_a_request_names_no_model_for_it() {
    let callers = Callers::start(REMEMBER).await;
    let file = batch(&["anthropic-claude"]);
    callers.sends("ada", "POST /v1/files", &file, &json!({"id": "file-1"})).await;
    let metadata = r#"{"input_file_id": "file-2", "metadata": {"x": "file-1"}}"#;
    callers.is_denied("ada", "POST /v1/batches", metadata).await;
    let create = r#"{"model": "anthropic-claude"}"#;
    callers.sends("ada", "POST /v1/assistants", create, &json!({"id": "asst_1"})).await;
    let beside = r#"{"input_file_id": "file-2", "assistant_id": "asst_1"}"#;
    callers.is_denied("ada", "POST /v1/batches", beside).await;
    let both = r#"{"agent_id": "asst_1", "input_files": ["file-1", "file-2"]}"#;
    callers.is_denied("ada", "POST /v1/batch/jobs", both).await;
    let known = both.replace("file-2", "file-1");
    callers.sends("ada", "POST /v1/batch/jobs", &known, &json!({})).await;
    callers.is_denied("ada", "POST /v1/images/generations", r#"{"prompt": "p", "user": "file-1"}"#).await;
}

#[tokio::test]
async fn an_answer_about_what_exists_makes_it_neither_known_nor_the_callers() {
    let callers = Callers::start(REMEMBER).await;
    let attach = r#"{"file_id": "file-7", "model": "anthropic-claude"}"#;
    callers.sends("eve", "POST /v1/vector_stores/vs_1/files", attach, &json!({"id": "file-7"})).await;
    callers.is_denied("eve", "POST /v1/batches", r#"{"input_file_id": "file-7"}"#).await;
    callers.sends("ada", "GET /v1/files/file-7", "", &json!({"id": "file-7"})).await;
    callers.sends("eve", "GET /v1/files/file-7", "", &json!({})).await;
}

#[tokio::test]
async fn a_file_that_was_joined_from_parts_has_an_owner_and_no_known_model() {
    let callers = Callers::start(REMEMBER).await;
    let create = r#"{"filename": "b.jsonl", "purpose": "batch", "model": "anthropic-claude"}"#;
    callers.sends("ada", "POST /v1/uploads", create, &json!({"id": "upload_1"})).await;
    callers.is_denied("eve", "POST /v1/uploads/upload_1/complete", r#"{"part_ids": []}"#).await;
    let joined = json!({"id": "upload_1", "file": {"id": "file-3", "object": "file"}});
    let complete = r#"{"part_ids": ["part_1"], "model": "anthropic-claude"}"#;
    callers.sends("ada", "POST /v1/uploads/upload_1/complete", complete, &joined).await;
    callers.is_denied("eve", "GET /v1/files/file-3/content", "").await;
    callers.sends("ada", "GET /v1/files/file-3/content", "", &json!({})).await;
    callers.is_denied("ada", "POST /v1/batches", r#"{"input_file_id": "file-3"}"#).await;
}

#[tokio::test]
async fn the_id_of_a_streamed_response_is_remembered_when_its_first_event_comes() {
    let callers = Callers::start(REMEMBER).await;
    let body = r#"{"model": "anthropic-claude", "stream": true, "input": "hello"}"#;
    let mut client = callers.gate.send("POST", "/v1/responses", &callers.headers("ada"), body).await;
    let (mut upstream, arrived) = callers.gate.arriving().await;
    assert_eq!(arrived.header("accept-encoding"), Some("identity"));
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nconnection: close\r\n\r\n";
    let event =
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"resp_1\"}}\n\n";
    soon(upstream.write_all((head.to_owned() + event).as_bytes())).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("resp_1\"}}") {
        seen.push(soon(client.read_u8()).await.unwrap());
    }
    // The stream is still open.
    callers.is_denied("eve", "GET /v1/responses/resp_1", "").await;
    let next = r#"{"model": "anthropic-claude", "previous_response_id": "resp_1", "input": "more"}"#;
    callers.is_denied("eve", "POST /v1/responses", next).await;
    callers.sends("ada", "POST /v1/responses", next, &json!({"id": "resp_2"})).await;
    drop(upstream);
}

#[tokio::test]
async fn a_stored_chat_completion_belongs_to_its_caller() {
    let callers = Callers::start(REMEMBER).await;
    let body = r#"{"model": "anthropic-claude", "store": true, "messages": []}"#;
    let arrived = callers.sends("ada", "POST /v1/chat/completions", body, &json!({"id": "chatcmpl-1"})).await;
    assert_eq!(arrived.header("accept-encoding"), Some("identity"));
    for request in [
        "GET /v1/chat/completions/chatcmpl-1",
        "GET /v1/chat/completions/chatcmpl%2D1",
        "GET /v1/chat/completions/chatcmpl-1/messages?limit=1",
        "GET /v1/chat/completions?after=chatcmpl-1",
        "DELETE /v1/chat/completions/chatcmpl-1",
    ] {
        callers.is_denied("eve", request, "").await;
    }
    let update = r#"{"metadata": {}}"#;
    callers.is_denied("eve", "POST /v1/chat/completions/chatcmpl-1", update).await;
    let own = json!({"id": "chatcmpl-1"});
    callers.sends("ada", "POST /v1/chat/completions/chatcmpl-1", update, &own).await;
    callers.sends("ada", "GET /v1/chat/completions/chatcmpl-1/messages", "", &json!({})).await;
}

#[tokio::test]
async fn a_chat_completion_that_is_not_stored_is_not_remembered() {
    let callers = Callers::start(REMEMBER).await;
    for (at, store) in ["", r#""store": false,"#, r#""store": null,"#].into_iter().enumerate() {
        let body = format!(r#"{{{store} "model": "anthropic-claude", "messages": []}}"#);
        let id = format!("chatcmpl-{at}");
        let arrived = callers.sends("ada", "POST /v1/chat/completions", &body, &json!({"id": id})).await;
        assert_eq!(arrived.header("accept-encoding"), None);
        callers.sends("eve", &format!("GET /v1/chat/completions/{id}"), "", &json!({})).await;
    }
}
