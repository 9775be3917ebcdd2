//! Answers cross-origin requests of browsers: `modelgate.cors` (Fetch, section 3.2).
//!
//! Input: the head of a request. Output: the answer to a preflight, and the headers that let a page read an answer.
//! Only the gateway decides which pages may read, so the upstream's own CORS headers are removed.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use http::{Method, StatusCode};

use super::http::error_response::{Answer, answer_of};
use crate::config::Cors;

const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
/// Two hours, in seconds. Browsers cache no preflight for longer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const ORIGIN_VARIES: HeaderValue = HeaderValue::from_static("origin");
/// Exposes all headers of the answer. The page holds the credential itself, so it may see what any other client sees.
const EVERY_HEADER: HeaderValue = HeaderValue::from_static("*");

/// The response headers that decide which pages may read the answer.
const OF_UPSTREAMS: [HeaderName; 3] =
    [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS];

/// The origin of the requesting page, as the browser writes it.
pub(super) fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ORIGIN).cloned()
}

/// The answer to a preflight of an allowed page. A preflight has no credential.
pub(super) fn preflight(head: &Parts, cors: Option<&Cors>, origin: &HeaderValue) -> Option<Answer> {
    let is_preflight =
        head.method == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    if !is_preflight || !cors?.origins.contains(origin) {
        return None;
    }
    let mut answer = answer_of(StatusCode::NO_CONTENT, "text/plain", String::new());
    let headers = answer.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    // `*` would not include `Authorization`.
    for names in head.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.append(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.append(VARY, HeaderValue::from_static("access-control-request-headers"));
    Some(answer)
}

/// Allows this origin to read an answer, if the configuration names it. Removes the upstream's CORS headers.
pub(super) fn share(headers: &mut HeaderMap, cors: Option<&Cors>, origin: HeaderValue) {
    for name in OF_UPSTREAMS {
        headers.remove(name);
    }
    let Some(cors) = cors else { return };
    headers.append(VARY, ORIGIN_VARIES);
    if cors.origins.contains(&origin) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EVERY_HEADER);
    }
}
