//! Sends what was permitted, as it was judged.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::request;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::body::{Kept, Pieces};
use super::bounded::Bounded;
use super::deployments::{self, Target};
use super::headers;
use super::observe::Observation;
use super::respond::{Answer, Refusal};
use crate::config::Limits;
use crate::engine::{Permit, Snapshot};
use crate::request::ApiCall;

/// For keys and traces; `modelgate.limits` has the one for upstreams.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What is read of an answer before its caller takes it.
const READ_BUFFER: usize = 64 * 1024;
/// The same over HTTP/2.
const STREAM_WINDOW: u32 = 128 * 1024;
/// As large as it gets: callers that take nothing must not hold up the others on their upstream's connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
const ANTHROPIC_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// A request as the caller sent it.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) head: request::Parts,
    pub(super) body: Kept,
}

/// The connections to upstreams.
#[derive(Debug)]
pub(super) struct Forwarder {
    client: Client<HttpsConnector<HttpConnector>, Pieces>,
}

impl Forwarder {
    pub(super) fn new(limits: &Limits) -> std::io::Result<Self> {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .http1_max_buf_size(READ_BUFFER)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(connector(limits.upstream_connect_timeout)?);
        Ok(Self { client })
    }

    /// Forwards a permitted request and streams the answer back.
    ///
    /// Dropping the answer, as happens when the caller goes away, ends the upstream's call.
    pub(super) async fn forward(
        &self,
        snapshot: &Snapshot,
        permit: Permit,
        sent: Sent,
        seen: &mut Observation,
    ) -> Result<Answer, Refusal> {
        let call = permit.call();
        let target = deployments::target(snapshot.config(), call, sent.head.uri.query())?;
        tracing::debug!(model = ?permit.model(), host = target.uri.host(), policies = ?permit.decision().policies, "permitted");
        let mut sent = sent;
        sent.head.headers = headers::upstream(&sent.head.headers);
        seen.calls(call, &target, &mut sent.head.headers);
        let limits = &snapshot.config().gateway.limits;
        let end = Instant::now() + limits.upstream_total_timeout;
        let first_byte = Instant::now() + target.timeout.unwrap_or(limits.upstream_first_byte_timeout);
        let request = upstream_request(call, target, sent);

        let answered = self.send(request, first_byte.min(end)).await;
        seen.upstream(answered.as_ref().map(Response::status));
        let answer = answered?;
        let (mut head, body) = answer.into_parts();
        head.headers = headers::downstream(&head.headers);
        head.version = http::Version::default();
        head.extensions.clear();
        Ok(Answer::from_parts(head, Bounded::new(body, end, seen.observers()).boxed_unsync()))
    }

    /// The upstream's answer, up to its body, which must begin by then.
    async fn send(&self, request: Request<Pieces>, by: Instant) -> Result<Response<Incoming>, Refusal> {
        let answered = tokio::time::timeout_at(by, self.client.request(request)).await;
        answered.map_err(|_| Refusal::UpstreamTimeout)?.map_err(|error| {
            tracing::warn!(connect = error.is_connect(), "the upstream failed: {error}");
            if error.is_connect() && is_timeout(&error) {
                Refusal::UpstreamConnectTimeout
            } else {
                Refusal::UpstreamDown
            }
        })
    }
}

/// Connections that trust the certificates which this machine trusts.
pub(super) fn connector(timeout: Duration) -> std::io::Result<HttpsConnector<HttpConnector>> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(timeout));
    Ok(HttpsConnectorBuilder::new()
        .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())?
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(connector))
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
        || error.source().is_some_and(is_timeout)
}

/// The headers are those that pass.
fn upstream_request(call: &ApiCall, target: Target, sent: Sent) -> Request<Pieces> {
    let body = upstream_body(call, target.model.as_deref(), sent.body.pieces);
    let mut request = Request::new(body.keeping(sent.body.room));
    *request.method_mut() = sent.head.method;
    *request.uri_mut() = target.uri;
    let headers = request.headers_mut();
    *headers = sent.head.headers;
    let is_anthropic = target.headers.iter().any(|(name, _)| name == "x-api-key");
    if is_anthropic && !headers.contains_key(&ANTHROPIC_VERSION.0) {
        headers.insert(ANTHROPIC_VERSION.0, ANTHROPIC_VERSION.1);
    }
    for (name, value) in target.headers {
        headers.insert(name, value);
    }
    request
}

/// The body with the deployment's model in the place of the caller's; where only the path named the model, it is added.
fn upstream_body(call: &ApiCall, model: Option<&str>, body: Vec<Bytes>) -> Pieces {
    match model.and_then(|model| call.renamed_body(model)) {
        Some((range, text)) => Pieces::replaced(body, range, Bytes::from(text)),
        None => Pieces::whole(body),
    }
}
