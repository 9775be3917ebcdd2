//! Shows answers in the terminal.

use std::io::Write as _;

use http::Response;
use http::header::CONTENT_TYPE;
use hyper::body::Incoming;
use serde_json::Value;

use super::client;
use crate::cli::say;

/// Prints an answer. The events of a stream are printed as they arrive.
pub(super) async fn show(mut answer: Response<Incoming>) -> Result<(), String> {
    let is_stream = answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "text/event-stream");
    if !is_stream {
        say(format_args!("     < {}\n", printable(&client::whole(answer).await?)));
        return Ok(());
    }
    say("     < ");
    while let Some(data) = client::piece(&mut answer).await? {
        for event in String::from_utf8_lossy(&data).lines().filter_map(|line| line.strip_prefix("data: ")) {
            let event: Value = serde_json::from_str(event).unwrap_or_default();
            let word = event.pointer("/choices/0/delta/content").and_then(Value::as_str);
            say(word.map(|word| format!("[{word}]")).unwrap_or_default());
        }
        // Standard output is line-buffered, so each word needs a flush.
        let _ = std::io::stdout().flush();
    }
    say("\n");
    Ok(())
}

/// The essential part of a body: the answer's text, the names of models, or an error message.
fn printable(body: &[u8]) -> String {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let models = value.get("data").and_then(Value::as_array).map(|models| {
        let names: Vec<&str> = models.iter().filter_map(|model| model.get("id")?.as_str()).collect();
        format!("models: {}", names.join(", "))
    });
    text("/choices/0/message/content")
        .or_else(|| text("/error/message"))
        .or(models)
        .unwrap_or_else(|| String::from_utf8_lossy(body).into_owned())
}
