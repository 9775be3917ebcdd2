//! Whatever is accepted reads the same to an independent JSON reader, and its path has one form.
//!
//! An input is three parts: the target of the request up to the first line feed, its content type up to the second (an
//! empty one is absent), and its body.

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use modelgate::request::{ApiCall, RequestParts, RoutePath, classify};
use serde_json::{Map, Value};

const MAX_LEN: usize = 16 * 1024;

/// Begins the keys that `serde_json` keeps for itself: its `Value` does not read them as they are written.
const RESERVED: &[u8] = b"$serde_json";

pub(crate) fn check(data: &[u8]) {
    if data.len() > MAX_LEN || data.windows(RESERVED.len()).any(|window| window == RESERVED) {
        return;
    }
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (target, content_type, body) = (next(), next(), next());
    let Ok(target) = std::str::from_utf8(target) else { return };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let mut headers = HeaderMap::new();
    if !content_type.is_empty() {
        let Ok(value) = HeaderValue::from_bytes(content_type) else { return };
        headers.insert(CONTENT_TYPE, value);
    }
    let parts = RequestParts { method: &Method::POST, path, query, headers: &headers, body };
    if let Ok(call) = classify(&parts) {
        check_path(call.route());
        check_model(&call, body);
    }
}

fn check_path(route: &RoutePath) {
    assert_eq!(
        RoutePath::parse(&route.encoded()).as_ref(),
        Ok(route),
        "the forwarded path has another reading"
    );
    let decoded = route.as_str();
    assert!(decoded.starts_with('/'), "{decoded:?}");
    assert!(!decoded.contains("//") && !decoded.contains(['%', '\\']), "{decoded:?}");
    assert!(!decoded.split('/').any(|segment| matches!(segment, "." | "..")), "{decoded:?}");
}

fn check_model(call: &ApiCall, body: &[u8]) {
    let judged = call.model().map(|model| model.as_str());
    let read = object(body);
    let seen = read.as_ref().and_then(|body| body.get("model"));
    let Some(span) = call.body_model() else {
        assert_eq!(seen, None, "a reader sees a model that was not judged");
        return;
    };
    assert_eq!(seen.and_then(Value::as_str), judged, "a reader sees another model");
    let token = body.get(span.clone()).unwrap_or_default();
    let written: Option<String> = serde_json::from_slice(token).ok();
    assert_eq!(written.as_deref(), judged, "the span holds another model");

    // The gateway replaces the span by the deployment's model: nothing else may change.
    let (head, tail) = (body.get(..span.start), body.get(span.end..));
    let forwarded = [head.unwrap_or_default(), b"\"replaced\"", tail.unwrap_or_default()].concat();
    let mut expected = read.unwrap_or_default();
    expected.insert("model".to_owned(), Value::from("replaced"));
    assert_eq!(object(&forwarded), Some(expected), "replacing the model changes more than the model");
}

/// Reads a body as an upstream may.
fn object(json: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(json).ok()
}
