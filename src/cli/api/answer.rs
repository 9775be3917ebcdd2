//! Reads requests and writes answers.

use std::collections::HashMap;

use http::header::{ALLOW, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::display::escape_json;
use crate::gateway::admin::{ApiAnswer, ApiRequest, answer_of};

/// The maximum length of a parameter. No name is longer.
const LONGEST_TEXT: usize = 512;

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error("{0}")]
    Request(String),
    #[error("{0}")]
    Missing(String),
    #[error("the method is not {0}")]
    Method(Method),
    #[error("the `Content-Type` is not `application/json`")]
    ContentType,
    #[error("{error}")]
    Rules { error: String, diagnostics: Vec<Value> },
    #[error("{0}")]
    Unavailable(String),
    #[error("the answer could not be computed: see the log")]
    Panicked,
}

impl ApiError {
    pub(super) fn rules(error: impl std::fmt::Display) -> Self {
        Self::Rules { error: error.to_string(), diagnostics: Vec::new() }
    }

    pub(super) fn answer(self) -> ApiAnswer {
        let status = match &self {
            Self::Request(_) => StatusCode::BAD_REQUEST,
            Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Rules { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut body = json!({"error": self.to_string()});
        if let (Self::Rules { diagnostics, .. }, Some(fields)) = (&self, body.as_object_mut()) {
            fields.insert("diagnostics".to_owned(), json!(diagnostics));
        }
        let mut answer = json_answer(&body);
        *answer.status_mut() = status;
        if let Self::Method(method) = &self
            && let Ok(allowed) = HeaderValue::from_str(method.as_str())
        {
            answer.headers_mut().insert(ALLOW, allowed);
        }
        answer
    }
}

/// An answer in JSON. Control characters are escaped, because it may be read in a terminal.
pub(super) fn json_answer(body: &Value) -> ApiAnswer {
    answer_of(StatusCode::OK, "application/json", escape_json(&body.to_string()).into_owned())
}

/// Reads a JSON body.
pub(super) fn body<T: DeserializeOwned>(request: &ApiRequest) -> Result<T, ApiError> {
    let kind = request.head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    if !essence.trim_ascii().eq_ignore_ascii_case(b"application/json") {
        return Err(ApiError::ContentType);
    }
    // The message may quote the body, but only the name of a member.
    serde_json::from_slice(&request.body).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Data => {
                ApiError::Request(format!("the body has a wrong form: {}", shape(&error)))
            }
            _ => ApiError::Request(format!("the body is not JSON: {place}")),
        }
    })
}

/// The message without values of the body, which may be a token.
fn shape(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let is_about_names = ["unknown field", "missing field", "duplicate field"];
    if is_about_names.iter().any(|about| text.starts_with(about)) {
        text
    } else {
        format!("a member has a wrong type, at line {} column {}", error.line(), error.column())
    }
}

/// The parameters of the query.
#[derive(Debug)]
pub(super) struct Query(HashMap<String, String>);

impl Query {
    /// Reads the query. Each parameter is known, and given once.
    pub(super) fn of(head: &Parts, known: &[&str]) -> Result<Self, ApiError> {
        let mut found = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                return Err(ApiError::Request(format!("no such parameter; there are: {}", known.join(", "))));
            }
            if value.chars().count() > LONGEST_TEXT {
                return Err(ApiError::Request(format!("`{name}` is longer than {LONGEST_TEXT} characters")));
            }
            let name = name.into_owned();
            if found.contains_key(&name) {
                return Err(ApiError::Request(format!("`{name}` is given twice")));
            }
            found.insert(name, value.into_owned());
        }
        Ok(Self(found))
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A number within a range, without zeros before it.
    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<usize>,
        default: usize,
    ) -> Result<usize, ApiError> {
        let Some(text) = self.text(name) else { return Ok(default) };
        let is_number =
            text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        let number = text.parse().ok().filter(|number| is_number && range.contains(number));
        number.ok_or_else(|| {
            ApiError::Request(format!("`{name}` must be a number from {} to {}", range.start(), range.end()))
        })
    }
}
