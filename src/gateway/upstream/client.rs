//! Sends what was permitted, as it was judged.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderName, HeaderValue};
use http::request;
use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::deadline_body::{Bounded, UpstreamBody};
use super::deployments::Deployments;
use super::pool::{Pool, PoolError, READ_BUFFER};
use crate::config::Limits;
use crate::engine::Permit;
use crate::gateway::error_chain::causes;
use crate::gateway::http::error_response::{Answer, Refusal};
use crate::gateway::http::headers;
use crate::gateway::http::segmented_body::Pieces;
use crate::gateway::telemetry::{Observation, Observers};
use crate::gateway::tls::connector::{secured, tcp};
use crate::request::ApiCall;

/// What is read of an answer over HTTP/2 before its caller takes it.
const STREAM_WINDOW: u32 = 128 * 1024;
/// As large as it gets: callers that take nothing must not hold up the others on their upstream's connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;
const ANTHROPIC_VERSION: (HeaderName, HeaderValue) =
    (HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"));

/// A request as the caller sent it, credentials too: there is no `Debug`.
pub(in crate::gateway) struct Sent<'s> {
    pub(in crate::gateway) head: &'s mut request::Parts,
    pub(in crate::gateway) body: Pieces,
}

/// A request to an upstream.
pub(in crate::gateway) struct Outgoing {
    request: Request<Pieces>,
    /// When the answer must have begun, and when it must have ended.
    begin: Instant,
    end: Instant,
}

impl Outgoing {
    /// A request that goes out now. Its answer may take `timeout` to begin, where that is given.
    pub(in crate::gateway) fn new(
        request: Request<Pieces>,
        limits: &Limits,
        timeout: Option<Duration>,
    ) -> Self {
        let now = Instant::now();
        let end = now + limits.upstream_total_timeout;
        let begin = end.min(now + timeout.unwrap_or(limits.upstream_first_byte_timeout));
        Self { request, begin, end }
    }
}

/// The connections to upstreams.
#[derive(Debug)]
pub(in crate::gateway) struct Forwarder {
    plain: Pool,
    /// Whether it is HTTP/1.1 or HTTP/2 shows in the handshake.
    secure: Client<HttpsConnector<HttpConnector>, Pieces>,
}

impl Forwarder {
    pub(in crate::gateway) fn new(limits: &Limits) -> std::io::Result<Self> {
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
    pub(in crate::gateway) async fn relay(
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

fn is_timeout(error: &(dyn Error + 'static)) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|error| error.kind() == std::io::ErrorKind::TimedOut)
        || error.source().is_some_and(is_timeout)
}

/// A permitted request as its upstream gets it.
pub(in crate::gateway) fn outgoing(
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
    let mut request = Request::new(upstream_body(call, target.model.as_deref(), sent.body));
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
fn upstream_body(call: &ApiCall, model: Option<&str>, body: Pieces) -> Pieces {
    match model.and_then(|model| call.renamed_body(model)) {
        Some((range, text)) => body.replaced(range, &text),
        None => body,
    }
}
