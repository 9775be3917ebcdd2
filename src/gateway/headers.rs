//! Which headers pass, in either direction.

use http::header::{
    CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, FORWARDED, HOST, HeaderMap, HeaderName, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, SET_COOKIE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};

use crate::authn::CREDENTIAL_HEADERS;

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

/// Leaves the headers of a request that go upstream.
pub(super) fn upstream(headers: &mut HeaderMap) {
    strip(headers, |name| {
        NOT_THE_CALLERS.contains(name)
            || CREDENTIAL_HEADERS.contains(name)
            || NOT_THE_CALLERS_PREFIXES.iter().any(|prefix| name.as_str().starts_with(prefix))
    });
}

/// Leaves the headers of an upstream's answer that go back.
pub(super) fn downstream(headers: &mut HeaderMap) {
    strip(headers, |name| *name == SET_COOKIE);
}

fn strip(headers: &mut HeaderMap, also: impl Fn(&HeaderName) -> bool) {
    let mut stripped = named_by_connection(headers);
    stripped.extend(headers.keys().filter(|name| HOP_BY_HOP.contains(name) || also(name)).cloned());
    for name in stripped {
        headers.remove(name);
    }
}

/// The headers that `Connection` declares to be for this hop alone.
fn named_by_connection(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(|name| name.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(pairs: &[(&'static str, &'static str)]) -> Vec<String> {
        let pairs = pairs.iter().map(|(n, v)| (HeaderName::from_static(n), v.parse().unwrap()));
        let mut headers: HeaderMap = pairs.collect();
        upstream(&mut headers);
        headers.keys().map(ToString::to_string).collect()
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
