//! `modelgate decide`: JSON lines in, JSON lines out, in the same order.

use std::io::{BufRead as _, BufWriter, Write as _};

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ConfigArgs, Exit};
use crate::authn::VerifiedClaims;
use crate::engine::{Decision, Snapshot};
use crate::names::{ModelName, Role};
use crate::request::{Circumstances, Malformed, RequestParts, classify};

/// One line of input.
#[derive(Deserialize)]
struct Line {
    #[serde(default)]
    id: Value,
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
    match serde_json::from_value::<Line>(value).map_err(|error| error.to_string()).and_then(Asked::new) {
        Ok(asked) => asked.decide(snapshot),
        Err(error) => json!({"id": id, "error": error}),
    }
}

struct Asked {
    line: Line,
    method: Method,
    headers: HeaderMap,
}

impl Asked {
    fn new(line: Line) -> Result<Self, String> {
        let method = line.method.parse().map_err(|_| format!("`{}` is not a method", line.method))?;
        let mut headers = HeaderMap::new();
        for (name, value) in &line.headers {
            let bad = || format!("header `{name}` is not valid");
            let value = value.as_str().and_then(|value| HeaderValue::from_str(value).ok()).ok_or_else(bad)?;
            headers.append(HeaderName::try_from(name).map_err(|_| bad())?, value);
        }
        Ok(Self { line, method, headers })
    }

    fn decide(self, snapshot: &Snapshot) -> Value {
        let Self { line, method, headers } = self;
        let body = match line.body {
            Value::Null => String::new(),
            Value::String(text) => text,
            json => json.to_string(),
        };
        let (path, query) =
            line.path.split_once('?').map_or((line.path.as_str(), None), |(p, q)| (p, Some(q)));
        let parts = RequestParts { method: &method, path, query, headers: &headers, body: body.as_bytes() };
        let call = match classify(&parts) {
            Ok(call) => call.with_circumstances(Circumstances::now()),
            Err(malformed) => return refused(line.id, &malformed),
        };
        let models: Vec<String> = call.models().map(ModelName::to_string).collect();
        let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(line.claims));
        match snapshot.authorize(&caller, call) {
            Ok(permit) => answer(line.id, 200, permit.decision(), &models, None),
            Err(denied) => {
                let reason = (denied.rule.as_str(), denied.to_string());
                answer(line.id, 403, &denied.decision, &models, Some(reason))
            }
        }
    }
}

fn refused(id: Value, malformed: &Malformed) -> Value {
    let rule = if *malformed == Malformed::NoModel { "D2.no_model" } else { "D2.malformed" };
    let status = if matches!(malformed, Malformed::Unsupported(_)) { 415 } else { 400 };
    json!({"id": id, "allow": false, "status": status, "role": null, "user_id": null, "team_id": null, "models": [],
        "policies": [], "rule": rule, "reason": malformed.to_string()})
}

fn answer(
    id: Value,
    status: u16,
    decision: &Decision,
    models: &[String],
    denial: Option<(&str, String)>,
) -> Value {
    let (rule, reason) = denial.unzip();
    json!({"id": id, "allow": rule.is_none(), "status": status, "role": decision.role.map(Role::as_str),
        "user_id": decision.user_id, "team_id": decision.team_id, "models": models,
        "policies": decision.policies.iter().map(AsRef::as_ref).collect::<Vec<&str>>(), "rule": rule, "reason": reason})
}
