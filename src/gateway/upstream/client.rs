//! Sends what was permitted, and takes the answer.

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

/// What is read of an answer over HTTP/2 before its caller takes it.
const STREAM_WINDOW: u32 = 128 * 1024;
/// As large as it gets: callers that take nothing must not hold up the others on their upstream's connection.
const CONNECTION_WINDOW: u32 = (1 << 31) - 1;

/// Until when an answer must have begun, and until when it must have ended.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Deadlines {
    begin: Instant,
    end: Instant,
}

impl Deadlines {
    /// Counted from now. `timeout` is the deployment's own for the beginning. `end` is that of an earlier attempt.
    pub(in crate::gateway) fn new(limits: &Limits, timeout: Option<Duration>, end: Option<Instant>) -> Self {
        let now = Instant::now();
        let end = end.unwrap_or(now + limits.upstream_total_timeout);
        Self { begin: end.min(now + timeout.unwrap_or(limits.upstream_first_byte_timeout)), end }
    }

    /// Until when the answer must have ended.
    pub(in crate::gateway) fn end(self) -> Instant {
        self.end
    }
}

/// A request to an upstream.
pub(in crate::gateway) struct Outgoing {
    request: Request<SegmentedBody>,
    deadlines: Deadlines,
    connection: Connection,
    /// Whether the caller sees headers that tell of the upstream.
    upstream_headers: UpstreamHeaders,
}

/// What a request goes out over.
pub(in crate::gateway) enum Connection {
    /// By plain HTTP, over this connection.
    Plain(Box<Link>),
    /// By TLS, over one that hyper's client chooses. The flag tells that the request was held back in the end.
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
    /// Whether it is HTTP/1.1 or HTTP/2 shows in the handshake.
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

    /// Sends a request, and waits for the answer with the headers that go back, its body still to come.
    ///
    /// Dropping the answer, as happens when the caller goes away, ends the upstream's call. The request is taken when it is
    /// sent: until then it has one place, wherever it is waited for.
    pub(in crate::gateway) async fn relay(
        &self,
        outgoing: Outgoing,
        may_be_sent: &(dyn Fn() -> bool + Sync),
        observers: &Arc<Observers>,
    ) -> Result<Answer, Refusal> {
        let Outgoing { mut request, deadlines, connection, upstream_headers } = outgoing;
        let sent = self.send(&mut request, connection, may_be_sent);
        let answered = tokio::time::timeout_at(deadlines.begin, sent).await;
        let (mut head, body) = answered.map_err(|_| Refusal::UpstreamTimeout)??.into_parts();
        // No upgrade is ever asked for.
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            tracing::warn!("the upstream switched protocols, which nobody had asked for");
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
        may_be_sent: &(dyn Fn() -> bool + Sync),
    ) -> Result<Response<UpstreamBody>, Refusal> {
        match connection {
            Connection::Plain(link) => {
                let answered = self.plain.send(request, link, may_be_sent).await;
                Ok(answered.map_err(plain_failed)?.map(UpstreamBody::Plain))
            }
            Connection::Secure(shut) => {
                let answered = self.secure.request(std::mem::take(request)).await;
                let answered = answered.map_err(|error| match shut.load(Ordering::Acquire) {
                    true => Refusal::Overtaken,
                    false => down(error.is_connect(), &error),
                });
                Ok(answered?.map(UpstreamBody::Secure))
            }
        }
    }
}

fn plain_failed(error: PoolError) -> Refusal {
    match error {
        PoolError::Overtaken(_) => Refusal::Overtaken,
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
