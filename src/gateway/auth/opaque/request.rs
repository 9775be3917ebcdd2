//! Builds the request that asks a provider about a token.

use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Request};
use http_body_util::Full;
use secrecy::ExposeSecret as _;
use url::{Url, form_urlencoded};

use crate::authn::Bearer;
use crate::config::OpaqueTokens;

/// A token and its provider, identified by the SHA-256 of both.
pub(super) type Fingerprint = [u8; 32];

/// A request about one token.
pub(super) struct Query {
    pub(super) request: Request<Full<Bytes>>,
    /// Userinfo if configured, otherwise introspection.
    pub(super) userinfo: bool,
    /// The provider's host, for the log.
    pub(super) place: String,
}

impl Query {
    /// `None` if the endpoint is not a valid URL, which a validated configuration excludes.
    pub(super) fn new(provider: &OpaqueTokens, bearer: &Bearer<'_>) -> Option<Self> {
        let token = bearer.expose();
        let (request, endpoint, authorization, form) = match provider {
            OpaqueTokens::Userinfo { endpoint, .. } => {
                (Request::get(endpoint.as_str()), endpoint, format!("Bearer {token}"), String::new())
            }
            OpaqueTokens::Introspection { endpoint, client_id, client_secret, .. } => {
                let form =
                    form_urlencoded::Serializer::new(String::new()).append_pair("token", token).finish();
                let authorization = basic(client_id, client_secret.expose_secret());
                let request = Request::post(endpoint.as_str())
                    .header(CONTENT_TYPE, "application/x-www-form-urlencoded");
                (request, endpoint, authorization, form)
            }
        };
        let mut authorization = HeaderValue::try_from(authorization).ok()?;
        authorization.set_sensitive(true);
        let request = request.header(ACCEPT, "application/json").header(AUTHORIZATION, authorization);
        Some(Self {
            request: request.body(Full::from(form)).ok()?,
            userinfo: matches!(provider, OpaqueTokens::Userinfo { .. }),
            place: endpoint.host_str().unwrap_or_default().to_owned(),
        })
    }
}

/// As RFC 6749 section 2.3.1 requires, each part is form-encoded before the two are joined.
fn basic(client_id: &str, client_secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let credentials = format!("{}:{}", encode(client_id), encode(client_secret));
    format!("Basic {}", BASE64_STANDARD.encode(credentials))
}

/// An answer is not reused for another endpoint or client.
pub(super) fn fingerprint(provider: &OpaqueTokens, bearer: &Bearer<'_>) -> Fingerprint {
    let (protocol, endpoint, client): (&str, &Url, &str) = match provider {
        OpaqueTokens::Userinfo { endpoint, .. } => ("userinfo", endpoint, ""),
        OpaqueTokens::Introspection { endpoint, client_id, .. } => ("introspection", endpoint, client_id),
    };
    let mut digest = Context::new(&SHA256);
    for part in [protocol, endpoint.as_str(), client, bearer.expose()] {
        // URLs and tokens contain no NUL, so the parts are unambiguous.
        digest.update(part.as_bytes());
        digest.update(&[0]);
    }
    let mut fingerprint = Fingerprint::default();
    fingerprint.copy_from_slice(digest.finish().as_ref());
    fingerprint
}

/// Whether two configurations send the same requests, so that cached answers can be shared.
pub(in crate::gateway) fn same(a: Option<&OpaqueTokens>, b: Option<&OpaqueTokens>) -> bool {
    use OpaqueTokens::{Introspection, Userinfo};
    match (a, b) {
        (None, None) => true,
        (
            Some(Userinfo { endpoint: a, cache_ttl: a_ttl }),
            Some(Userinfo { endpoint: b, cache_ttl: b_ttl }),
        ) => (a, a_ttl) == (b, b_ttl),
        (
            Some(Introspection { endpoint: a, client_id: a_id, client_secret: a_secret, cache_ttl: a_ttl }),
            Some(Introspection { endpoint: b, client_id: b_id, client_secret: b_secret, cache_ttl: b_ttl }),
        ) => (a, a_id, a_secret.expose_secret(), a_ttl) == (b, b_id, b_secret.expose_secret(), b_ttl),
        _ => false,
    }
}

pub(super) fn cache_ttl(provider: &OpaqueTokens) -> Duration {
    match provider {
        OpaqueTokens::Userinfo { cache_ttl, .. } | OpaqueTokens::Introspection { cache_ttl, .. } => {
            *cache_ttl
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_credentials_are_form_encoded_before_they_are_joined() {
        // base64 of `a%3Ab:s+%25%C3%A9`
        assert_eq!(basic("a:b", "s %é"), "Basic YSUzQWI6cyslMjUlQzMlQTk=");
    }

    #[test]
    fn a_fingerprint_covers_the_whole_token_and_who_is_asked() {
        let userinfo = |url: &str| OpaqueTokens::Userinfo {
            endpoint: url.parse().unwrap(),
            cache_ttl: Duration::from_secs(1),
        };
        let introspection = |id: &str| OpaqueTokens::Introspection {
            endpoint: "https://a/".parse().unwrap(),
            client_id: id.to_owned(),
            client_secret: "s".into(),
            cache_ttl: Duration::from_secs(1),
        };
        let prefix = "x".repeat(10_000);
        let tokens = [format!("{prefix}1"), format!("{prefix}2"), prefix];
        let providers =
            [userinfo("https://a/"), userinfo("https://b/"), introspection("c"), introspection("d")];
        let mut seen = std::collections::HashSet::new();
        for provider in &providers {
            for token in &tokens {
                assert!(seen.insert(fingerprint(provider, &Bearer::new(token).unwrap())));
            }
        }
    }

    #[test]
    fn answers_serve_for_the_same_question_alone() {
        let introspection = |id: &str, secret: &str, ttl| OpaqueTokens::Introspection {
            endpoint: "https://a/".parse().unwrap(),
            client_id: id.to_owned(),
            client_secret: secret.into(),
            cache_ttl: Duration::from_secs(ttl),
        };
        let userinfo = |url: &str, ttl| OpaqueTokens::Userinfo {
            endpoint: url.parse().unwrap(),
            cache_ttl: Duration::from_secs(ttl),
        };
        let all = || {
            [
                None,
                Some(userinfo("https://a/", 1)),
                Some(userinfo("https://b/", 1)),
                Some(userinfo("https://a/", 2)),
                Some(introspection("c", "s", 1)),
                Some(introspection("d", "s", 1)),
                Some(introspection("c", "t", 1)),
                Some(introspection("c", "s", 2)),
            ]
        };
        for (i, a) in all().iter().enumerate() {
            for (j, b) in all().iter().enumerate() {
                assert_eq!(same(a.as_ref(), b.as_ref()), i == j, "{i} {j}");
            }
        }
    }
}
