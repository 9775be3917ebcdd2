//! One connection: TLS, HTTP in either version, and its ends.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::Write as _;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Version};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::h2_streams::{GuardedBody, Streams};
use super::timeouts::{ConnectionTimeouts, Watched};
use super::tls;
use crate::config::Limits;
use crate::gateway::http::error_response::{Answer, OVERLOADED};
use crate::gateway::http::incoming::{IncomingRequest, UnreadBody};
use crate::gateway::http::wake_suppression::WakeSuppressor;
use crate::gateway::limits::counter::{Counter, CounterGuard};
use crate::gateway::limits::limit::Limit;
use crate::gateway::telemetry::Observers;
use crate::gateway::tls::server::ServerTls;

/// The bytes that a caller may send, on one stream and on the whole connection, before they are read.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// The bytes that may be buffered on one stream until the caller reads them.
const SEND_BUFFER: usize = 64 * 1024;
/// The maximum number of streams that the caller reset before they were handled, and of streams that were reset for the
/// caller's errors. If there are more, the connection ends.
const RESETS: usize = 20;
const ERRORS: usize = 256;
/// hyper's default limit of headers.
const HYPERS_HEADERS: usize = 100;
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// The time and bytes for which a refused caller is read from. A socket that is closed with unread bytes is reset, and
/// the reset discards the answer.
const FAREWELL: Duration = Duration::from_secs(1);
const FAREWELL_BYTES: u64 = 64 * 1024;
const FAREWELLS: usize = 64;

/// The state that the connections of a listener share.
pub(in crate::gateway) struct Common {
    /// The active limits. Each connection reads them when it begins.
    pub(in crate::gateway) limits: Box<dyn Fn() -> Limits + Send + Sync>,
    pub(in crate::gateway) connections: Counter,
    pub(super) leaving: Counter,
    pub(in crate::gateway) observers: Arc<Observers>,
    /// Whether connections write several buffers in one call.
    vectored: bool,
}

impl Common {
    pub(in crate::gateway) fn new(
        limits: impl Fn() -> Limits + Send + Sync + 'static,
        connections: Counter,
        observers: Arc<Observers>,
    ) -> Self {
        Self { limits: Box::new(limits), connections, leaving: Counter::default(), observers, vectored: true }
    }

    /// The same for answers of some hundred bytes over HTTP/2. h2 copies such a body beside its headers if the connection cannot
    /// write several buffers in one call, and then writes the trailers along with both.
    pub(in crate::gateway) fn for_small_answers(self) -> Self {
        Self { vectored: false, ..self }
    }

    /// When seven of eight connections are in use, an idle connection must give way as early as a slow one.
    fn idle_timeout(&self, limits: &Limits) -> Duration {
        let is_crowded = self.connections.taken() >= limits.connections - limits.connections / 8;
        if is_crowded { limits.idle_timeout.min(limits.header_timeout) } else { limits.idle_timeout }
    }

    fn limited(&self, limit: Limit) {
        self.observers.metrics().limited(limit);
    }
}

/// An accepted connection.
pub(super) struct Accepted {
    pub(in crate::gateway) stream: TcpStream,
    pub(in crate::gateway) peer: IpAddr,
    pub(in crate::gateway) tls: Option<Arc<ServerTls>>,
    pub(in crate::gateway) draining: watch::Receiver<()>,
}

/// The other end of a connection.
struct Peer {
    address: IpAddr,
    /// The authorities that verify its certificate.
    client_ca: Option<Arc<[u8]>>,
}

/// Serves a connection until it ends, or turns it away if there are too many.
pub(super) fn begin<F, A>(accepted: Accepted, common: &Arc<Common>, answer: F)
where
    F: Fn(IncomingRequest) -> A + Send + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    let limits = (common.limits)();
    let Some(place) = common.connections.take_one(limits.connections) else {
        common.limited(Limit::Connections);
        // A caller that waits for a TLS handshake cannot read anything else.
        if accepted.tls.is_none() {
            turn_away(accepted.stream, common.leaving.take_one(FAREWELLS));
        }
        return;
    };
    let connection = Connection { limits, common: Arc::clone(common), place };
    tokio::spawn(connection.run(accepted, answer));
}

/// Sends the reason and, if it may, waits until it was received. A caller that does not read gets no answer.
fn turn_away(stream: TcpStream, leave: Option<CounterGuard>) {
    // This does not block, and a new socket has enough buffer.
    let Ok(mut stream) = stream.into_std() else { return };
    if stream.write_all(OVERLOADED.as_bytes()).is_err() {
        return;
    }
    let (Some(leave), Ok(mut stream)) = (leave, TcpStream::from_std(stream)) else { return };
    tokio::spawn(async move {
        let leaving = async {
            stream.shutdown().await?;
            tokio::io::copy(&mut stream.take(FAREWELL_BYTES), &mut tokio::io::sink()).await
        };
        let _ = tokio::time::timeout(FAREWELL, leaving).await;
        drop(leave);
    });
}

struct Connection {
    limits: Limits,
    common: Arc<Common>,
    /// The connection's share, held until it ends.
    place: CounterGuard,
}

impl Connection {
    async fn run<F, A>(self, accepted: Accepted, answer: F)
    where
        F: Fn(IncomingRequest) -> A + Send + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        let Accepted { stream, peer, tls, draining } = accepted;
        let client_ca = tls.as_ref().and_then(|tls| tls.files.client_ca.clone());
        let peer = Peer { address: peer, client_ca };
        // Otherwise a small answer would wait for the acknowledgement of the previous one. If the option cannot be set,
        // the connection is still served.
        let _ = stream.set_nodelay(true);
        let timeouts = ConnectionTimeouts::new(Instant::now());
        let stream = Watched::new(stream, Arc::clone(&timeouts), self.common.vectored);
        match tls {
            None => self.serve(stream, peer, &timeouts, draining, answer).await,
            // This is boxed separately, so that a connection without TLS does not reserve memory for it.
            Some(tls) => {
                let secured = async {
                    match tls::handshake(&tls, stream, self.limits.header_timeout).await {
                        Ok(stream) => self.serve(stream, peer, &timeouts, draining, answer).await,
                        Err(limit) => limit.into_iter().for_each(|limit| self.common.limited(limit)),
                    }
                };
                Box::pin(secured).await;
            }
        }
        drop(self.place);
    }

    async fn serve<S, F, A>(
        &self,
        stream: S,
        peer: Peer,
        timeouts: &Arc<ConnectionTimeouts>,
        mut draining: watch::Receiver<()>,
        answer: F,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Fn(IncomingRequest) -> A + Send + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        let streams = Streams::new(self.limits.write_timeout, Arc::clone(&self.common.observers));
        let builder = builder(&self.limits, streams.clone());
        let (noted, drains_sockets) = (Arc::clone(timeouts), draining.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let multiplexed = request.version() == Version::HTTP_2;
            let busy = noted.request(multiplexed);
            let clock = multiplexed.then(|| busy.waiting());
            if let Some(clock) = &clock {
                streams.begin(clock);
            }
            // hyper stores the service for the whole connection. Here that is one pointer.
            let mut incoming = IncomingRequest::new(request, Some(peer.address));
            incoming.client_ca.clone_from(&peer.client_ca);
            incoming.draining = Some(drains_sockets.clone());
            let answer = Box::pin(answer(incoming));
            async move {
                let answer = answer.await;
                busy.set_body_unread(!multiplexed && answer.extensions().get::<UnreadBody>().is_some());
                Ok::<_, Infallible>(answer.map(|body| GuardedBody::new(body, clock, busy)))
            }
        });
        let mut connection = pin!(builder.serve_connection_with_upgrades(TokioIo::new(stream), service));
        let mut suppressor = WakeSuppressor::new();
        let (mut drains, mut closes) = (false, false);
        loop {
            let ended =
                poll_fn(|context| suppressor.poll(context, |context| connection.as_mut().poll(context)));
            tokio::select! {
                biased;
                ended = ended => return self.ended(ended),
                _ = draining.changed(), if !drains => {
                    drains = true;
                    connection.as_mut().graceful_shutdown();
                }
                limit = timeouts.overdue(&self.limits, || self.common.idle_timeout(&self.limits)) => {
                    if !closes {
                        self.common.limited(limit);
                    }
                    // A caller that reads nothing would not read a closing message either.
                    if closes || limit == Limit::Write {
                        return;
                    }
                    closes = true;
                    timeouts.close();
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }

    fn ended(&self, ended: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
        let Err(error) = ended else { return };
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large) {
            self.common.limited(Limit::Header);
        }
        tracing::debug!("a connection ended early: {error}");
    }
}

pub(in crate::gateway) fn builder(limits: &Limits, streams: Streams) -> auto::Builder<Streams> {
    let mut builder = auto::Builder::new(streams);
    let header_bytes = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
    // `ConnectionTimeouts` has the timers for heads and idle connections. They apply to both versions, and before the
    // version is known.
    builder.http1().header_read_timeout(None).max_buf_size(header_bytes);
    // hyper keeps its default limit on the stack, and allocates any other for each request.
    if limits.headers != HYPERS_HEADERS {
        builder.http1().max_headers(limits.headers);
    }
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_per_connection)
        .max_header_list_size(limits.header_bytes)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buf_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(ERRORS)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
