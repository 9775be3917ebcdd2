//! One connection: TLS, HTTP in either version, and its ends.

use std::future::poll_fn;
use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::answers::Answers;
use super::h2_streams::Streams;
use super::protocol::Protocol;
use super::rewound::Rewound;
use super::timeouts::{CLOSING, ConnectionTimeouts, Due, Socket, Watched};
use super::tls;
use crate::config::Limits;
use crate::gateway::http::error_response::{Answer, OVERLOADED};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::http::wake_suppression::WakeSuppressor;
use crate::gateway::limits::counter::{Counter, CounterGuard};
use crate::gateway::limits::limit::Limit;
use crate::gateway::telemetry::Observers;
use crate::gateway::tls::server::ServerTls;

/// The connections of a listener that keep hyper's buffers between two requests. They are enough for clients that send one
/// request after the other. Any other connection gives them back when it becomes idle, and so do these after a while.
const KEEPERS: usize = 64;
const KEEPING_TIME: Duration = Duration::from_secs(1);
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
    /// The connections that keep their buffers, and the maximum number of them.
    keeping: Counter,
    keepers: usize,
    /// Whether connections write several buffers in one call.
    vectored: bool,
}

impl Common {
    pub(in crate::gateway) fn new(
        limits: impl Fn() -> Limits + Send + Sync + 'static,
        connections: Counter,
        observers: Arc<Observers>,
    ) -> Self {
        let (leaving, keeping) = (Counter::default(), Counter::default());
        Self {
            limits: Box::new(limits),
            connections,
            leaving,
            observers,
            keeping,
            keepers: KEEPERS,
            vectored: true,
        }
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

    /// Serves a connection. While it waits for a request, it has no more than its stream.
    async fn serve<S, F, A>(
        &self,
        stream: S,
        peer: Peer,
        timeouts: &Arc<ConnectionTimeouts>,
        mut draining: watch::Receiver<()>,
        answer: F,
    ) where
        S: Socket + AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: Fn(IncomingRequest) -> A + Send + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        let streams = Streams::new(self.limits.write_timeout, Arc::clone(&self.common.observers));
        let drains_sockets = draining.clone();
        let mut answers = Answers::new(timeouts, streams, move |mut incoming| {
            incoming.peer = Some(peer.address);
            incoming.client_ca.clone_from(&peer.client_ca);
            incoming.draining = Some(drains_sockets.clone());
            Box::pin(answer(incoming))
        });
        let mut stream = Rewound::new(stream);
        let is_http2 = tokio::select! {
            biased;
            _ = draining.changed() => return,
            is_http2 = stream.is_http2() => is_http2,
            limit = self.overdue(timeouts) => return self.common.limited(limit),
        };
        match is_http2 {
            Ok(true) => {
                let connection = Protocol::http2(&self.limits, stream, answers);
                Box::pin(self.carry(connection, timeouts, &mut draining)).await;
                return;
            }
            Ok(false) => {}
            Err(_) => return,
        }
        loop {
            let connection = Protocol::http1(&self.limits, false, stream, answers);
            // Boxed, so that an idle connection does not reserve memory for it.
            let carried = Box::pin(self.carry(connection, timeouts, &mut draining)).await;
            let Some(parts) = carried else { return };
            (stream, answers) = parts;
            if stream.has_bytes() {
                timeouts.head_began();
            } else if !self.more(&stream, timeouts, &mut draining).await {
                let _ = tokio::time::timeout(CLOSING, stream.shutdown()).await;
                return;
            }
        }
    }

    /// Waits while a connection is idle. Returns whether there may be something to read; otherwise it must end.
    async fn more<S: Socket>(
        &self,
        stream: &Rewound<S>,
        timeouts: &ConnectionTimeouts,
        draining: &mut watch::Receiver<()>,
    ) -> bool {
        tokio::select! {
            biased;
            _ = draining.changed() => false,
            readable = stream.get_ref().socket().readable() => readable.is_ok(),
            limit = self.overdue(timeouts) => {
                self.common.limited(limit);
                false
            }
        }
    }

    /// Completes when the connection has waited too long.
    async fn overdue(&self, timeouts: &ConnectionTimeouts) -> Limit {
        loop {
            let idle_timeout = || self.common.idle_timeout(&self.limits);
            if let Due::Over(limit) = timeouts.due(&self.limits, idle_timeout, Duration::MAX).await {
                return limit;
            }
        }
    }

    /// Whether the connection is among those that keep their buffers. It is until it has given them back.
    fn keeps(&self, place: &mut Option<CounterGuard>) -> bool {
        if place.is_none() {
            *place = self.common.keeping.take_one(self.common.keepers);
        }
        place.is_some()
    }

    /// Lets hyper carry requests and answers until the connection has ended, or is idle and gives its buffers back. Returns
    /// what is left of it then.
    async fn carry<S>(
        &self,
        mut connection: Protocol<S>,
        timeouts: &ConnectionTimeouts,
        draining: &mut watch::Receiver<()>,
    ) -> Option<(Rewound<S>, Answers)>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut suppressor = WakeSuppressor::new();
        let mut keeping = None;
        let (mut drains, mut closes) = (false, false);
        let idle_timeout = || self.common.idle_timeout(&self.limits);
        loop {
            let polled =
                poll_fn(|context| match suppressor.poll(context, |context| connection.poll(context)) {
                    Poll::Ready(ended) => Poll::Ready(Some(ended)),
                    Poll::Pending if !drains && timeouts.is_idle() && !self.keeps(&mut keeping) => {
                        Poll::Ready(None)
                    }
                    Poll::Pending => Poll::Pending,
                });
            let due = tokio::select! {
                biased;
                ended = polled => match ended {
                    Some(ended) => {
                        self.ended(ended, connection);
                        return None;
                    }
                    None => Due::Rest,
                },
                _ = draining.changed(), if !drains => {
                    drains = true;
                    connection.graceful_shutdown();
                    continue;
                }
                due = timeouts.due(&self.limits, idle_timeout, KEEPING_TIME) => due,
            };
            match due {
                Due::Rest if !drains && connection.is_finished() => return connection.into_parts(),
                // hyper found something to do, and ends the connection after it.
                Due::Rest => {
                    closes = true;
                    timeouts.close();
                }
                Due::Over(limit) => {
                    if !closes {
                        self.common.limited(limit);
                    }
                    // A caller that reads nothing would not read a closing message either.
                    if closes || limit == Limit::Write {
                        return None;
                    }
                    closes = true;
                    timeouts.close();
                    connection.graceful_shutdown();
                }
            }
        }
    }

    fn ended<S>(&self, ended: hyper::Result<()>, connection: Protocol<S>)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Err(error) = ended else { return connection.switch() };
        if error.is_parse_too_large() {
            self.common.limited(Limit::Header);
        }
        tracing::debug!("a connection ended early: {error}");
    }
}

#[cfg(test)]
mod tests;
