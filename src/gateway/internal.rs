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

use super::http::{client_ip, headers};
use super::listener::answers::{Answering, Answers};
use super::listener::h2_streams::Streams;
use super::listener::protocol::Protocol;
use super::listener::rewound::Rewound;
use super::listener::timeouts::ConnectionTimeouts;
use super::pipeline::Gateway;
use super::reload::bundle::BundleError;
use super::reload::bundle::unpack;
use crate::authn::{Assertion, ClaimRules, TokenError, VerifiedClaims, check_claims};
use crate::config::{Limits, TokenRules, UpstreamHeaders};
use crate::dropins::{DropInError, DropIns};

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
    check_claims(claims, &ClaimRules::of(None, rules), now)
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
