//! Cross-origin requests of browsers: `modelgate.cors` (Fetch, section 3.2).
//!
//! A request's head comes in. Out go the answer to a preflight, and the headers that let a page read an answer. The
//! gateway alone says which pages may read: an upstream's own word is removed.

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
/// Two hours, in seconds: browsers keep no preflight for longer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");
const ORIGIN_VARIES: HeaderValue = HeaderValue::from_static("origin");
/// All headers of the answer. The page holds the credential itself, so that it may see what any other client sees.
const EVERY_HEADER: HeaderValue = HeaderValue::from_static("*");

/// What the answer to an actual request may say of the pages that may read it.
const OF_UPSTREAMS: [HeaderName; 3] =
    [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS];

/// The origin of the page that sends a request, as the browser writes it.
pub(super) fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(ORIGIN).cloned()
}

/// The answer to a preflight of a page that may call the gateway. A preflight has no credential.
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
    // `*` would not cover `Authorization`.
    for names in head.headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
        headers.append(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
    }
    headers.append(VARY, HeaderValue::from_static("access-control-request-headers"));
    Some(answer)
}

/// Lets the page of this origin read an answer, if the configuration names it. Removes what an upstream said of that.
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
