//! An accepted body has the same meaning for independent readers of JSON and forms, regardless of how it is split. An
//! accepted path has one form.
//!
//! An input has three parts: the first line is the target of the request, the second line is its content type (empty
//! means absent), and the rest is its body.

use std::collections::BTreeSet;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use modelgate::request::{ApiCall, Malformed, RequestHead, RequestParser, RequestParts, RoutePath, classify};
use serde_json::{Map, Value};

use crate::{additional, plain};

const MAX_LEN: usize = 16 * 1024;

/// The prefix of keys that `serde_json` reserves. Its `Value` does not keep them as written.
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
    let head = RequestHead { method: &Method::POST, path, query, headers: &headers };
    let parts = RequestParts { method: &Method::POST, path, query, headers: &headers, body };
    let call = classify(&parts);
    // Pieces with increasing and decreasing lengths, pieces that the input chooses, and single bytes.
    let chosen = data.iter().map(|byte| usize::from(byte % 23) + 1).collect();
    for sizes in [vec![1, 2, 3, 4, 5], chosen, vec![1]] {
        assert_eq!(
            parse_in_pieces(&head, body, &sizes),
            call,
            "the body reads differently in pieces: {sizes:?}"
        );
    }
    if let Ok(call) = call {
        check_path(call.route());
        let kind = std::str::from_utf8(content_type).unwrap_or_default().trim().to_ascii_lowercase();
        if kind.starts_with("multipart/form-data") {
            check_form(&call, body, |body| multipart_models(content_type, body), "x y");
        } else if kind.starts_with("application/x-www-form-urlencoded") {
            check_form(&call, body, urlencoded_models, "x%20y");
        } else {
            check_model(&call, body);
            check_additional(&call, query.unwrap_or_default(), body);
        }
    }
}

/// Parses a body that arrives in pieces of these lengths, which repeat.
fn parse_in_pieces(head: &RequestHead<'_>, mut body: &[u8], sizes: &[usize]) -> Result<ApiCall, Malformed> {
    match RequestParser::begin(head)? {
        RequestParser::Whole(whole) => whole.finish(body),
        RequestParser::Streamed(mut streamed) => {
            for size in sizes.iter().cycle() {
                let (piece, rest) = body.split_at((*size).min(body.len()));
                streamed.feed(piece)?;
                body = rest;
                if body.is_empty() {
                    break;
                }
            }
            streamed.finish()
        }
    }
}

/// A form has the judged models. After the replacement it has the `written` model, and nothing else changes.
fn check_form(call: &ApiCall, body: &[u8], models: impl Fn(&[u8]) -> Vec<Vec<u8>>, written: &str) {
    let seen = models(body);
    let Some(span) = call.body_model() else {
        assert_eq!(seen, Vec::<Vec<u8>>::new(), "a reader sees a model that was not judged");
        return;
    };
    let judged = call.model().map(|model| model.as_str().as_bytes().to_vec());
    let is_judged = Some(&seen) == judged.map(|judged| vec![judged]).as_ref();
    assert!(is_judged || (call.replaced_model().is_some() && seen.len() == 1), "a reader sees another model");
    let (head, tail) = (body.get(..span.start), body.get(span.end..));
    let forwarded = [head.unwrap_or_default(), written.as_bytes(), tail.unwrap_or_default()].concat();
    assert_eq!(models(&forwarded), [b"x y"], "replacing the model changes more than the model");
}

/// The fields that a lenient reader takes for the model. It splits at every occurrence of the boundary, accepts any
/// line break, looks for the name in every header, and ignores case.
fn multipart_models(content_type: &[u8], body: &[u8]) -> Vec<Vec<u8>> {
    let kind = String::from_utf8_lossy(content_type);
    let at = kind.to_ascii_lowercase().find("boundary=").expect("a boundary") + "boundary=".len();
    let boundary = kind[at..].split(';').next().unwrap_or_default().trim().trim_matches('"');
    // Each byte becomes the character of the same number, so that the body can be split as text.
    let text: String = body.iter().map(|byte| char::from(*byte)).collect();
    let mut models = Vec::new();
    for part in text.split(&format!("--{boundary}")) {
        let part = part.strip_prefix("\r\n").or_else(|| part.strip_prefix('\n')).unwrap_or(part);
        let ends = ["\r\n\r\n", "\n\n"].iter().filter_map(|end| Some((part.find(end)?, end.len())));
        let Some((end, len)) = ends.min() else { continue };
        let head = part[..end].to_ascii_lowercase();
        let is_model = [" name=\"model\"", ";name=\"model\"", " name=\"model[]\""]
            .iter()
            .any(|name| head.contains(name));
        if is_model {
            let value = &part[end + len..];
            let value = value.strip_suffix("\r\n").or_else(|| value.strip_suffix('\n')).unwrap_or(value);
            models.push(value.chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect());
        }
    }
    models
}

/// The same for an urlencoded form: any separator, any case, any escape.
fn urlencoded_models(body: &[u8]) -> Vec<Vec<u8>> {
    let pairs = body.split(|byte| matches!(byte, b'&' | b';')).map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=');
        (unescaped(&pair[..at.unwrap_or(pair.len())]), unescaped(at.map_or(&[], |at| &pair[at + 1..])))
    });
    pairs.filter(|(key, _)| key.trim_ascii().eq_ignore_ascii_case(b"model")).map(|(_, value)| value).collect()
}

/// Decodes every escape of a form, and `+` as a space.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        let (value, after) = match (byte, hex) {
            (b'%', Some(value)) => (value, &tail[2..]),
            (b'+', _) => (b' ', tail),
            _ => (*byte, tail),
        };
        out.push(value);
        rest = after;
    }
    out
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
    let seen = read.as_ref().and_then(|body| body.get("model")).filter(|model| !model.is_null());
    let Some(span) = call.body_model() else {
        assert_eq!(seen, None, "a reader sees a model that was not judged");
        return;
    };
    let token = body.get(span.clone()).unwrap_or_default();
    let written: Option<String> = serde_json::from_slice(token).ok();
    assert_eq!(seen.and_then(Value::as_str), written.as_deref(), "the span holds another model");
    // The model of the path overrides that of the body, and Google's API has a prefix.
    let name = written
        .as_deref()
        .map(|name| name.strip_prefix("models/").filter(|_| Some(name) != judged).unwrap_or(name));
    assert!(name == judged || call.replaced_model().is_some(), "a reader sees another model");

    // The gateway replaces the span by the deployment's model. Nothing else may change.
    let (head, tail) = (body.get(..span.start), body.get(span.end..));
    let forwarded = [head.unwrap_or_default(), b"\"replaced\"", tail.unwrap_or_default()].concat();
    let mut expected = read.unwrap_or_default();
    expected.insert("model".to_owned(), Value::from("replaced"));
    assert_eq!(object(&forwarded), Some(expected), "replacing the model changes more than the model");
}

/// Every additional model that a reader of the whole body finds is judged. Every judged model occurs in the body.
fn check_additional(call: &ApiCall, query: &str, body: &[u8]) {
    let Some((read, twice, _)) = plain::read(body) else { return };
    let judged: BTreeSet<&str> = call.models().map(|model| model.as_str()).collect();
    let is_judged = |name: &str| {
        let without = name.strip_prefix("models/").unwrap_or(name);
        judged.contains(name) || judged.contains(without) || call.replaced_model().is_some()
    };
    let unseen: Vec<&str> =
        additional::additional(&read).into_iter().filter(|name| !is_judged(name)).collect();
    assert!(unseen.is_empty(), "a reader sees models that were not judged: {unseen:?}");
    if !twice {
        let path = call.route().as_str();
        let query = String::from_utf8_lossy(&unescaped(query.as_bytes())).into_owned();
        let stands = |name: &str| {
            let id = name.split_once(':').map_or(name, |(_, id)| id);
            path.contains(name) || query.contains(name) || contains(&read, name) || contains(&read, id)
        };
        let nowhere: Vec<&&str> = judged.iter().filter(|name| !stands(name)).collect();
        // Ids of LiteLLM contain their models in base64.
        let is_hidden = contains(&read, "bGl0ZWxsb") || contains(&read, "{");
        assert!(nowhere.is_empty() || is_hidden, "models that nobody wrote: {nowhere:?}");
    }
}

/// Whether a string in the value contains this text.
fn contains(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => string.contains(text),
        Value::Array(list) => list.iter().any(|value| contains(value, text)),
        Value::Object(object) => object.values().any(|value| contains(value, text)),
        _ => false,
    }
}

/// Parses a body as an upstream may.
fn object(json: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(json).ok()
}
