//! Helpers that several test programs share.

pub(crate) mod reference;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use modelgate::request::{ApiCall, Malformed, RequestParts, classify};
use modelgate::routes::surface::lookup;
use serde_json::Value;

/// The call of a recorded case: `method`, `path`, `headers`, and a JSON `body`.
pub(crate) fn call(case: &Value) -> Result<ApiCall, Malformed> {
    let method: Method = case["method"].as_str().and_then(|m| m.parse().ok()).unwrap_or(Method::POST);
    let mut headers = HeaderMap::new();
    for (name, value) in case["headers"].as_object().into_iter().flatten() {
        let value = HeaderValue::from_str(value.as_str().unwrap_or_default());
        headers.insert(HeaderName::try_from(name).expect("a header name"), value.expect("a header value"));
    }
    let body = if case["body"].is_null() { Vec::new() } else { case["body"].to_string().into_bytes() };
    let path = case["path"].as_str().unwrap_or_default();
    classify(&RequestParts { method: &method, path, query: None, headers: &headers, body: &body })
}

/// The reference's name for the model that a route runs if the request names none.
pub(crate) fn unnamed_on(method: &str, path: &str) -> Option<&'static str> {
    let route = lookup(&method.parse().ok()?, path)?;
    route.model_use().runs_unnamed().then_some("")
}
