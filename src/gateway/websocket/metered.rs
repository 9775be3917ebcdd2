//! Counts the incomplete messages of a connection in the budget for all bodies, and reads large ones in large pieces.

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
///
/// tungstenite reads pieces of a size that does not change. It is small, since most connections are idle. So while more bytes
/// arrive than it asks for, this type reads larger pieces ahead, and otherwise it has no buffer.
pub(super) struct Metered<S> {
    stream: S,
    meter: Arc<Meter>,
    ahead: Option<Ahead>,
}

/// The size of a piece that is read ahead.
const AHEAD: usize = 32 * 1024;

/// Bytes that were read and counted, and that nobody has asked for yet.
struct Ahead {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Ahead {
    fn new() -> Self {
        Self { bytes: vec![0; AHEAD].into(), start: 0, end: 0 }
    }

    fn give(&mut self, buffer: &mut ReadBuf<'_>) {
        let end = self.end.min(self.start + buffer.remaining());
        buffer.put_slice(self.bytes.get(self.start..end).unwrap_or_default());
        self.start = end;
    }
}

impl<S> Metered<S> {
    pub(super) fn new(stream: S, meter: &Arc<Meter>) -> Self {
        Self { stream, meter: Arc::clone(meter), ahead: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(ahead) = &mut this.ahead {
            if ahead.start == ahead.end {
                let mut piece = ReadBuf::new(&mut ahead.bytes);
                let polled = Pin::new(&mut this.stream).poll_read(context, &mut piece);
                (ahead.start, ahead.end) = (0, piece.filled().len());
                if ahead.end == 0 {
                    // Nothing is left to read for now, or forever.
                    this.ahead = None;
                    return polled;
                }
                if !this.meter.take(ahead.end) {
                    this.ahead = None;
                    return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
                }
            }
            ahead.give(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let polled = Pin::new(&mut this.stream).poll_read(context, buffer);
        if !this.meter.take(buffer.filled().len() - before) {
            return Poll::Ready(Err(io::ErrorKind::QuotaExceeded.into()));
        }
        if buffer.remaining() == 0 && buffer.capacity() > before {
            this.ahead = Some(Ahead::new());
        }
        polled
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

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const LIMIT: usize = 200_000;

    fn metered() -> (Metered<tokio::io::DuplexStream>, tokio::io::DuplexStream, Arc<Meter>) {
        let meter = Meter::new(&Counter::default(), LIMIT);
        let (here, there) = tokio::io::duplex(2 * LIMIT);
        (Metered::new(here, &meter), there, meter)
    }

    #[tokio::test]
    async fn bytes_arrive_in_order_whatever_the_size_of_the_pieces() {
        for (sent, asked) in
            [(10, 8), (100_000, 8192), (AHEAD, 1), (3 * AHEAD + 8192, 8192), (65_536, 40_000)]
        {
            let (mut here, mut there, _) = metered();
            let bytes: Vec<u8> = (0..sent).map(|at: usize| (at % 251) as u8).collect();
            there.write_all(&bytes).await.unwrap();
            drop(there);
            let (mut received, mut piece) = (Vec::new(), vec![0; asked]);
            loop {
                let read = here.read(&mut piece).await.unwrap();
                if read == 0 {
                    break;
                }
                received.extend_from_slice(&piece[..read]);
            }
            assert_eq!(received, bytes, "{sent} bytes in pieces of {asked}");
        }
    }

    #[tokio::test]
    async fn bytes_beyond_the_budget_are_refused_when_they_are_read_ahead() {
        let (mut here, mut there, meter) = metered();
        there.write_all(&vec![1; LIMIT + AHEAD]).await.unwrap();
        let (mut read, mut piece) = (0, [0; 8192]);
        let refused = loop {
            match here.read(&mut piece).await {
                Ok(bytes) => read += bytes,
                Err(error) => break error,
            }
        };
        assert_eq!(refused.kind(), io::ErrorKind::QuotaExceeded);
        assert!(read <= LIMIT);
        // A complete message makes room for the next one.
        meter.release();
        assert!(here.read(&mut piece).await.is_ok());
    }

    #[tokio::test]
    async fn a_connection_without_more_bytes_has_no_buffer() {
        let (mut here, mut there, _) = metered();
        there.write_all(&[1; 10_000]).await.unwrap();
        let mut piece = [0; 8192];
        assert_eq!(here.read(&mut piece).await.unwrap(), 8192);
        assert!(here.ahead.is_some());
        assert_eq!(here.read(&mut piece).await.unwrap(), 10_000 - 8192);
        let waiting = futures_util::poll!(std::pin::pin!(here.read(&mut piece)));
        assert!(waiting.is_pending());
        assert!(here.ahead.is_none());
    }
}
