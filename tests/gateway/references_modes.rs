//! `modelgate.references: deny` and `allow`.

use serde_json::json;

use crate::fixture::{read_message, send, soon};
use crate::references_remembered::{Callers, REMEMBER, batch};
use crate::reload::{CLAUDE, Live};

const UPSTREAM: &str = "upstream: {api_base: \"http://UPSTREAM\"}";
const RUN: &str = r#"{"assistant_id": "asst_1"}"#;

#[tokio::test]
async fn a_reference_is_denied_with_what_to_do_about_it() {
    for modelgate in [UPSTREAM.to_owned(), format!("{UPSTREAM}, references: deny")] {
        let callers = Callers::start(&modelgate).await;
        let named = r#"{"model": "anthropic-claude", "prompt": {"id": "pmpt_1"}}"#;
        for (request, body) in [
            ("POST /v1/threads/t/runs", RUN),
            ("POST /v1/responses", named),
            ("POST /v1/batches", r#"{"input_file_id": "file-1"}"#),
            // The lines of the file run, and not the model beside them.
            ("POST /v1/batches", r#"{"input_file_id": "file-1", "model": "anthropic-claude"}"#),
        ] {
            let reason = callers.is_denied("ada", request, body).await;
            assert!(
                reason.contains("name the model itself") && reason.contains("modelgate.references"),
                "{reason}"
            );
        }
        // A model that is denied all the same is the reason.
        let denied = r#"{"model": "openai-gpt-4o", "prompt": {"id": "pmpt_1"}}"#;
        assert!(
            !callers.is_denied("ada", "POST /v1/responses", denied).await.contains("modelgate.references")
        );
        // Nothing is remembered.
        callers.sends("ada", "POST /v1/files", &batch(&["anthropic-claude"]), &json!({"id": "file-1"})).await;
        callers.sends("eve", "GET /v1/files/file-1", "", &json!({})).await;
    }
}

#[tokio::test]
async fn references_pass_where_the_operator_allows_them() {
    let callers = Callers::start(&format!("{UPSTREAM}, references: allow")).await;
    callers.sends("ada", "POST /v1/threads/t/runs", RUN, &json!({})).await;
    callers.sends("ada", "POST /v1/batches", r#"{"input_file_id": "file-1"}"#, &json!({})).await;
    // What is named is judged all the same, and so is a default model.
    callers
        .is_denied("ada", "POST /v1/threads/t/runs", r#"{"assistant_id": "a", "model": "openai-gpt-4o"}"#)
        .await;
    let both = r#"{"assistant_id": "x", "tools": [{"model": "assistant_id:x"}]}"#;
    callers.is_denied("ada", "POST /v1/threads/t/runs", both).await;
    callers.is_denied("ada", "POST /v1/images/generations", r#"{"prompt": "p"}"#).await;
}

#[tokio::test]
async fn the_ids_that_are_remembered_are_counted_and_bounded() {
    let live = Live::with(|files| {
        let block = format!("{REMEMBER}, limits: {{references: 2}}");
        let block = block.replace("UPSTREAM", &files.upstream().to_string());
        files.write("config.yaml", files.yaml_with(&block, CLAUDE));
    });
    let live = live.await;
    let (admin, callers) = (live.admin, Callers { gate: live.gate });
    for (count, subject) in [(1, "ada"), (2, "eve"), (2, "bob")] {
        let id = json!({"id": format!("conv_000{subject}1")});
        callers.sends(subject, "POST /v1/conversations", "{}", &id).await;
        let metrics = soon(read_message(&mut send(admin, "GET", "/metrics", "", "").await)).await.body;
        assert!(metrics.contains(&format!("\nmodelgate_references {count}\n")), "{metrics}");
    }
    // The oldest was dropped, and nobody created it any more.
    callers.sends("eve", "GET /v1/conversations/conv_000ada1", "", &json!({})).await;
    callers.is_denied("eve", "GET /v1/conversations/conv_000bob1", "").await;
}
