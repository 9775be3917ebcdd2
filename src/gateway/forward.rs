//! Sends what was permitted, as it was judged.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::request;
use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::bounded::{Bounded, UpstreamBody};
use super::deployments::{Deployments, Target};
use super::keys::fetch::causes;
use super::observe::{Observation, Observers};
use super::pieces::Pieces;
use super::pool::{Pool, PoolError};
use super::respond::{Answer, Refusal};
use super::{headers, trust};
use crate::config::Limits;
use crate::engine::Permit;
use crate::request::ApiCall;

/// For keys and traces; `modelgate.limits` has the one for upstreams.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// What is read of an answer before its caller takes it.
pub(super) const READ_BUFFER: usize = 64 * 1024;
/// The same over HTTP/2.
const STREAM_WINDOW: u32 = 128 * 1024;
/// As large as it gets: callers that take nothing must not hold up the others on their upstream's connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
const ANTHROPIC_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// A request as the caller sent it, credentials too: there is no `Debug`.
pub(super) struct Sent<'s> {
    pub(super) head: &'s mut request::Parts,
    pub(super) body: Pieces,
}

/// A request to an upstream.
pub(super) struct Outgoing {
    request: Request<Pieces>,
    /// When the answer must have begun, and when it must have ended.
    begin: Instant,
    end: Instant,
}

impl Outgoing {
    /// A request that goes out now. Its answer may take `timeout` to begin, where that is given.
    pub(super) fn new(request: Request<Pieces>, limits: &Limits, timeout: Option<Duration>) -> Self {
        let now = Instant::now();
        let end = now + limits.upstream_total_timeout;
        let begin = end.min(now + timeout.unwrap_or(limits.upstream_first_byte_timeout));
        Self { request, begin, end }
    }
}

/// The connections to upstreams.
#[derive(Debug)]
pub(super) struct Forwarder {
    plain: Pool,
    /// Whether it is HTTP/1.1 or HTTP/2 shows in the handshake.
    secure: Client<HttpsConnector<HttpConnector>, Pieces>,
}

impl Forwarder {
    pub(super) fn new(limits: &Limits) -> std::io::Result<Self> {
        let tcp = || tcp(limits.upstream_connect_timeout);
        let secure = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .http1_max_buf_size(READ_BUFFER)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(secured(tcp())?);
        Ok(Self { plain: Pool::new(tcp()), secure })
    }

    /// Sends a request, and waits for the answer with the headers that go back, its body still to come.
    ///
    /// Dropping the answer, as happens when the caller goes away, ends the upstream's call. The request is taken when it is
    /// sent: until then it has one place, wherever it is waited for.
    pub(super) async fn relay(
        &self,
        outgoing: &mut Outgoing,
        observers: &Arc<Observers>,
    ) -> Result<Answer, Refusal> {
        let answered = tokio::time::timeout_at(outgoing.begin, self.send(&mut outgoing.request)).await;
        let (mut head, body) = answered.map_err(|_| Refusal::UpstreamTimeout)??.into_parts();
        headers::downstream(&mut head.headers);
        head.version = http::Version::default();
        head.extensions.clear();
        Ok(Answer::from_parts(head, Bounded::new(body, outgoing.end, observers).boxed_unsync()))
    }

    async fn send(&self, request: &mut Request<Pieces>) -> Result<Response<UpstreamBody>, Refusal> {
        if request.uri().scheme() == Some(&Scheme::HTTP) {
            let answered = self.plain.send(request).await;
            let answer = answered.map_err(|error| down(matches!(error, PoolError::Connect(_)), &error))?;
            Ok(answer.map(UpstreamBody::Plain))
        } else {
            let answered = self.secure.request(std::mem::take(request)).await;
            Ok(answered.map_err(|error| down(error.is_connect(), &error))?.map(UpstreamBody::Secure))
        }
    }
}

fn down(connect: bool, error: &(dyn Error + 'static)) -> Refusal {
    tracing::warn!(connect, "the upstream failed: {}", causes(error));
    if connect && is_timeout(error) { Refusal::UpstreamConnectTimeout } else { Refusal::UpstreamDown }
}

fn tcp(timeout: Duration) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(timeout));
    connector
}

/// Connections that trust the certificates which this machine trusts.
pub(super) fn connector(timeout: Duration) -> std::io::Result<HttpsConnector<HttpConnector>> {
    secured(tcp(timeout))
}

fn secured(tcp: HttpConnector) -> std::io::Result<HttpsConnector<HttpConnector>> {
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(trust::native()?)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp))
}

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
        || error.source().is_some_and(is_timeout)
}

/// A permitted request as its upstream gets it.
pub(super) fn outgoing(
    deployments: &Deployments,
    limits: &Limits,
    permit: &Permit,
    sent: Sent<'_>,
    seen: &mut Observation,
) -> Result<Outgoing, Refusal> {
    let (call, head) = (permit.call(), sent.head);
    let target = deployments.target(call, head.uri.query())?;
    tracing::debug!(model = ?permit.model(), host = target.uri.host(), policies = ?permit.decision().policies, "permitted");
    headers::upstream(&mut head.headers);
    seen.calls(call, &target, &mut head.headers);
    let mut request = Request::new(upstream_body(call, &target, sent.body));
    *request.method_mut() = head.method.clone();
    *request.uri_mut() = target.uri;
    let headers = request.headers_mut();
    *headers = std::mem::take(&mut head.headers);
    let is_anthropic = target.headers.iter().any(|(name, _)| name == "x-api-key");
    if is_anthropic && !headers.contains_key(&ANTHROPIC_VERSION.0) {
        headers.insert(ANTHROPIC_VERSION.0, ANTHROPIC_VERSION.1);
    }
    for (name, value) in target.headers {
        headers.insert(name.clone(), value.clone());
    }
    Ok(Outgoing::new(request, limits, target.timeout))
}

/// The body with the deployment's model in the place of the caller's; where only the path named the model, it is added.
/// Then the deployment's parameters are added that the caller does not set.
fn upstream_body(call: &ApiCall, target: &Target<'_>, body: Pieces) -> Pieces {
    let added = target.defaults.members_for(body.first());
    let body = match target.model.as_deref().and_then(|model| call.renamed_body(model)) {
        Some((range, text)) => body.replaced(range, &text),
        None => body,
    };
    match added {
        // It stands before everything that was replaced.
        Some((at, members)) => body.replaced(at..at, &members),
        None => body,
    }
}
