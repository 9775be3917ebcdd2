//! `modelgate.references: remember`: files that are joined from parts.

use serde_json::json;

use crate::references_remembered::{Callers, REMEMBER};

/// A part of an upload.
fn part(bytes: &str) -> String {
    format!(
        "--b\r\nContent-Disposition: form-data; name=\"data\"; filename=\"data\"\r\n\
         Content-Type: application/jsonl\r\n\r\n{bytes}\r\n--b--\r\n"
    )
}

/// Uploads a file in two parts, which are cut in the middle of a model's name. Gives the request that joins them.
async fn uploaded(callers: &Callers, models: [&str; 2]) -> (&'static str, &'static str) {
    let line = |model: &str| json!({"url": "/v1/embeddings", "body": {"model": model}}).to_string();
    let file = format!("{}\n{}\n", line(models[0]), line(models[1]));
    let (first, second) = file.split_at(file.len() - 10);
    let create = r#"{"filename": "b.jsonl", "purpose": "batch", "bytes": 100}"#;
    callers.sends("ada", "POST /v1/uploads", create, &json!({"id": "upload_1"})).await;
    for (bytes, id) in [(second, "part_2"), (first, "part_1")] {
        let answer = json!({"id": id, "upload_id": "upload_1"});
        callers.sends("ada", "POST /v1/uploads/upload_1/parts", &part(bytes), &answer).await;
    }
    ("POST /v1/uploads/upload_1/complete", r#"{"part_ids": ["part_1", "part_2"]}"#)
}

#[tokio::test]
async fn a_file_that_was_joined_from_known_parts_is_judged_by_its_lines() {
    let callers = Callers::start(REMEMBER).await;
    let both = "[anthropic-claude, openai-gpt-4o]";
    callers.gate.gateway.activate(callers.gate.generation_as(REMEMBER, both));
    let (complete, parts) = uploaded(&callers, ["anthropic-claude", "openai-gpt-4o"]).await;
    callers.is_denied("eve", complete, parts).await;
    let joined = json!({"id": "upload_1", "file": {"id": "file-3", "object": "file"}});
    callers.sends("ada", complete, parts, &joined).await;
    let create = r#"{"input_file_id": "file-3"}"#;
    callers.is_denied("eve", "POST /v1/batches", create).await;
    callers.sends("ada", "POST /v1/batches", create, &json!({"id": "batch_1"})).await;
    callers.gate.gateway.activate(callers.gate.generation_as(REMEMBER, "[anthropic-claude]"));
    callers.is_denied("ada", "POST /v1/batches", create).await;
}

#[tokio::test]
async fn a_denied_model_in_a_line_of_two_parts_denies_that_they_are_joined() {
    let callers = Callers::start(REMEMBER).await;
    let (complete, parts) = uploaded(&callers, ["anthropic-claude", "openai-gpt-4o"]).await;
    let reason = callers.is_denied("ada", complete, parts).await;
    assert!(reason.contains("model_not_allowed"), "{reason}");
}

#[tokio::test]
async fn another_callers_id_in_a_line_of_two_parts_denies_that_they_are_joined() {
    let callers = Callers::start(REMEMBER).await;
    callers.sends("eve", "POST /v1/conversations", "{}", &json!({"id": "conv_123456"})).await;
    let create = r#"{"filename": "b.jsonl", "purpose": "batch"}"#;
    callers.sends("ada", "POST /v1/uploads", create, &json!({"id": "upload_1"})).await;
    let halves = [
        r#"{"url": "/v1/responses", "body": {"model": "anthropic-claude", "conversation": "conv_12"#,
        r#"3456"}}"#,
    ];
    for (half, id) in halves.iter().zip(["part_1", "part_2"]) {
        callers.sends("ada", "POST /v1/uploads/upload_1/parts", &part(half), &json!({"id": id})).await;
    }
    let list = r#"{"part_ids": ["part_1", "part_2"]}"#;
    callers.is_denied("ada", "POST /v1/uploads/upload_1/complete", list).await;
}

#[tokio::test]
async fn a_file_of_which_a_part_is_not_known_stands_for_no_known_model() {
    let callers = Callers::start(REMEMBER).await;
    let (complete, _) = uploaded(&callers, ["anthropic-claude", "anthropic-claude"]).await;
    let joined = json!({"id": "upload_1", "file": {"id": "file-3"}});
    callers.sends("ada", complete, r#"{"part_ids": ["part_1", "part_9"]}"#, &joined).await;
    callers.is_denied("ada", "POST /v1/batches", r#"{"input_file_id": "file-3"}"#).await;
    let joined = json!({"id": "upload_1", "file": {"id": "file-4"}});
    callers.sends("ada", complete, r#"{"part_ids": ["part_2", "part_1"]}"#, &joined).await;
    callers.is_denied("ada", "POST /v1/batches", r#"{"input_file_id": "file-4"}"#).await;
    let joined = json!({"id": "upload_1", "file": {"id": "file-5"}});
    callers.sends("ada", complete, r#"{"part_ids": ["part_1", "part_2"], "md5": "x"}"#, &joined).await;
    let batch = json!({"id": "batch_1"});
    callers.sends("ada", "POST /v1/batches", r#"{"input_file_id": "file-5"}"#, &batch).await;
}
