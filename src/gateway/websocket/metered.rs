//! Counts the incomplete messages of a connection in the budget for all bodies.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::gateway::limits::counter::{Counter, CounterGuard};

/// The bytes of a message that is not complete yet.
pub(super) struct Meter {
    counter: Counter,
    limit: usize,
    taken: Mutex<CounterGuard>,
}

impl Meter {
    /// A meter for one connection. `limit` is the limit of all connections together.
    pub(super) fn new(counter: &Counter, limit: usize) -> Arc<Self> {
        Arc::new(Self { counter: counter.clone(), limit, taken: Mutex::new(counter.nothing()) })
    }

    /// Ends the count of a message that is complete. The owner of the message counts it from now on.
    pub(super) fn release(&self) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = self.counter.nothing();
    }

    fn take(&self, bytes: usize) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).grow(bytes, self.limit)
    }
}

/// A connection that counts the bytes that are read from it.
pub(super) struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S, meter: &Arc<Meter>) -> Self {
        Self { stream, meter: Arc::clone(meter) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.meter.take(buffer.filled().len() - before) {
            polled
        } else {
            Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()))
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
