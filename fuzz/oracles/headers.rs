//! The credential, the caller's address, and the forwarded headers equal those of a naive line-by-line
//! implementation.
//!
//! The first line of an input is the peer's address. Each other line is a header, as `name:value`. Lines that are not
//! headers are skipped.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;
use modelgate::authn::{Bearer, is_master_key};
use modelgate::gateway::internal;
use secrecy::SecretString;

const MAX_LEN: usize = 4 * 1024;
const CREDENTIALS: [&str; 5] =
    ["authorization", "x-litellm-api-key", "api-key", "x-api-key", "x-goog-api-key"];
const HOP_BY_HOP: [&str; 11] = [
    "connection",
    "content-length",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
const NOT_THE_CALLERS: [&str; 19] = [
    "cf-connecting-ip",
    "cf-connecting-ipv6",
    "cookie",
    "expect",
    "fastly-client-ip",
    "forwarded",
    "host",
    "openai-organization",
    "openai-project",
    "origin",
    "remote-user",
    "true-client-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-forwarded",
    "x-goog-user-project",
    "x-originating-ip",
    "x-real-ip",
    "x-ms-client-principal",
];
const PREFIXES: [&str; 23] = [
    "cf-access-",
    "helicone-",
    "proxy-",
    "sec-websocket-",
    "x-amz-",
    "x-amzn-oidc-",
    "x-amzn-sagemaker-inference-component",
    "x-amzn-sagemaker-target-",
    "x-auth-request-",
    "x-envoy-",
    "x-forwarded-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-http-method",
    "x-litellm-",
    "x-method-override",
    "x-modelgate-",
    "x-ms-client-principal",
    "x-ms-token-",
    "x-original-",
    "x-portkey-",
    "x-remote-",
    "x-rewrite-",
];
/// Response headers that describe only the request, without `x-litellm-`.
const HARMLESS: [&str; 11] = [
    "call-id",
    "model-group",
    "cache-key",
    "timeout",
    "attempted-retries",
    "attempted-fallbacks",
    "max-retries",
    "max-fallbacks",
    "response-duration-ms",
    "overhead-duration-ms",
    "applied-guardrails",
];
const OF_UPSTREAMS: [&str; 5] = [
    "openai-organization",
    "openai-project",
    "x-ms-deployment-name",
    "x-ms-region",
    "anthropic-organization-id",
];
const TRUSTED: [&str; 2] = ["10.0.0.0/8", "fd00::/8"];

type Line = (String, Vec<u8>);

pub(crate) fn check(data: &[u8]) {
    if data.len() > MAX_LEN {
        return;
    }
    let mut lines = data.split(|byte| *byte == b'\n');
    let peer = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.parse().ok());
    let mut headers = HeaderMap::new();
    let mut written: Vec<Line> = Vec::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let parsed = (HeaderName::from_bytes(&line[..colon]), HeaderValue::from_bytes(&line[colon + 1..]));
        if let (Ok(name), Ok(value)) = parsed {
            written.push((name.as_str().to_owned(), value.as_bytes().to_vec()));
            headers.append(name, value);
        }
    }
    let credential = check_credential(&headers, &written);
    if let Some(peer) = peer {
        let trusted = TRUSTED.map(|network| network.parse::<IpNet>().expect("a network"));
        assert_eq!(
            internal::address(peer, &headers, &trusted),
            address(peer, &written),
            "{peer} {written:?}"
        );
    }
    let dropped = named_by_connection(&written);
    // Servers that pass headers as variables read `_` as `-`.
    let to_upstream = |name: &str| {
        let name = &*name.replace('_', "-");
        !NOT_THE_CALLERS.contains(&name)
            && !CREDENTIALS.contains(&name)
            && !HOP_BY_HOP.contains(&name)
            && !PREFIXES.iter().any(|prefix| name.starts_with(prefix))
            && !name.split('-').any(|word| word == "model" || word == "deployment")
    };
    let to_caller = |name: &str| {
        let is_harmless = |rest: &str| HARMLESS.contains(&rest) || rest.starts_with("response-cost");
        !["set-cookie", "alt-svc"].contains(&name)
            && name.strip_prefix("x-litellm-").is_none_or(is_harmless)
            && !name.starts_with("llm_provider-")
            && !name.starts_with("azureml-model-")
            && !OF_UPSTREAMS.contains(&name)
    };
    let repeats = |name: &str| {
        let holds = |value: &[u8]| {
            credential.as_ref().is_some_and(|credential| String::from_utf8_lossy(value).contains(credential))
        };
        written.iter().any(|line| line.0 == name && holds(&line.1))
    };
    let passing = |pass: &dyn Fn(&Line) -> bool| {
        let passes = |name: &str| !HOP_BY_HOP.contains(&name) && !dropped.contains(name.as_bytes());
        sorted(written.iter().filter(|line| passes(&line.0) && pass(line)).cloned().collect())
    };
    let upstream = passing(&|(name, _)| to_upstream(name) && !repeats(name));
    assert_eq!(lines_of(&internal::upstream_headers(headers.clone())), upstream, "{written:?}");
    let downstream = lines_of(&internal::downstream_headers(headers));
    assert_eq!(downstream, passing(&|(name, _)| to_caller(name)), "{written:?}");
}

/// Sorts by name. The lines of one name keep their order.
fn sorted(mut lines: Vec<Line>) -> Vec<Line> {
    lines.sort_by(|a, b| a.0.cmp(&b.0));
    lines
}

fn lines_of(headers: &HeaderMap) -> Vec<Line> {
    let lines = headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()));
    sorted(lines.collect())
}

fn named_by_connection(written: &[Line]) -> BTreeSet<Vec<u8>> {
    let values = written.iter().filter(|(name, _)| name == "connection");
    let names = values.flat_map(|(_, value)| value.split(|byte| *byte == b','));
    names.map(|name| name.trim_ascii().to_ascii_lowercase()).collect()
}

fn check_credential(headers: &HeaderMap, written: &[Line]) -> Option<String> {
    let found = Bearer::from_headers(headers);
    let sent: Vec<&Line> = written.iter().filter(|(name, _)| CREDENTIALS.contains(&name.as_str())).collect();
    let expected = match sent[..] {
        [(name, value)] => credential(name, value),
        _ => best_credential(&sent),
    };
    assert_eq!(found.is_ok(), expected.is_some(), "{found:?} {written:?}");
    if let (Ok(bearer), Some(expected)) = (found, expected.clone()) {
        assert!(is_master_key(&bearer, &SecretString::from(expected)), "another credential: {written:?}");
    }
    expected
}

/// Selects the credential among several values: the one value that looks most like a credential.
fn best_credential(sent: &[&Line]) -> Option<String> {
    let names: BTreeSet<&str> = sent.iter().map(|line| line.0.as_str()).collect();
    if names.len() < sent.len() {
        return None;
    }
    let bare = |value: &[u8]| -> Vec<u8> {
        let has_scheme = value.len() >= 6 && value[..6].eq_ignore_ascii_case(b"bearer");
        let rest = value.get(6..).unwrap_or_default();
        let is_apart = rest.first().is_none_or(|byte| byte.is_ascii_whitespace());
        if has_scheme && is_apart { rest.trim_ascii_start().to_vec() } else { value.to_vec() }
    };
    let rank = |value: &[u8]| {
        let parts: Vec<&[u8]> = value.split(|byte| *byte == b'.').collect();
        let is_part = |part: &&[u8]| {
            !part.is_empty()
                && part.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_')
        };
        match value {
            b"" => 0,
            _ if parts.len() == 3 && parts.iter().all(is_part) => 3,
            _ if value.starts_with(b"sk-") => 1,
            _ => 2,
        }
    };
    let best = sent.iter().map(|line| rank(&bare(&line.1))).max()?;
    let best: Vec<&&Line> = sent.iter().filter(|line| rank(&bare(&line.1)) == best).collect();
    let values: BTreeSet<Vec<u8>> = best.iter().map(|line| bare(&line.1)).collect();
    if values.len() > 1 {
        return None;
    }
    best.iter().find_map(|line| credential(&line.0, &line.1))
}

fn credential(name: &str, value: &[u8]) -> Option<String> {
    let text = String::from_utf8(value.to_vec()).ok()?;
    let scheme = text.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    let rest = text.get(6..).unwrap_or_default();
    let credential = if scheme && (rest.is_empty() || rest.starts_with([' ', '\t'])) {
        rest.trim_start_matches([' ', '\t'])
    } else if name == "authorization" {
        return None;
    } else {
        &text
    };
    let is_plain = !credential.is_empty() && credential.bytes().all(|byte| (b'!'..=b'~').contains(&byte));
    is_plain.then(|| credential.to_owned())
}

/// Walks from the peer outwards, as long as the writer of the next entry is trusted.
fn address(peer: IpAddr, written: &[Line]) -> Option<IpAddr> {
    let values: Vec<&[u8]> = written
        .iter()
        .filter(|(name, _)| name == "x-forwarded-for")
        .map(|(_, value)| value.as_slice())
        .collect();
    let mut entries: Vec<&[u8]> = if values.is_empty() {
        Vec::new()
    } else {
        values.iter().flat_map(|value| value.split(|byte| *byte == b',')).collect()
    };
    let mut seen = plain(peer);
    while is_trusted(seen) {
        let Some(entry) = entries.pop() else { break };
        let entry = std::str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
        let socket = entry.parse::<SocketAddr>().map(|socket| socket.ip());
        let bracketed = entry.trim_start_matches('[').trim_end_matches(']');
        let bracketed = if format!("[{bracketed}]") == entry { bracketed } else { entry };
        seen = plain(socket.or_else(|_| bracketed.parse()).ok()?);
    }
    Some(seen)
}

fn plain(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_trusted(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 10,
        IpAddr::V6(v6) => v6.octets()[0] == 0xfd,
    }
}
