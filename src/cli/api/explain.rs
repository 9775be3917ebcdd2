//! `explain`: why a request is allowed or denied.

use http::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Api;
use super::answer::{ApiError, body, json_answer};
use super::sources::Texts;
use crate::authn::VerifiedClaims;
use crate::cli::decide::instant;
use crate::cli::explain::{self, ExplainError, Report, Request};
use crate::cli::replay::line;
use crate::gateway::Generation;
use crate::gateway::admin::{ApiAnswer, ApiRequest};
use crate::offline;
use crate::request::RequestContext;

/// The question. A token is never printed, not even by `Debug`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    token: Option<SecretString>,
    #[serde(default)]
    claims: Option<Map<String, Value>>,
    #[serde(default)]
    headers: Option<Map<String, Value>>,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    path: Option<String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    time: Option<String>,
}

impl Api {
    pub(super) async fn explain(&self, request: &ApiRequest) -> Result<ApiAnswer, ApiError> {
        let question: Question = body(request)?;
        let active = self.reloader.gateway().active();
        let snapshot = active.snapshot();
        let mut additional = Map::new();
        let report = match (&question.id, &question.token, &question.claims) {
            (Some(id), None, None) if question.has_no_request() => {
                self.recorded(&active, id, &mut additional)?
            }
            (Some(_), ..) => {
                return Err(ApiError::Request("`id` stands for a whole request: send it alone".to_owned()));
            }
            (None, Some(token), None) => {
                let request = question.request()?;
                let explained = explain::token(snapshot, active.verifier(), token.expose_secret(), &request);
                explained.await.map_err(|error| match error {
                    ExplainError::Bearer(_) | ExplainError::NoTokens => ApiError::Request(error.to_string()),
                    ExplainError::KeysUnavailable | ExplainError::ProviderUnavailable => {
                        ApiError::Unavailable(error.to_string())
                    }
                })?
            }
            (None, None, Some(claims)) => explain::claims(snapshot, claims.clone(), &question.request()?),
            (None, ..) => return Err(ApiError::Request("send `token`, `claims` or `id`".to_owned())),
        };
        let mut json = report.to_json();
        let places = places(&json);
        // Reading a large configuration again would hold up the other requests of this thread.
        let lines = tokio::task::spawn_blocking(move || {
            let texts = Texts::of(&active);
            texts.map(|texts| texts.lines(places.iter().map(String::as_str))).unwrap_or_default()
        });
        let lines = lines.await.unwrap_or_default();
        if let Some(fields) = json.as_object_mut() {
            fields.insert("sources".to_owned(), json!(lines));
            fields.append(&mut additional);
        }
        Ok(json_answer(&json))
    }

    /// A request of the newest decisions: decided again if the decision log is replayable, else as it was recorded.
    fn recorded(
        &self,
        active: &Generation,
        id: &str,
        additional: &mut Map<String, Value>,
    ) -> Result<Report, ApiError> {
        let missing = || ApiError::Missing("no recent decision has this request id".to_owned());
        let found = self.decisions.find(id).ok_or_else(missing)?;
        additional.insert("generation".to_owned(), json!(found.line.generation));
        let snapshot = active.snapshot();
        let again = line::input(&found.line).ok().and_then(|input| {
            let (caller, query) = (line::caller(input, snapshot)?, line::query(input).ok()?);
            let claims =
                input.claims.as_ref().map(|claims| VerifiedClaims::dangerous_trust((**claims).clone()));
            Some(explain::replayed(snapshot, &caller, claims.as_ref(), &query))
        });
        additional.insert("recorded".to_owned(), json!(again.is_none()));
        Ok(again.unwrap_or_else(|| {
            let places = snapshot.policies().filter_map(|policy| Some((policy.id(), policy.source()?)));
            let decided = places.filter(|(id, _)| found.line.policies.iter().any(|policy| &**policy == *id));
            explain::recorded(&found.line, decided)
        }))
    }
}

impl Question {
    fn has_no_request(&self) -> bool {
        self.headers.is_none()
            && self.method.is_none()
            && self.path.is_none()
            && self.body.is_none()
            && self.source.is_none()
            && self.time.is_none()
    }

    fn request(&self) -> Result<Request, ApiError> {
        let refused = |message: String| ApiError::Request(message);
        let has_body = self.body.as_ref().is_some_and(|body| !body.is_null());
        let method = match &self.method {
            Some(method) => method.parse().map_err(|_| refused("`method` is not a method".to_owned()))?,
            None if has_body => Method::POST,
            None => Method::GET,
        };
        let path = self.path.clone().unwrap_or_else(|| explain::CHAT.to_owned());
        let mut pairs = Vec::new();
        for (name, value) in self.headers.iter().flatten() {
            let value = value.as_str().ok_or_else(|| refused("a header is not a string".to_owned()))?;
            pairs.push((name.as_str(), value));
        }
        let headers = offline::headers(pairs).map_err(|_| refused("a header cannot be sent".to_owned()))?;
        let source = self.source.as_deref().map(str::parse).transpose();
        let source =
            source.map_err(|_| refused("`source` is not an address such as `10.0.0.1`".to_owned()))?;
        let time =
            match &self.time {
                Some(time) => {
                    let time = instant(time);
                    Some(time.map_err(|_| {
                        refused("`time` is not a time such as `2026-11-24T12:00:00Z`".to_owned())
                    })?)
                }
                None => RequestContext::now().time,
            };
        let body = offline::body(self.body.clone().unwrap_or_default());
        Ok(Request { method, path, headers, body, context: RequestContext { time, source } })
    }
}

/// Every `source` in an explanation.
fn places(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match value {
                Value::String(place) if name == "source" => vec![place.clone()],
                value => places(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(places).collect(),
        _ => Vec::new(),
    }
}
