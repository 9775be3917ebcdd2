//! `modelgate.references: remember` against callers who spell, split, choose and race.

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::fixture::{read_message, soon};
use crate::references_remembered::{Callers, REMEMBER};

#[tokio::test]
async fn another_callers_id_is_found_in_any_case_with_blanks_in_lists_and_in_urls() {
    let callers = Callers::start(REMEMBER).await;
    let created = json!({"file": {"name": "files/abc123"}});
    callers.sends("ada", "POST /v1beta/files", "{}", &created).await;
    callers.sends("ada", "POST /v1/conversations", "{}", &json!({"id": "conv_AbC1"})).await;
    let google = |uri: &str| {
        json!({"model": "anthropic-claude", "contents": [{"parts": [{"fileData": {"fileUri": uri}}]}]})
            .to_string()
    };
    for (request, body) in [
        ("GET /v1/conversations/conv_abc1", String::new()),
        ("GET /v1/conversations/CONV_ABC1", String::new()),
        ("GET /v1/conversations/conv%5FAbC1", String::new()),
        ("GET /v1/conversations/conv_AbC1/items", String::new()),
        ("GET /v1/conversations/conv_other/items/conv_AbC1", String::new()),
        ("DELETE /v1/conversations/conv_AbC1", String::new()),
        ("GET /v1/conversations?after=%20conv_AbC1", String::new()),
        ("GET /v1/conversations?ids=conv_x,conv_AbC1", String::new()),
        ("GET /v1/conversations?ids=conv_x&ids=conv_AbC1", String::new()),
        ("GET /v1beta/files/abc123", String::new()),
        ("GET /v1beta/files/abc123:download?alt=media", String::new()),
        ("POST /v1/responses", r#"{"model":"anthropic-claude","conversation":" conv_AbC1\n"}"#.to_owned()),
        ("POST /v1/responses", r#"{"model":"anthropic-claude","x":["a",["conv_AbC1"]]}"#.to_owned()),
        ("POST /v1/responses", r#"{"model":"anthropic-claude","x":{"conv_AbC1":1}}"#.to_owned()),
        ("POST /v1/responses", r#"{"model":"anthropic-claude","x":"conv_\u0041\u0062C1"}"#.to_owned()),
        ("POST /v1/chat/completions", google("https://g.example/v1beta/files/abc123")),
        ("POST /v1/chat/completions", google("https://g.example/v1beta/files/abc123?alt=media#a")),
        ("POST /v1/chat/completions", google("files/abc123/")),
    ] {
        let reason = callers.is_denied("eve", request, &body).await;
        assert!(reason.contains("another caller created"), "{request} {body}: {reason}");
    }
    callers.sends("ada", "GET /v1/conversations/conv_AbC1", "", &json!({})).await;
}

#[tokio::test]
async fn an_id_that_its_caller_chose_takes_no_word_from_others() {
    let callers = Callers::start(REMEMBER).await;
    let chosen = json!({"id": "anthropic-claude-4"});
    let body = r#"{"id": "anthropic-claude-4", "model": "anthropic-claude"}"#;
    callers.sends("eve", "POST /v1beta/agents", body, &chosen).await;
    let body = r#"{"model": "anthropic-claude"}"#;
    callers.sends("eve", "POST /v1beta/agents?agentId=model-77", body, &json!({"id": "model-77"})).await;
    for word in ["anthropic-claude-4", "model-77"] {
        let named = json!({"model": "anthropic-claude", "user": word, "messages": []}).to_string();
        callers.sends("ada", "POST /v1/chat/completions", &named, &json!({})).await;
        // It is an id where the path says what it is of.
        callers.is_denied("ada", &format!("GET /v1beta/agents/{word}"), "").await;
        callers.sends("eve", &format!("GET /v1beta/agents/{word}"), "", &json!({})).await;
    }
}

#[tokio::test]
async fn ids_of_other_apis_streams_are_found() {
    let callers = Callers::start(REMEMBER).await;
    for (path, body, event, id) in [
        (
            "/v1beta/interactions",
            r#"{"model": "anthropic-claude", "stream": true}"#,
            json!({"interaction": {"id": "v1_abc1"}, "event_type": "interaction.created"}),
            "/v1beta/interactions/v1_abc1",
        ),
        (
            "/v1/conversations",
            r#"{"model": "anthropic-claude", "stream": true}"#,
            json!({"type": "conversation.response.started", "conversation_id": "conv_abc1"}),
            "/v1/conversations/conv_abc1/history",
        ),
    ] {
        let mut client = callers.gate.send("POST", path, &callers.headers("ada"), body).await;
        let (mut upstream, _) = callers.gate.arriving().await;
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        soon(upstream.write_all(format!("{head}data: {event}\n\n").as_bytes())).await.unwrap();
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains("_abc1") {
            seen.push(soon(client.read_u8()).await.unwrap());
        }
        callers.is_denied("eve", &format!("GET {id}"), "").await;
        callers.sends("ada", &format!("GET {id}"), "", &json!({})).await;
    }
}

#[tokio::test]
async fn an_id_that_two_callers_get_belongs_to_the_first() {
    let callers = Callers::start(REMEMBER).await;
    let same = json!({"id": "conv_same1"});
    callers.sends("ada", "POST /v1/conversations", "{}", &same).await;
    callers.sends("eve", "POST /v1/conversations", "{}", &same).await;
    callers.is_denied("eve", "GET /v1/conversations/conv_same1", "").await;
    callers.sends("ada", "GET /v1/conversations/conv_same1", "", &same).await;
}

#[tokio::test]
async fn an_id_that_comes_in_pieces_is_remembered_before_its_last_piece_arrives() {
    let callers = Callers::start(REMEMBER).await;
    let mut client = callers.gate.send("POST", "/v1/conversations", &callers.headers("ada"), "{}").await;
    let (mut upstream, _) = callers.gate.arriving().await;
    let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";
    soon(upstream.write_all(head.as_bytes())).await.unwrap();
    for piece in ["{\"i", "d\":\"con", "v_pie", "ces1", "\"", ",\"object\":"] {
        let chunk = format!("{:x}\r\n{piece}\r\n", piece.len());
        soon(upstream.write_all(chunk.as_bytes())).await.unwrap();
    }
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("object") {
        seen.push(soon(client.read_u8()).await.unwrap());
    }
    // The caller knows the id, although the answer breaks off.
    drop(upstream);
    callers.is_denied("eve", "GET /v1/conversations/conv_pieces1", "").await;
}

#[tokio::test]
async fn a_stored_chat_completion_that_streams_belongs_to_its_caller() {
    let callers = Callers::start(REMEMBER).await;
    let body = r#"{"model": "anthropic-claude", "store": true, "stream": true, "messages": []}"#;
    let mut client = callers.gate.send("POST", "/v1/chat/completions", &callers.headers("ada"), body).await;
    let (mut upstream, arrived) = callers.gate.arriving().await;
    assert_eq!(arrived.header("accept-encoding"), Some("identity"));
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    let event = "data: {\"id\":\"chatcmpl-9\",\"object\":\"chat.completion.chunk\",\"choices\":[]}\n\n";
    soon(upstream.write_all((head.to_owned() + event).as_bytes())).await.unwrap();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("chatcmpl-9") {
        seen.push(soon(client.read_u8()).await.unwrap());
    }
    callers.is_denied("eve", "GET /v1/chat/completions/chatcmpl-9", "").await;
    callers.sends("ada", "GET /v1/chat/completions/chatcmpl-9", "", &json!({})).await;
    drop(upstream);
}

#[tokio::test]
async fn an_error_makes_nobody_the_owner_of_an_id() {
    let callers = Callers::start(REMEMBER).await;
    for status in ["302 Found", "400 Bad Request", "404 Not Found", "500 Internal Server Error"] {
        let mut client = callers.gate.send("POST", "/v1/conversations", &callers.headers("ada"), "{}").await;
        let (mut upstream, _) = callers.gate.arriving().await;
        let answer = r#"{"id": "conv_error1"}"#;
        let head =
            format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", answer.len());
        soon(upstream.write_all((head + answer).as_bytes())).await.unwrap();
        soon(read_message(&mut client)).await;
        callers.sends("eve", "GET /v1/conversations/conv_error1", "", &json!({})).await;
    }
}
