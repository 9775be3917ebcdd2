//! `modelgate decide`: JSON lines in, JSON lines out, in the same order.

use std::io::{BufRead as _, BufWriter, Write as _};

use chrono::DateTime;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ConfigArgs, Exit};
use crate::display;
use crate::engine::Snapshot;
use crate::names::{ModelName, Role};
use crate::offline::{self, Question};
use crate::request::RequestContext;

/// One line of input. Unknown fields are refused, because ignoring one would answer a different question.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    /// Repeated in the answer.
    #[serde(default, rename = "id")]
    _id: Value,
    claims: Map<String, Value>,
    method: String,
    /// Includes the query, if there is one.
    path: String,
    #[serde(default)]
    headers: Map<String, Value>,
    /// A JSON value is sent as its text. A string is sent unchanged.
    #[serde(default)]
    body: Value,
    /// The time of the request, in RFC 3339. The default is the current time.
    #[serde(default)]
    time: Option<String>,
    /// The caller's address. The default is unknown.
    #[serde(default)]
    source: Option<String>,
}

/// Fields that are accepted and ignored. Recorded cases contain expected results, and can be piped in
/// unchanged.
const NOTES: [&str; 4] = ["note", "expect", "litellm", "differs"];

pub(super) fn run(args: &ConfigArgs) -> miette::Result<Exit> {
    let snapshot = args.snapshot()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(super::failed)?;
        if !line.trim().is_empty() {
            let answer = decide(&snapshot, &line).to_string();
            writeln!(out, "{}", display::escape_json(&answer)).map_err(super::failed)?;
        }
    }
    out.flush().map_err(super::failed)?;
    Ok(Exit::Yes)
}

fn decide(snapshot: &Snapshot, line: &str) -> Value {
    let mut value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return json!({"id": null, "error": error.to_string()}),
    };
    let id = value.get("id").cloned().unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.retain(|name, _| !NOTES.contains(&name.as_str()));
    }
    match serde_json::from_value::<Line>(value).map_err(|error| error.to_string()).and_then(question) {
        Ok(question) => answer(id, snapshot, &question),
        Err(error) => json!({"id": id, "error": error}),
    }
}

fn question(line: Line) -> Result<Question, String> {
    let method = line.method.parse().map_err(|_| format!("`{}` is not a method", line.method))?;
    let text = |(name, value): (&String, &Value)| match value {
        Value::String(value) => Ok((name.clone(), value.clone())),
        _ => Err(format!("header `{name}` is not a string")),
    };
    let headers = line.headers.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let now = RequestContext::now();
    let time = match &line.time {
        Some(time) => Some(instant(time)?),
        None => now.time,
    };
    let source = line.source.as_ref().map(|text| {
        text.parse().map_err(|_| format!("`source` is not an address such as `10.0.0.1`: `{text}`"))
    });
    Ok(Question {
        claims: line.claims,
        method,
        path: line.path,
        headers: offline::headers(pairs).map_err(|name| format!("header `{name}` is not valid"))?,
        body: offline::body(line.body),
        request_context: RequestContext { time, source: source.transpose()? },
    })
}

/// A time in RFC 3339 format.
pub(super) fn instant(text: &str) -> Result<std::time::SystemTime, String> {
    let time = DateTime::parse_from_rfc3339(text);
    time.map(Into::into).map_err(|_| format!("`{text}` is not a time such as `2026-11-24T12:00:00Z`"))
}

fn answer(id: Value, snapshot: &Snapshot, question: &Question) -> Value {
    let answer = question.answer(snapshot);
    let decision = answer.decision.as_ref();
    json!({"id": id, "allow": answer.allow, "status": answer.status,
        "role": decision.and_then(|decision| decision.role).map(Role::as_str),
        "user_id": decision.and_then(|decision| decision.user_id.as_ref()),
        "team_id": decision.and_then(|decision| decision.team_id.as_ref()),
        "models": answer.models.iter().map(ModelName::as_str).collect::<Vec<_>>(),
        "policies": answer.policies().iter().map(AsRef::as_ref).collect::<Vec<&str>>(),
        "rule": answer.rule, "reason": answer.reason})
}
