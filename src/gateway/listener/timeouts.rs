//! Tracks the state of a connection, so that it can be closed after it has waited too long.
//!
//! Events are recorded in atomics and need no timer. The watching task sleeps until something could be overdue, checks,
//! and sleeps again.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::lingering_close::LingeringClose;
use crate::config::Limits;
use crate::gateway::limits::limit::Limit;

/// The time that a connection has to close after it was told to.
pub(super) const CLOSING: Duration = Duration::from_secs(1);

/// The start of a state, in milliseconds of a clock.
#[derive(Debug)]
struct Since(AtomicU64);

impl Since {
    const NEVER: u64 = u64::MAX;

    fn never() -> Self {
        Self(AtomicU64::new(Self::NEVER))
    }

    fn get(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|since| *since != Self::NEVER)
    }

    fn set(&self, now: u64) {
        self.0.store(now, Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.store(Self::NEVER, Ordering::Relaxed);
    }
}

/// What a connection has waited for long enough to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// It gives its buffers back.
    Rest,
    /// It ends.
    Over(Limit),
}

/// The state of one connection.
#[derive(Debug)]
pub(in crate::gateway) struct ConnectionTimeouts {
    began: Instant,
    requests: AtomicUsize,
    /// The connection speaks HTTP/2, where bytes may arrive that belong to no request.
    multiplexed: AtomicBool,
    closing: AtomicBool,
    /// The body of the last request was not read completely.
    body_unread: AtomicBool,
    idle: Since,
    head: Since,
    stalled: Since,
}

impl ConnectionTimeouts {
    /// The state of a connection that was accepted at `began`.
    pub(in crate::gateway) fn new(began: Instant) -> Arc<Self> {
        Arc::new(Self {
            began,
            requests: AtomicUsize::new(0),
            multiplexed: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            body_unread: AtomicBool::new(false),
            idle: Since::never(),
            // The wait for the first head begins with the connection.
            head: Since(AtomicU64::new(0)),
            stalled: Since::never(),
        })
    }

    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }

    /// Records that a request arrived. The request ends when the returned guard is dropped.
    pub(in crate::gateway) fn request(self: &Arc<Self>, multiplexed: bool) -> InFlightGuard {
        self.requests.fetch_add(1, Ordering::Relaxed);
        self.multiplexed.store(multiplexed, Ordering::Relaxed);
        self.head.end();
        InFlightGuard(Arc::clone(self))
    }

    /// Records that the connection was told to close. It gets a short time to do so.
    pub(in crate::gateway) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        self.idle.set(self.now());
    }

    fn read(&self) {
        let is_head = self.requests.load(Ordering::Relaxed) == 0 && !self.multiplexed.load(Ordering::Relaxed);
        if is_head && self.head.get().is_none() {
            self.head.set(self.now());
        }
    }

    fn wrote(&self, stalls: bool) {
        match (stalls, self.stalled.get()) {
            (true, None) => self.stalled.set(self.now()),
            (false, Some(_)) => self.stalled.end(),
            _ => {}
        }
    }

    /// Records that a part of the next request has been read.
    pub(super) fn head_began(&self) {
        self.head.set(self.now());
    }

    /// Whether a connection of HTTP/1 waits for its next request. If the body of the last one was not read, hyper closes the
    /// connection.
    pub(super) fn is_idle(&self) -> bool {
        let never = |since: &Since| since.get().is_none();
        self.idle_since().is_some()
            && !self.body_unread.load(Ordering::Relaxed)
            && never(&self.head)
            && never(&self.stalled)
            && !self.multiplexed.load(Ordering::Relaxed)
            && !self.closing.load(Ordering::Relaxed)
    }

    /// Completes when the connection has waited for long. `idle` is the time that it may stay without a request, and `keeping`
    /// the time for which it keeps its buffers then.
    pub(super) async fn due(&self, limits: &Limits, idle: impl Fn() -> Duration, keeping: Duration) -> Due {
        loop {
            match self.look(limits, idle(), keeping) {
                Ok(next) => tokio::time::sleep_until(next).await,
                Err(due) => return due,
            }
        }
    }

    /// Returns what is due, or the time of the next check. A state that begins later cannot be due before then.
    fn look(&self, limits: &Limits, idle: Duration, keeping: Duration) -> Result<Instant, Due> {
        let now = self.now();
        let closing =
            |time: Duration| if self.closing.load(Ordering::Relaxed) { CLOSING.min(time) } else { time };
        let waits = [
            (Due::Over(Limit::Write), self.stalled.get(), limits.write_timeout),
            (Due::Over(Limit::HeaderTimeout), self.head.get(), closing(limits.header_timeout)),
            (Due::Over(Limit::Idle), self.idle_since(), closing(idle)),
            (Due::Rest, self.idle_since().filter(|_| self.is_idle()), keeping),
        ];
        let mut next = u64::MAX;
        for (due_then, since, time) in waits {
            let due = since.unwrap_or(now).saturating_add(millis(time));
            if since.is_some() && due <= now {
                return Err(due_then);
            }
            next = next.min(due);
        }
        Ok(self.began + Duration::from_millis(next))
    }

    fn idle_since(&self) -> Option<u64> {
        self.idle.get().filter(|_| self.requests.load(Ordering::Relaxed) == 0)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// A request of a connection.
#[derive(Debug)]
pub(in crate::gateway) struct InFlightGuard(Arc<ConnectionTimeouts>);

impl InFlightGuard {
    /// Records whether the request was answered before its whole body arrived.
    pub(super) fn set_body_unread(&self, is_unread: bool) {
        self.0.body_unread.store(is_unread, Ordering::Relaxed);
    }

    /// The clock for the request's answer.
    pub(in crate::gateway) fn waiting(&self) -> Arc<WriteStall> {
        Arc::new(WriteStall { began: self.0.began, since: Since::never() })
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        self.0.idle.set(self.0.now());
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The time since which a part of an answer has waited for the caller to read it.
#[derive(Debug)]
pub(in crate::gateway) struct WriteStall {
    began: Instant,
    since: Since,
}

impl WriteStall {
    pub(in crate::gateway) fn begin(&self) {
        self.since.set(millis(self.began.elapsed()));
    }

    pub(in crate::gateway) fn end(&self) {
        self.since.end();
    }

    /// Completes when one part has waited longer than `time`.
    pub(super) async fn overdue(&self, time: Duration) {
        loop {
            let now = millis(self.began.elapsed());
            let since = self.since.get();
            let due = since.unwrap_or(now).saturating_add(millis(time));
            if since.is_some() && due <= now {
                return;
            }
            tokio::time::sleep_until(self.began + Duration::from_millis(due)).await;
        }
    }
}

/// A stream over a socket.
pub(in crate::gateway) trait Socket {
    /// The socket below.
    fn socket(&self) -> &TcpStream;
}

impl Socket for Watched {
    fn socket(&self) -> &TcpStream {
        &self.stream
    }
}

impl Socket for TlsStream<Watched> {
    fn socket(&self) -> &TcpStream {
        &self.get_ref().0.stream
    }
}

/// A socket whose reads and writes are recorded. TLS runs above it, because its buffers would hide a stall.
#[derive(Debug)]
pub(in crate::gateway) struct Watched {
    stream: TcpStream,
    activity: Arc<ConnectionTimeouts>,
    lingering: Option<LingeringClose>,
    /// Whether several buffers are written in one call.
    vectored: bool,
}

impl Watched {
    pub(in crate::gateway) fn new(
        stream: TcpStream,
        activity: Arc<ConnectionTimeouts>,
        vectored: bool,
    ) -> Self {
        Self { stream, activity, lingering: None, vectored }
    }

    fn wrote<T>(&self, outcome: Poll<T>) -> Poll<T> {
        self.activity.wrote(outcome.is_pending());
        outcome
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.activity.read();
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.wrote(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.vectored && self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, activity, lingering, .. } = &mut *self;
        if let Some(lingering) = lingering {
            return lingering.poll(stream, context).map(Ok);
        }
        let closed = Pin::new(&mut *stream).poll_shutdown(context);
        let lingers = matches!(closed, Poll::Ready(Ok(()))) && activity.body_unread.load(Ordering::Relaxed);
        if !lingers {
            return closed;
        }
        lingering.insert(LingeringClose::begin()).poll(stream, context).map(Ok)
    }
}
