//! Which headers pass, in either direction.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use crate::authn::{Bearer, CREDENTIAL_HEADERS};

/// RFC 9110 section 7.6.1, and `Content-Length`, which each side writes for itself.
const HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    CONTENT_LENGTH,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// Headers that say who calls or how the request came: an upstream must not take them from the caller.
const NOT_THE_CALLERS: [HeaderName; 5] =
    [HOST, EXPECT, COOKIE, FORWARDED, HeaderName::from_static("x-real-ip")];
const NOT_THE_CALLERS_PREFIXES: [&str; 4] = ["x-forwarded-", "x-litellm-", "x-modelgate-", "proxy-"];

/// The headers of a request that go upstream.
pub(super) fn upstream(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    let credential = Bearer::from_headers(headers).ok();
    passing(headers, |name, value| {
        !named.contains(name)
            && !credential
                .is_some_and(|credential| contains(value.as_bytes(), credential.expose().as_bytes()))
            && !NOT_THE_CALLERS.contains(name)
            && !CREDENTIAL_HEADERS.contains(name)
            && !NOT_THE_CALLERS_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
    })
}

/// The headers of an upstream's answer that go back.
pub(super) fn downstream(headers: &HeaderMap) -> HeaderMap {
    let named = named_by_connection(headers);
    passing(headers, |name, _| !named.contains(name) && *name != SET_COOKIE)
}

/// Some clients send their token a second time, in a header of their own.
fn contains(value: &[u8], credential: &[u8]) -> bool {
    value.windows(credential.len()).any(|part| part == credential)
}

fn passing(headers: &HeaderMap, pass: impl Fn(&HeaderName, &HeaderValue) -> bool) -> HeaderMap {
    let kept = headers.iter().filter(|(name, value)| !HOP_BY_HOP.contains(name) && pass(name, value));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The headers that `Connection` declares to be for this hop alone.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    // Byte by byte: a value that is no text names headers all the same.
    let names =
        headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&'static str, &'static str)]) -> Vec<String> {
        let headers = pairs.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap())).collect();
        upstream(&headers).keys().map(ToString::to_string).collect()
    }

    #[test]
    fn ordinary_headers_pass() {
        assert_eq!(sent(&[("accept", "*/*"), ("openai-beta", "x")]), ["accept", "openai-beta"]);
    }

    #[test]
    fn hop_by_hop_headers_do_not_pass() {
        assert!(
            sent(&[("connection", "close"), ("te", "trailers"), ("upgrade", "h2c"), ("keep-alive", "1")])
                .is_empty()
        );
    }

    #[test]
    fn what_connection_names_does_not_pass() {
        assert_eq!(sent(&[("connection", "x-a, X-B"), ("x-a", "1"), ("x-b", "2"), ("x-c", "3")]), ["x-c"]);
    }

    #[test]
    fn connection_names_headers_beside_what_is_no_text() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, http::HeaderValue::from_bytes(b"\xe9, x-a").unwrap());
        headers.append("x-a", http::HeaderValue::from_static("1"));
        assert!(upstream(&headers).is_empty());
    }

    #[test]
    fn a_header_that_repeats_the_credential_does_not_pass() {
        let pairs = [("authorization", "Bearer t.o.k"), ("x-auth", "token=t.o.k;"), ("x-other", "t.o")];
        assert_eq!(sent(&pairs), ["x-other"]);
    }

    #[test]
    fn identity_and_credentials_do_not_pass() {
        let pairs = [
            ("authorization", "Bearer t"),
            ("x-api-key", "t"),
            ("api-key", "t"),
            ("x-goog-api-key", "t"),
            ("x-litellm-api-key", "t"),
            ("x-litellm-team-id", "a"),
            ("x-modelgate-user", "a"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=x"),
            ("cookie", "a=b"),
            ("host", "h"),
            ("proxy-authorization", "t"),
            ("x-real-ip", "1.2.3.4"),
        ];
        assert!(sent(&pairs).is_empty());
    }
}
