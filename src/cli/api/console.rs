//! The files of the console. The program contains them compressed, as the build of `console/` writes them.

use std::io::Read as _;

use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::request::Parts;
use http::{HeaderValue, Method, Response};

use super::answer::ApiError;
use crate::gateway::admin::{ApiAnswer, body_of};

/// Each file by its path, compressed by gzip.
const FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/console_files.rs"));

/// Whether there is such a file. The first page is `/`.
pub(super) fn has(path: &str) -> bool {
    find(path).is_some()
}

fn find(path: &str) -> Option<(&'static str, &'static [u8])> {
    let path = if path == "/" { "/index.html" } else { path };
    FILES.iter().copied().find(|(known, _)| *known == path)
}

/// The file at a path.
pub(super) fn answer(head: &Parts) -> Result<ApiAnswer, ApiError> {
    if head.method != Method::GET && head.method != Method::HEAD {
        return Err(ApiError::Method(Method::GET));
    }
    let missing = || ApiError::Missing("there is no such file".to_owned());
    let (name, compressed) = find(head.uri.path()).ok_or_else(missing)?;
    let is_compressed = accepts_gzip(head);
    let content = if is_compressed {
        Bytes::from_static(compressed)
    } else {
        let mut content = Vec::new();
        GzDecoder::new(compressed).read_to_end(&mut content).map_err(|_| missing())?;
        Bytes::from(content)
    };
    let mut answer = Response::new(body_of(content));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    // The names of assets contain their hashes.
    let kept = if name.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(kept));
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(answer)
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    }
}

/// Whether `Accept-Encoding` names gzip, and does not exclude it (RFC 9110 section 12.5.3).
fn accepts_gzip(head: &Parts) -> bool {
    let values = head.headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|coding| {
        let mut parts = coding.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
        let is_excluded = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        is_gzip && !is_excluded
    })
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn accepts(value: &str) -> bool {
        accepts_gzip(&Request::get("/").header(ACCEPT_ENCODING, value).body(()).unwrap().into_parts().0)
    }

    #[test]
    fn gzip_is_sent_to_those_who_accept_it() {
        assert!(accepts("gzip") && accepts("br, GZIP;q=0.5") && accepts("*"));
        assert!(!accepts("") && !accepts("br") && !accepts("gzip;q=0") && !accepts("identity"));
    }

    #[test]
    fn every_file_has_a_type_and_can_be_decompressed() {
        assert!(has("/"));
        for (name, compressed) in FILES {
            assert_ne!(content_type(name), "application/octet-stream", "{name}");
            let mut content = Vec::new();
            assert!(
                GzDecoder::new(*compressed).read_to_end(&mut content).is_ok_and(|read| read > 0),
                "{name}"
            );
        }
        assert!(!has("/../Cargo.toml") && !has("/assets") && !has("/index.html.gz"));
    }
}
