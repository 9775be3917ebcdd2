//! `modelgate.references: remember`: a list shows its caller's own objects.

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::fixture::{MASTER_KEY, Message, read_message, soon};
use crate::references_remembered::{Callers, REMEMBER};

/// What the gateway makes of a list that the upstream answers.
async fn lists(callers: &Callers, headers: &str, path: &str, head: &str, list: &str) -> Message {
    let mut client = callers.gate.send("GET", path, headers, "").await;
    let (mut upstream, arrived) = callers.gate.arriving().await;
    assert!(arrived.head.starts_with(&format!("GET {path} ")), "{}", arrived.head);
    let length = list.len();
    let text = format!("HTTP/1.1 {head}connection: close\r\ncontent-length: {length}\r\n\r\n{list}");
    soon(upstream.write_all(text.as_bytes())).await.unwrap();
    soon(read_message(&mut client)).await
}

async fn lists_to(callers: &Callers, subject: &str, path: &str, list: &Value) -> Value {
    let answer = lists(callers, &callers.headers(subject), path, "200 OK\r\n", &list.to_string()).await;
    assert_eq!(answer.status(), "200", "{}", answer.body);
    serde_json::from_str(&answer.body).unwrap()
}

/// A list of OpenAI's or Anthropic's.
fn page(ids: &[&str]) -> Value {
    let data: Vec<Value> = ids.iter().map(|id| json!({"id": id, "object": "x"})).collect();
    json!({"object": "list", "data": data, "first_id": ids.first(), "last_id": ids.last(), "has_more": true})
}

#[tokio::test]
async fn a_list_shows_each_caller_its_own_objects() {
    let callers = Callers::start(REMEMBER).await;
    for (create, body, list) in [
        ("/v1/files", "{}", "/v1/files?limit=9"),
        ("/v1/batches", "{}", "/v1/batches"),
        (
            "/v1/messages/batches",
            r#"{"requests":[{"params":{"model":"anthropic-claude"}}]}"#,
            "/v1/messages/batches",
        ),
        ("/v1/assistants", r#"{"model":"anthropic-claude"}"#, "/v1/assistants"),
        ("/v1/threads", "{}", "/v1/threads"),
        ("/v1/vector_stores", "{}", "/v1/vector_stores"),
        ("/v1/chat/completions", r#"{"model":"anthropic-claude","store":true}"#, "/v1/chat/completions"),
        ("/v1/fine_tuning/jobs", r#"{"model":"anthropic-claude"}"#, "/v1/fine_tuning/jobs"),
        ("/v1/conversations", "{}", "/v1/conversations"),
    ] {
        let name = create.replace('/', "-");
        let (ada, eve, nobody) = (format!("ada{name}1"), format!("eve{name}1"), format!("nobody{name}1"));
        if create == "/v1/batches" {
            let file = crate::references_remembered::batch(&["anthropic-claude"]);
            callers.sends("ada", "POST /v1/files", &file, &json!({"id": "file-ada2"})).await;
            callers.sends("eve", "POST /v1/files", &file, &json!({"id": "file-eve2"})).await;
        }
        for (subject, id) in [("ada", &ada), ("eve", &eve)] {
            let file = format!(r#"{{"input_file_id":"file-{subject}2"}}"#);
            let body = if create == "/v1/batches" { &file } else { body };
            callers.sends(subject, &format!("POST {create}"), body, &json!({"id": id})).await;
        }
        let all = page(&[&nobody, &ada, &eve]);
        for (subject, id) in [("ada", &ada), ("eve", &eve)] {
            assert_eq!(lists_to(&callers, subject, list, &all).await, page(&[id]), "{list}");
        }
        let none =
            json!({"object": "list", "data": [], "first_id": null, "last_id": null, "has_more": false});
        assert_eq!(lists_to(&callers, "bob", list, &all).await, none, "{list}");
        // What is all the caller's stays as it was written.
        let text = format!(r#"{{ "data": [ {{"n": 1.50, "id": "{ada}"}} ] }}"#);
        let answer = lists(&callers, &callers.headers("ada"), list, "200 OK\r\netag: a\r\n", &text).await;
        assert_eq!((answer.body.as_str(), answer.header("etag")), (text.as_str(), Some("a")));
    }
}

#[tokio::test]
async fn a_list_of_googles_shows_each_caller_its_own_objects() {
    let callers = Callers::start(REMEMBER).await;
    let run = "POST /v1beta/models/anthropic-claude:batchGenerateContent";
    callers.sends("ada", run, "{}", &json!({"name": "batches/abc123"})).await;
    callers.is_denied("eve", "GET /v1beta/batches/abc123", "").await;
    callers.sends("ada", "POST /v1beta/files", "{}", &json!({"file": {"name": "files/abc123"}})).await;
    let cache = r#"{"model":"models/anthropic-claude"}"#;
    callers
        .sends("ada", "POST /v1beta/cachedContents", cache, &json!({"name": "cachedContents/abc123"}))
        .await;
    let agent = r#"{"id":"my-agent-1","model":"anthropic-claude"}"#;
    callers.sends("ada", "POST /v1beta/agents", agent, &json!({"id": "my-agent-1"})).await;
    let all = json!({"agents": [{"id": "my-agent-1"}, {"id": "my-agent-2"}]});
    let own = json!({"agents": [{"id": "my-agent-1"}]});
    assert_eq!(lists_to(&callers, "ada", "/v1beta/agents", &all).await, own);
    assert_eq!(lists_to(&callers, "eve", "/v1beta/agents", &all).await, json!({"agents": []}));
    for (path, list, id) in [
        ("/v1beta/batches", "operations", "batches/abc123"),
        ("/v1beta/files", "files", "files/abc123"),
        ("/v1beta/cachedContents", "cachedContents", "cachedContents/abc123"),
    ] {
        let all = json!({list: [{"name": id}, {"name": "x/other99"}], "nextPageToken": "t"});
        let own = json!({list: [{"name": id}], "nextPageToken": "t"});
        assert_eq!(lists_to(&callers, "ada", path, &all).await, own);
        assert_eq!(lists_to(&callers, "eve", path, &all).await, json!({list: [], "nextPageToken": "t"}));
    }
}

#[tokio::test]
async fn a_list_inside_an_object_of_the_callers_is_passed_on_and_others_lose_what_is_anothers() {
    let callers = Callers::start(REMEMBER).await;
    callers.sends("ada", "POST /v1/vector_stores", "{}", &json!({"id": "vs_ada1"})).await;
    callers.sends("eve", "POST /v1/conversations", "{}", &json!({"id": "file-eve1"})).await;
    let all = page(&["file-unknown1", "file-eve1"]);
    assert_eq!(lists_to(&callers, "ada", "/v1/vector_stores/vs_ada1/files", &all).await, all);
    let rest = page(&["file-unknown1"]);
    assert_eq!(lists_to(&callers, "ada", "/v1/vector_stores/vs_unknown1/files", &all).await, rest);
    callers.is_denied("eve", "GET /v1/vector_stores/vs_ada1/files", "").await;
}

#[tokio::test]
async fn the_output_of_a_batch_in_a_list_is_its_callers() {
    let callers = Callers::start(REMEMBER).await;
    let body = r#"{"requests":[{"params":{"model":"anthropic-claude"}}]}"#;
    callers.sends("ada", "POST /v1/messages/batches", body, &json!({"id": "batch_1"})).await;
    let all = json!({"data": [{"id": "batch_1", "output_file_id": "file-out1"}]});
    assert_eq!(lists_to(&callers, "ada", "/v1/batches", &all).await, all);
    callers.is_denied("eve", "GET /v1/files/file-out1/content", "").await;
    assert_eq!(
        lists_to(&callers, "ada", "/v1/files", &page(&["file-out1", "file-2"])).await,
        page(&["file-out1"])
    );
}

#[tokio::test]
async fn a_list_that_cannot_be_filtered_is_denied_with_the_reason() {
    let callers = Callers::start(&format!("{REMEMBER}, max_body_bytes: 1024")).await;
    let large = format!(r#"{{"data":["{}"]}}"#, "x".repeat(1024));
    for (head, list, why) in [
        ("200 OK\r\n", large.as_str(), "max_body_bytes"),
        ("200 OK\r\ncontent-encoding: gzip\r\n", "\u{1f}", "cannot be decoded"),
        ("200 OK\r\ncontent-encoding: x\r\n", "{}", "cannot be decoded"),
        ("200 OK\r\n", "not JSON", "not a JSON list"),
        ("200 OK\r\n", r#"{"data":[{"id":"a","id":"b"}]}"#, "not a JSON list"),
        ("206 Partial Content\r\n", r#"{"data":[{"#, "not a JSON list"),
    ] {
        let answer = lists(&callers, &callers.headers("ada"), "/v1/files", head, list).await;
        assert_eq!((answer.status(), answer.code().as_str()), ("403", "permission_denied"), "{why}");
        assert!(answer.body.contains(why), "{}", answer.body);
    }
    // The upstream's errors are passed on.
    let answer = lists(&callers, &callers.headers("ada"), "/v1/files", "500 Oops\r\n", "oops").await;
    assert_eq!((answer.status(), answer.body.as_str()), ("500", "oops"));
}

#[tokio::test]
async fn lists_are_passed_on_to_the_master_key_and_under_other_settings() {
    let all = page(&["file-1", "file-2"]);
    let callers = Callers::start(REMEMBER).await;
    let master = format!("authorization: Bearer {MASTER_KEY}\r\n");
    let answer = lists(&callers, &master, "/v1/files", "200 OK\r\n", &all.to_string()).await;
    assert_eq!(answer.body, all.to_string());
    for mode in ["references: deny", "references: allow", "references: remember, mode: log_only"] {
        let callers = Callers::start(&format!("upstream: {{api_base: \"http://UPSTREAM\"}}, {mode}")).await;
        assert_eq!(lists_to(&callers, "ada", "/v1/files", &all).await, all, "{mode}");
    }
}

#[tokio::test]
async fn an_answer_that_is_compressed_all_the_same_is_read() {
    let zipped = |text: &str| {
        use std::io::Write as _;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let callers = Callers::start(REMEMBER).await;
    let answered = async |subject: &str, method: &str, path: &str, text: &str| {
        let mut client = callers.gate.send(method, path, &callers.headers(subject), "").await;
        let (mut upstream, _) = callers.gate.arriving().await;
        let zipped = zipped(text);
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            zipped.len()
        );
        soon(upstream.write_all(&[head.as_bytes(), &zipped].concat())).await.unwrap();
        drop(upstream);
        let head = crate::fixture::read_until(&mut client, "\r\n\r\n").await;
        let message = Message { head, body: String::new() };
        let mut body = vec![0; message.header("content-length").unwrap().parse().unwrap()];
        soon(tokio::io::AsyncReadExt::read_exact(&mut client, &mut body)).await.unwrap();
        (message.header("content-encoding").map(str::to_owned), body)
    };
    let created = r#"{"id":"conv_zipped1"}"#;
    let (coding, body) = answered("ada", "POST", "/v1/conversations", created).await;
    assert_eq!((coding.as_deref(), body), (Some("gzip"), zipped(created)));
    callers.is_denied("eve", "GET /v1/conversations/conv_zipped1", "").await;
    let list = r#"{"data":[{"id":"conv_zipped1"},{"id":"conv_other2"}]}"#;
    let (coding, body) = answered("ada", "GET", "/v1/conversations", list).await;
    assert_eq!((coding, body.as_slice()), (None, &br#"{"data":[{"id":"conv_zipped1"}]}"#[..]));
}
