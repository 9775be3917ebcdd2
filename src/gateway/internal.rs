//! Entry points for the fuzz targets. Not part of the public API: anything here may change at any time.

use std::future::poll_fn;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use http::HeaderMap;
use ipnet::IpNet;
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use url::Url;

use super::auth::error::AuthnError;
use super::auth::jwks::files::KeyFile;
use super::auth::verifier::TokenVerifier;
use super::clock::Timestamp;
use super::http::{client_ip, headers};
use super::listener::answers::{Answering, Answers};
use super::listener::h2_streams::Streams;
use super::listener::protocol::Protocol;
use super::listener::rewound::Rewound;
use super::listener::timeouts::ConnectionTimeouts;
use super::pipeline::Gateway;
use super::reload::bundle::BundleError;
use super::reload::bundle::unpack;
use crate::authn::{
    Assertion, Bearer, BorrowedClaims, ClaimRules, KeySet, TokenError, VerifiedClaims, check_claims,
};
use crate::config::{Limits, TokenRules, UpstreamHeaders};
use crate::dropins::{DropInError, DropIns};
use crate::engine::Snapshot;
use crate::identity::Caller;
use crate::json::Object;

/// The request headers that are sent upstream.
#[must_use]
pub fn upstream_headers(mut headers: HeaderMap) -> HeaderMap {
    headers::upstream(&mut headers);
    headers
}

/// The response headers that are sent to the caller.
#[must_use]
pub fn downstream_headers(mut headers: HeaderMap) -> HeaderMap {
    headers::downstream(&mut headers, UpstreamHeaders::Hide);
    headers
}

/// The caller's address, after trusted proxies are skipped.
#[must_use]
pub fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> Option<IpAddr> {
    client_ip::address(peer, headers, trusted)
}

/// Checks the claims of a JWT against the global rules.
///
/// # Errors
///
/// The first check that fails.
pub fn check_token(
    claims: &Map<String, Value>,
    rules: &TokenRules,
    now: SystemTime,
) -> Result<(), TokenError> {
    check_claims(&Object::of_map(claims), &ClaimRules::of(None, rules), now).map(|_| ())
}

/// Reads the claims in the answer of a userinfo endpoint.
#[must_use]
pub fn userinfo(body: &[u8], rules: &TokenRules, now: SystemTime) -> Option<VerifiedClaims> {
    Assertion::from_userinfo(body).ok()?.verify(rules, now).ok()
}

/// Reads the claims in the answer of an introspection endpoint.
#[must_use]
pub fn introspection(body: &[u8], rules: &TokenRules, now: SystemTime) -> Option<VerifiedClaims> {
    Assertion::from_introspection(body).ok()??.verify(rules, now).ok()
}

/// Verifies tokens as if each was new, for benchmarks.
pub struct NewTokens(TokenVerifier);

impl NewTokens {
    /// Verifies tokens with these keys, which stand for the content of the first URL of the rules.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub fn new(rules: &TokenRules, keys: &Arc<KeySet>) -> Result<Self, rustls::Error> {
        let file = |url: &Url| (url.clone(), KeyFile::Keys(Arc::clone(keys)));
        let files = rules.key_urls.first().map(file).into_iter().collect();
        Ok(Self(TokenVerifier::new(rules)?.renewed(rules, rules, &files)))
    }

    /// Looks for a token among those that are known, verifies it, and makes its caller known.
    ///
    /// # Errors
    ///
    /// [`AuthnError`], as for any request.
    pub async fn caller(
        &self,
        bearer: &Bearer<'_>,
        rules: &TokenRules,
        snapshot: &Snapshot,
    ) -> Result<Arc<Caller>, AuthnError> {
        // Nobody keeps the claims of these callers. So whoever needs claims knows none of them.
        match self.0.known(bearer.expose().as_bytes(), rules, Timestamp::now(), true) {
            Ok((caller, _)) => Ok(caller),
            Err(unknown) => {
                let identify = |claims: &BorrowedClaims<'_>| snapshot.identify_borrowed(claims, false);
                Ok(self.0.caller(bearer, unknown, rules, false, identify).await?.0)
            }
        }
    }
}

/// Unpacks a bundle of policies into a new directory.
///
/// # Errors
///
/// [`BundleError`]. No directory is left then.
pub fn unpack(bundle: &[u8], into: &Path) -> Result<(), BundleError> {
    unpack::unpack(bundle, into)
}

/// Reads dropped-in files from their names and texts.
///
/// # Errors
///
/// [`DropInError`] with the file and the place.
pub fn dropins(files: &[(&str, &str)]) -> Result<DropIns, Box<DropInError>> {
    DropIns::of_texts(files)
}

/// Serves one connection. A client that has sent everything may stop before it gets the answers.
pub async fn serve(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static, gateway: Arc<Gateway>) {
    let limits = Limits::default();
    let streams = Streams::new(limits.write_timeout, Arc::clone(gateway.observers()));
    let timeouts = ConnectionTimeouts::new(Instant::now());
    let begin = move |incoming| -> Answering { Box::pin(Arc::clone(&gateway).handle(incoming)) };
    let answers = Answers::new(&timeouts, streams, begin);
    let begun = Protocol::begin(&limits, true, Rewound::new(stream), answers).await;
    // The client sees how the connection ended.
    if let Ok(mut connection) = begun {
        let _ = poll_fn(|context| connection.poll(context)).await;
    }
}
