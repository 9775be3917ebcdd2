//! Which headers pass, in either direction.

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};

use crate::authn::{Bearer, CREDENTIAL_HEADERS};

/// An upgrade goes no further, and nor does what was said for it; browsers put their credential there.
const NOT_THE_CALLERS_PREFIXES: [&str; 5] =
    ["x-forwarded-", "x-litellm-", "x-modelgate-", "proxy-", "sec-websocket-"];

/// Leaves the headers of a request that go upstream.
pub(in crate::gateway) fn upstream(headers: &mut HeaderMap) {
    let credential = Bearer::presented(headers).ok();
    let stripped = stripped(headers, |name, value| {
        !is_the_callers(name)
            || is_disguised(name)
            || credential.is_some_and(|credential| contains(value.as_bytes(), credential))
    });
    remove(headers, stripped);
}

/// RFC 9110 section 7.6.1, and `Content-Length`, which each side writes for itself.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether a header is the caller's to send. Others say who calls or how the request came: an upstream must not take them
/// from the caller.
fn is_the_callers(name: &str) -> bool {
    !matches!(name, "host" | "expect" | "cookie" | "forwarded" | "x-real-ip")
        && !CREDENTIAL_HEADERS.contains(&name)
        && !NOT_THE_CALLERS_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// A server that hands headers on as CGI variables (RFC 3875 section 4.1.18) reads `_` and `-` alike.
fn is_disguised(name: &str) -> bool {
    name.contains('_') && {
        let name = name.replace('_', "-");
        is_hop_by_hop(&name) || !is_the_callers(&name)
    }
}

/// Some clients send their token a second time, in a header of their own. The search takes a time that grows with the value
/// alone, whatever a caller writes into both.
fn contains(value: &[u8], credential: &[u8]) -> bool {
    value.len() >= credential.len()
        && Bearer::new(credential)
            .is_ok_and(|credential| String::from_utf8_lossy(value).contains(credential.expose()))
}

/// Leaves the headers of an upstream's answer that go back.
pub(in crate::gateway) fn downstream(headers: &mut HeaderMap) {
    let stripped = stripped(headers, |name, _| name == "set-cookie");
    remove(headers, stripped);
}

fn stripped(headers: &HeaderMap, also: impl Fn(&str, &HeaderValue) -> bool) -> Vec<HeaderName> {
    // More than most requests and answers have of them.
    let mut stripped = Vec::with_capacity(8);
    for (name, value) in headers {
        if *name == CONNECTION {
            stripped.extend(named_by_connection(value));
        }
        if is_hop_by_hop(name.as_str()) || also(name.as_str(), value) {
            stripped.push(name.clone());
        }
    }
    stripped
}

fn remove(headers: &mut HeaderMap, names: Vec<HeaderName>) {
    for name in names {
        headers.remove(name);
    }
}

/// The headers that a `Connection` declares to be for this hop alone.
fn named_by_connection(value: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    // Byte by byte: a value that is no text names headers all the same.
    let names = value.as_bytes().split(|byte| *byte == b',');
    // What nearly all say is no header, or one that goes no further anyway.
    let usual = [&b"keep-alive"[..], b"close"];
    let names = names.filter(move |name| !usual.iter().any(|usual| name.eq_ignore_ascii_case(usual)));
    names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
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
        let names = [
            "connection",
            "keep-alive",
            "te",
            "trailer",
            "transfer-encoding",
            "upgrade",
            "proxy-authenticate",
            "proxy-authorization",
            "proxy-connection",
            "proxy-features",
            "content-length",
            "sec-websocket-protocol",
        ];
        assert!(sent(&names.map(|name| (name, "1"))).is_empty());
    }

    #[test]
    fn a_name_with_underscores_passes_only_if_the_one_with_hyphens_would() {
        let disguised =
            ["x_litellm_api_key", "x_forwarded-for", "transfer_encoding", "content_length", "api_key"];
        assert!(sent(&disguised.map(|name| (name, "1"))).is_empty());
        assert_eq!(sent(&[("openai_beta", "x"), ("x_y", "1")]), ["openai_beta", "x_y"]);
    }

    #[test]
    fn what_connection_names_does_not_pass() {
        assert_eq!(sent(&[("connection", "x-a, X-B"), ("x-a", "1"), ("x-b", "2"), ("x-c", "3")]), ["x-c"]);
    }

    #[test]
    fn connection_names_headers_beside_what_is_no_text() {
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, HeaderValue::from_bytes(b"\xe9, x-a").unwrap());
        headers.append("x-a", HeaderValue::from_static("1"));
        upstream(&mut headers);
        assert!(headers.is_empty());
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
