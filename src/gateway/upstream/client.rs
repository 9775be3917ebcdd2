//! Sends permitted requests, and receives the responses.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt as _;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::deadline_body::{DeadlineBody, UpstreamBody};
use super::pool::{Link, Pool, PoolError, READ_BUFFER};
use crate::config::{Limits, UpstreamHeaders};
use crate::gateway::error_chain::causes;
use crate::gateway::http::error_response::{Answer, Refusal};
use crate::gateway::http::headers;
use crate::gateway::http::segmented_body::SegmentedBody;
use crate::gateway::telemetry::Observers;
use crate::gateway::tls::connector::{Connector, connector, tcp};
use crate::gateway::tls::egress_proxy;

/// The amount of an HTTP/2 response that is buffered before its caller reads it.
const STREAM_WINDOW: u32 = 128 * 1024;
/// The maximum: callers that do not read must not block others on the same upstream connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// The deadlines for the beginning and the end of a response.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Deadlines {
    begin: Instant,
    end: Instant,
}

impl Deadlines {
    /// Starts both deadlines now. `timeout` is the deployment's own value for the beginning. `end` is the deadline of an
    /// earlier attempt.
    pub(in crate::gateway) fn new(limits: &Limits, timeout: Option<Duration>, end: Option<Instant>) -> Self {
        let now = Instant::now();
        let end = end.unwrap_or(now + limits.upstream_total_timeout);
        Self { begin: end.min(now + timeout.unwrap_or(limits.upstream_first_byte_timeout)), end }
    }

    /// The deadline for the end of the response.
    pub(in crate::gateway) fn end(self) -> Instant {
        self.end
    }
}

/// A request to an upstream.
pub(in crate::gateway) struct Outgoing {
    request: Request<SegmentedBody>,
    deadlines: Deadlines,
    connection: Connection,
    /// Whether the caller sees headers that describe the upstream.
    upstream_headers: UpstreamHeaders,
}

/// The connection that carries a request.
pub(in crate::gateway) enum Connection {
    /// Plain HTTP, over this connection.
    Plain(Box<Link>),
    /// TLS, over a connection that hyper's client chooses. The flag reports that the request was held back after all.
    Secure(Arc<AtomicBool>),
}

impl Outgoing {
    pub(in crate::gateway) fn new(
        request: Request<SegmentedBody>,
        deadlines: Deadlines,
        connection: Connection,
        upstream_headers: UpstreamHeaders,
    ) -> Self {
        Self { request, deadlines, connection, upstream_headers }
    }
}

/// The connections to upstreams.
#[derive(Debug)]
pub(in crate::gateway) struct Forwarder {
    plain: Pool,
    /// The handshake selects HTTP/1.1 or HTTP/2.
    secure: Client<Connector, SegmentedBody>,
}

impl Forwarder {
    pub(in crate::gateway) fn new(limits: &Limits) -> std::io::Result<Self> {
        egress_proxy::check_environment().map_err(std::io::Error::other)?;
        let timeout = limits.upstream_connect_timeout;
        let secure = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(60))
            .http1_max_buf_size(READ_BUFFER)
            .http2_initial_stream_window_size(STREAM_WINDOW)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .build(connector(timeout)?);
        Ok(Self { plain: Pool::new(tcp(timeout)), secure })
    }

    /// An idle connection for a plain request.
    pub(in crate::gateway) fn idle(&self, target: &Uri) -> Option<Box<Link>> {
        self.plain.idle(target)
    }

    /// A new connection for a plain request.
    pub(in crate::gateway) async fn connect(
        &self,
        target: &Uri,
        deadlines: Deadlines,
    ) -> Result<Box<Link>, Refusal> {
        let connected = tokio::time::timeout_at(deadlines.begin, self.plain.connect(target)).await;
        connected.map_err(|_| Refusal::UpstreamTimeout)?.map_err(plain_failed)
    }

    /// Sends a request, and returns the response with the headers for the caller. The body is still streaming.
    ///
    /// Dropping the response, for example because the caller disconnects, cancels the upstream call. The request is
    /// moved out of its place when it is sent, so it is stored once, regardless of where it waits.
    pub(in crate::gateway) async fn relay(
        &self,
        outgoing: Outgoing,
        may_be_sent: &(dyn Fn() -> bool + Sync),
        observers: &Arc<Observers>,
    ) -> Result<Answer, Refusal> {
        let Outgoing { mut request, deadlines, connection, upstream_headers } = outgoing;
        let answered = self.send(&mut request, connection, deadlines.begin, may_be_sent).await?;
        let (mut head, body) = answered.into_parts();
        // The gateway never asks for an upgrade.
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            tracing::warn!("the upstream switched protocols without a request to do so");
            return Err(Refusal::UpstreamSwitched);
        }
        headers::downstream(&mut head.headers, upstream_headers);
        head.version = http::Version::default();
        head.extensions.clear();
        Ok(Answer::from_parts(head, DeadlineBody::new(body, deadlines.end, observers).boxed_unsync()))
    }

    async fn send(
        &self,
        request: &mut Request<SegmentedBody>,
        connection: Connection,
        deadline: Instant,
        may_be_sent: &(dyn Fn() -> bool + Sync),
    ) -> Result<Response<UpstreamBody>, Refusal> {
        match connection {
            Connection::Plain(link) => {
                let answered = self.plain.send(request, link, deadline, may_be_sent).await;
                Ok(answered.map_err(plain_failed)?.map(UpstreamBody::Plain))
            }
            Connection::Secure(shut) => {
                let answered = self.secure.request(std::mem::take(request));
                let answered = tokio::time::timeout_at(deadline, answered).await;
                let answered = answered.map_err(|_| Refusal::UpstreamTimeout)?.map_err(|error| {
                    match shut.load(Ordering::Acquire) {
                        true => Refusal::Overtaken,
                        false => down(error.is_connect(), &error),
                    }
                });
                Ok(answered?.map(UpstreamBody::Secure))
            }
        }
    }
}

fn plain_failed(error: PoolError) -> Refusal {
    match error {
        PoolError::Overtaken(_) => Refusal::Overtaken,
        PoolError::Timeout => Refusal::UpstreamTimeout,
        error => down(matches!(error, PoolError::Connect(_)), &error),
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
