//! Answers probes, which only check that a server is there. The answers reveal nothing else.

use http::header::{ALLOW, HeaderValue};
use http::request::Parts;
use http::{Method, StatusCode};
use serde_json::json;

use super::http::error_response::{Answer, answer_of, json_answer};
use crate::authn::CREDENTIAL_HEADERS;

/// The answer to a probe.
///
/// LiteLLM's health routes need no credential. Clients such as Claude Code request `/` or `/api/hello` at their start
/// without a credential. With a credential, these paths are handled like any other.
pub(super) fn probe(head: &Parts) -> Option<Answer> {
    let is_read = || matches!(head.method, Method::GET | Method::HEAD);
    match head.uri.path() {
        "/health/liveliness" | "/health/liveness" | "/health/readiness" => {
            if is_read() {
                Some(json_answer(StatusCode::OK, &json!({"status": "healthy"})))
            } else if head.method == Method::OPTIONS {
                let mut answer = bare();
                answer.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
                Some(answer)
            } else {
                None
            }
        }
        "/" | "/api/hello" if is_read() => {
            let is_anonymous = CREDENTIAL_HEADERS.iter().all(|name| !head.headers.contains_key(*name));
            is_anonymous.then(bare)
        }
        _ => None,
    }
}

fn bare() -> Answer {
    answer_of(StatusCode::OK, "text/plain; charset=utf-8", String::new())
}
