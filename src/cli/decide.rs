//! `modelgate decide`: JSON lines in, JSON lines out, in the same order.

use std::io::{BufRead as _, BufWriter, Write as _};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ConfigArgs, Exit};
use crate::engine::Snapshot;
use crate::names::{ModelName, Role};
use crate::offline::{self, Question};
use crate::request::RequestContext;

/// One line of input.
#[derive(Deserialize)]
struct Line {
    claims: Map<String, Value>,
    method: String,
    /// With the query, if there is one.
    path: String,
    #[serde(default)]
    headers: Map<String, Value>,
    /// A JSON value is sent as its text; a string is sent as it is.
    #[serde(default)]
    body: Value,
}

pub(super) fn run(args: &ConfigArgs) -> miette::Result<Exit> {
    let snapshot = args.snapshot()?;
    let mut out = BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(super::failed)?;
        if !line.trim().is_empty() {
            writeln!(out, "{}", decide(&snapshot, &line)).map_err(super::failed)?;
        }
    }
    out.flush().map_err(super::failed)?;
    Ok(Exit::Yes)
}

fn decide(snapshot: &Snapshot, line: &str) -> Value {
    let value: Value = match serde_json::from_str(line) {
        Ok(value) => value,
        Err(error) => return json!({"id": null, "error": error.to_string()}),
    };
    let id = value.get("id").cloned().unwrap_or_default();
    match serde_json::from_value::<Line>(value).map_err(|error| error.to_string()).and_then(question) {
        Ok(question) => answer(id, snapshot, &question),
        Err(error) => json!({"id": id, "error": error}),
    }
}

fn question(line: Line) -> Result<Question, String> {
    let method = line.method.parse().map_err(|_| format!("`{}` is not a method", line.method))?;
    // What is no string is no value that can be sent.
    let headers = line.headers.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap_or("\n")));
    Ok(Question {
        claims: line.claims,
        method,
        path: line.path,
        headers: offline::headers(headers).map_err(|name| format!("header `{name}` is not valid"))?,
        body: offline::body(line.body),
        circumstances: RequestContext::now(),
    })
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
