//! A file of cases as written.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::case::{Case, CaseFile, Expect};
use crate::config::{ConfigError, Problem, StrictFile};
use crate::engine::Rule;
use crate::request::{RequestContext, TEAM_HEADER};
use crate::tools::offline::{self, Question, UNJUDGED};

/// The path of a request that asks for a model, if the case does not give one.
const CHAT: &str = "/v1/chat/completions";

#[derive(Deserialize)]
#[serde(rename = "case file", deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    config: Option<String>,
    #[serde(default)]
    policies: Option<String>,
    cases: Vec<RawCase>,
}

#[derive(Deserialize)]
#[serde(rename = "cases", deny_unknown_fields)]
struct RawCase {
    note: String,
    claims: Map<String, Value>,
    request: RawRequest,
    expect: RawExpect,
}

#[derive(Deserialize)]
#[serde(rename = "request", deny_unknown_fields)]
struct RawRequest {
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    team: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    body: Value,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    time: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename = "expect", deny_unknown_fields)]
struct RawExpect {
    allow: bool,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    policies: Option<Vec<String>>,
    #[serde(default)]
    shadow: Option<Vec<String>>,
    #[serde(default)]
    reason: Option<String>,
}

pub(super) fn read(name: &str, text: &str, directory: &Path) -> Result<CaseFile, ConfigError> {
    let (mut file, raw) = StrictFile::parse::<RawFile>(name, text)?;
    let mut cases = Vec::with_capacity(raw.cases.len());
    for (i, case) in raw.cases.into_iter().enumerate() {
        let path = format!("cases[{i}]");
        let RawCase { note, claims, request, expect } = case;
        let question = question(&mut file, &format!("{path}.request"), claims, request);
        let expect = expected(&mut file, &format!("{path}.expect"), expect);
        cases.push((path, note, question, expect));
    }
    let lines = file.finish()?;
    let cases = cases.into_iter().map(|(path, note, question, expect)| {
        let line = lines.get(&path).unwrap_or_default();
        Case { note, line, question, expect }
    });
    Ok(CaseFile {
        name: name.to_owned(),
        config: raw.config.map(|path| directory.join(path)),
        policies: raw.policies.map(|path| directory.join(path)),
        cases: cases.collect(),
    })
}

fn question(file: &mut StrictFile, path: &str, claims: Map<String, Value>, request: RawRequest) -> Question {
    let RawRequest { method, path: route, headers, team, model, body, source, time } = request;
    let default = if model.is_some() || !body.is_null() { Method::POST } else { Method::GET };
    let method = value(file, path, "method", method, "a method, such as `POST`", |text| text.parse().ok());
    let source: Option<IpAddr> =
        value(file, path, "source", source, "an address, such as `10.0.0.1`", |text| text.parse().ok());
    let time = value(file, path, "time", time, "a time, such as `2026-11-24T12:00:00Z`", instant);

    let route = route.or_else(|| model.as_ref().map(|_| CHAT.to_owned())).unwrap_or_else(|| {
        file.refuse(path, Problem::MissingKey { key: "path".to_owned() });
        String::new()
    });
    let body = match with_model(body, model) {
        Ok(body) => offline::body(body),
        Err(problem) => {
            file.refuse(&format!("{path}.model"), problem);
            Vec::new()
        }
    };
    let team = team.iter().map(|team| (TEAM_HEADER, team.as_str()));
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = offline::headers(pairs.chain(team)).unwrap_or_else(|key| {
        file.refuse(path, Problem::Header { key });
        HeaderMap::new()
    });
    Question {
        claims,
        method: method.unwrap_or(default),
        path: route,
        headers,
        body,
        request_context: RequestContext { time, source },
    }
}

/// The body with the model in it.
fn with_model(body: Value, model: Option<String>) -> Result<Value, Problem> {
    let Some(model) = model else { return Ok(body) };
    match body {
        Value::Null => Ok(json!({"model": model})),
        Value::Object(mut body) if !body.contains_key("model") => {
            body.insert("model".to_owned(), model.into());
            Ok(Value::Object(body))
        }
        _ => Err(Problem::Conflict {
            key: "model",
            other: "body",
            help: "`model` is added to a JSON object; write it into any other body",
        }),
    }
}

fn expected(file: &mut StrictFile, path: &str, expect: RawExpect) -> Expect {
    let RawExpect { allow, status, rule, policies, shadow, reason } = expect;
    let known =
        |rule: &str| (Rule::from_name(rule).is_some() || UNJUDGED.contains(&rule)).then(|| rule.to_owned());
    let rule = value(file, path, "rule", rule, "the name of a rule in an answer, such as `R2.model`", known);
    for (key, given) in [("rule", rule.is_some()), ("reason", reason.is_some())] {
        if allow && given {
            let help = "only a denial has it";
            file.refuse(&format!("{path}.{key}"), Problem::Conflict { key, other: "allow: true", help });
        }
    }
    Expect { allow, status, rule, policies, shadow, reason }
}

fn instant(text: &str) -> Option<SystemTime> {
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.with_timezone(&Utc).into())
}

/// Returns the value of a key, or `None` and a finding.
fn value<T>(
    file: &mut StrictFile,
    path: &str,
    key: &str,
    text: Option<String>,
    range: &str,
    read: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let read = read(&text?);
    if read.is_none() {
        let problem = Problem::OutOfRange { key: key.to_owned(), range: range.to_owned() };
        file.refuse(&format!("{path}.{key}"), problem);
    }
    read
}
