//! The request that a proxy describes in headers.

use http::header::{HeaderMap, HeaderName};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Method, Uri};

use crate::config::Convention;
use crate::gateway::http::error_response::Refusal;

const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");

/// Replaces the method and the URI of a question by those of the original request, and removes the headers that describe it.
///
/// # Errors
///
/// [`Refusal::Original`] if a header is missing or occurs twice, or if two of them disagree.
pub(super) fn restore(head: &mut Parts, convention: Convention) -> Result<(), Refusal> {
    let (method, target) = match convention {
        Convention::XForwarded => (
            one(&head.headers, &FORWARDED_METHOD)?
                .ok_or(Refusal::Original("`X-Forwarded-Method` is missing"))?,
            one(&head.headers, &FORWARDED_URI)?.ok_or(Refusal::Original("`X-Forwarded-Uri` is missing"))?,
        ),
        Convention::XOriginal => (
            one(&head.headers, &ORIGINAL_METHOD)?
                .ok_or(Refusal::Original("`X-Original-Method` is missing"))?,
            original_target(&head.headers)?,
        ),
    };
    let method = Method::from_bytes(method.as_bytes());
    let method = method.map_err(|_| Refusal::Original("its method is none"))?;
    let uri = Uri::from(path_and_query(target)?);
    head.method = method;
    head.uri = uri;
    for name in [FORWARDED_METHOD, FORWARDED_URI, ORIGINAL_METHOD, ORIGINAL_URI, ORIGINAL_URL] {
        head.headers.remove(name);
    }
    Ok(())
}

/// The target in one of the two headers that nginx' users set. A caller may send the other one, so both must agree.
fn original_target(headers: &HeaderMap) -> Result<&str, Refusal> {
    let (uri, url) = (one(headers, &ORIGINAL_URI)?, one(headers, &ORIGINAL_URL)?);
    if let (Some(uri), Some(url)) = (uri, url)
        && path_and_query(uri)? != path_and_query(url)?
    {
        return Err(Refusal::Original("`X-Original-URI` and `X-Original-URL` disagree"));
    }
    uri.or(url).ok_or(Refusal::Original("`X-Original-URI` is missing"))
}

/// The path and the query of a target in origin form or absolute form (RFC 9112 section 3.2).
fn path_and_query(target: &str) -> Result<PathAndQuery, Refusal> {
    const UNREADABLE: Refusal = Refusal::Original("its URI cannot be read");
    // The parser would drop a fragment, which the proxy forwards.
    if target.contains('#') {
        return Err(UNREADABLE);
    }
    if target.starts_with('/') {
        return target.parse().map_err(|_| UNREADABLE);
    }
    let uri: Uri = target.parse().map_err(|_| UNREADABLE)?;
    uri.scheme().and(uri.path_and_query()).cloned().ok_or(UNREADABLE)
}

/// The value of a header that may occur once.
fn one<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Refusal::Original("a header that describes it occurs twice"));
    }
    value.to_str().map(Some).map_err(|_| Refusal::Original("a header that describes it cannot be read"))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn restored(convention: Convention, headers: &[(&str, &str)]) -> Option<(Method, String)> {
        let mut request = Request::get("/-/authorize");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        restore(&mut head, convention).ok()?;
        assert!(head.headers.is_empty());
        Some((head.method, head.uri.to_string()))
    }

    #[test]
    fn the_original_request_is_read_from_the_headers_of_the_convention_alone() {
        let original = [("x-original-method", "POST"), ("x-original-uri", "/v1/files?x=1")];
        let forwarded = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/v1/models")];
        let all = [original, forwarded].concat();
        let post = Some((Method::POST, "/v1/files?x=1".to_owned()));
        assert_eq!(restored(Convention::XOriginal, &all), post);
        assert_eq!(restored(Convention::XForwarded, &all), Some((Method::GET, "/v1/models".to_owned())));
        assert_eq!(restored(Convention::XForwarded, &original), None);
        assert_eq!(restored(Convention::XOriginal, &forwarded), None);
    }

    #[test]
    fn a_url_is_read_without_its_host() {
        let url =
            |url| restored(Convention::XOriginal, &[("x-original-method", "GET"), ("x-original-url", url)]);
        assert_eq!(
            url("https://llm.example.com/v1/models?a=b"),
            Some((Method::GET, "/v1/models?a=b".to_owned()))
        );
        for target in ["llm.example.com", "v1/models", "*", "", "http://"] {
            assert_eq!(url(target), None, "{target}");
        }
    }

    #[test]
    fn two_descriptions_of_one_request_are_refused() {
        for second in
            [("x-original-url", "/v1/models"), ("x-original-uri", "/v1/files"), ("x-original-method", "GET")]
        {
            let headers = [("x-original-method", "GET"), ("x-original-uri", "/v1/files"), second];
            assert_eq!(restored(Convention::XOriginal, &headers), None, "{second:?}");
        }
        let same = [("x-original-method", "GET"), ("x-original-uri", "/a"), ("x-original-url", "http://h/a")];
        assert_eq!(restored(Convention::XOriginal, &same), Some((Method::GET, "/a".to_owned())));
    }
}
