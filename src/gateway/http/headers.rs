//! Filters headers in both directions.

use http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};

use super::header_names::{is_hop_by_hop, is_of_the_caller, names_an_upstream};
use crate::authn::Bearer;
use crate::config::UpstreamHeaders;

/// The request headers that are not forwarded.
pub(in crate::gateway) fn not_for_upstream(
    headers: &HeaderMap,
    credential: Option<&[u8]>,
) -> Vec<HeaderName> {
    stripped(headers, |name, value| {
        !is_of_the_caller(name)
            || is_disguised(name)
            || credential.is_some_and(|credential| contains(value.as_bytes(), credential))
    })
}

/// The request headers that repeat the credential.
#[cfg(feature = "tower")]
pub(in crate::gateway) fn repeating(headers: &HeaderMap, credential: Option<&[u8]>) -> Vec<HeaderName> {
    let repeats =
        |value: &HeaderValue| credential.is_some_and(|credential| contains(value.as_bytes(), credential));
    headers.iter().filter(|(_, value)| repeats(value)).map(|(name, _)| name.clone()).collect()
}

/// Removes the request headers that are not forwarded.
pub(in crate::gateway) fn upstream(headers: &mut HeaderMap) {
    let stripped = not_for_upstream(headers, Bearer::presented(headers, None).ok());
    remove(headers, stripped);
}

/// Servers that convert headers to CGI variables (RFC 3875 section 4.1.18) treat `_` and `-` alike.
fn is_disguised(name: &str) -> bool {
    name.contains('_') && {
        let name = name.replace('_', "-");
        is_hop_by_hop(&name) || !is_of_the_caller(&name)
    }
}

/// Some clients also send their token in another header. The time of the search is linear in the value, for
/// any input.
fn contains(value: &[u8], credential: &[u8]) -> bool {
    value.len() >= credential.len()
        && Bearer::new(credential)
            .is_ok_and(|credential| String::from_utf8_lossy(value).contains(credential.expose()))
}

/// Removes the upstream's response headers that are not returned to the caller.
pub(in crate::gateway) fn downstream(headers: &mut HeaderMap, mode: UpstreamHeaders) {
    let hides = mode == UpstreamHeaders::Hide;
    // `Alt-Svc` would let the caller bypass the gateway (RFC 7838).
    let stripped = stripped(headers, |name, _| {
        matches!(name, "set-cookie" | "alt-svc") || (hides && names_an_upstream(name))
    });
    remove(headers, stripped);
}

fn stripped(headers: &HeaderMap, also: impl Fn(&str, &HeaderValue) -> bool) -> Vec<HeaderName> {
    // Most requests and responses have fewer.
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

pub(in crate::gateway) fn remove(headers: &mut HeaderMap, names: Vec<HeaderName>) {
    for name in names {
        headers.remove(name);
    }
}

/// The headers that `Connection` declares hop-by-hop.
fn named_by_connection(value: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    // Compares bytes, because a value that is not text also names headers.
    let names = value.as_bytes().split(|byte| *byte == b',');
    // The usual values are hop-by-hop anyway. `close` is an option, but a header with that name may exist
    // too.
    let names = names.filter(|name| !name.eq_ignore_ascii_case(b"keep-alive"));
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
            "http2-settings",
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
    fn a_header_called_close_does_not_pass_beside_connection_close() {
        assert_eq!(sent(&[("connection", "close"), ("close", "1"), ("x-c", "3")]), ["x-c"]);
        assert_eq!(sent(&[("close", "1")]), ["close"]);
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

    #[test]
    fn what_chooses_an_account_a_deployment_a_method_or_a_path_does_not_pass() {
        let names = [
            "openai-organization",
            "openai-project",
            "x-goog-user-project",
            "x-http-method-override",
            "x-http-method",
            "x-method-override",
            "azureml-model-deployment",
            "ai-language-model-id",
            "ai-embedding-model-id",
            "x-model",
            "x-ms-deployment-name",
            "x-amzn-sagemaker-target-variant",
            "x-portkey-provider",
            "helicone-target-url",
            "x-original-url",
            "x-rewrite-url",
            "openai_organization",
            "x_http_method_override",
        ];
        assert!(sent(&names.map(|name| (name, "1"))).is_empty());
    }

    #[test]
    fn a_name_that_only_contains_such_a_word_passes() {
        let names = ["x-remodeled", "anthropic-beta", "openai-beta", "x-stainless-arch", "models-x"];
        assert_eq!(sent(&names.map(|name| (name, "1"))), names);
    }

    #[test]
    fn who_calls_is_not_for_the_caller_to_say() {
        let names = [
            "true-client-ip",
            "cf-connecting-ip",
            "x-client-ip",
            "x-remote-user",
            "x-auth-request-email",
            "x-amzn-oidc-data",
            "x-ms-client-principal",
            "x-goog-iap-jwt-assertion",
            "x-envoy-original-path",
        ];
        assert!(sent(&names.map(|name| (name, "1"))).is_empty());
    }

    fn returned(names: &[&'static str], mode: UpstreamHeaders) -> Vec<String> {
        let pairs = names.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("1")));
        let mut headers: HeaderMap = pairs.collect();
        downstream(&mut headers, mode);
        headers.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn headers_that_name_an_upstream_go_back_only_if_the_operator_says_so() {
        let naming = [
            "x-litellm-model-api-base",
            "x-litellm-model-id",
            "x-litellm-model-region",
            "x-litellm-version",
            "x-litellm-key-spend",
            "llm_provider-openai-organization",
            "openai-organization",
            "openai-project",
            "x-ms-deployment-name",
            "azureml-model-session",
        ];
        assert!(returned(&naming, UpstreamHeaders::Hide).is_empty());
        assert_eq!(returned(&naming, UpstreamHeaders::Pass), naming);
    }

    #[test]
    fn headers_that_tell_of_the_request_go_back() {
        let telling = [
            "content-type",
            "retry-after",
            "x-ratelimit-remaining-requests",
            "openai-processing-ms",
            "openai-version",
            "x-litellm-call-id",
            "x-litellm-model-group",
            "x-litellm-response-cost",
            "x-litellm-attempted-fallbacks",
        ];
        assert_eq!(returned(&telling, UpstreamHeaders::Hide), telling);
    }

    #[test]
    fn cookies_alternatives_and_hop_headers_never_go_back() {
        let names = ["set-cookie", "alt-svc", "proxy-authenticate", "keep-alive", "upgrade", "trailer"];
        assert!(returned(&names, UpstreamHeaders::Pass).is_empty());
    }
}
