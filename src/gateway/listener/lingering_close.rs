//! Reads for a limited time before a socket is closed with an unread body.
//!
//! Closing a socket with unread bytes resets it, and the reset discards the answer. A client that is still sending
//! would then see a broken connection instead of the 413 (RFC 9112 section 9.6).

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// The maximum time that a client may continue to send.
const TIME: Duration = Duration::from_secs(5);
/// The maximum number of bytes that it may send in that time.
const BYTES: usize = 64 * 1024 * 1024;
/// The number of reads before the task yields to others.
const READS: usize = 32;

/// The end of a connection whose client is still sending.
#[derive(Debug)]
pub(super) struct LingeringClose {
    end: Pin<Box<Sleep>>,
    bytes: usize,
}

impl LingeringClose {
    pub(super) fn begin() -> Self {
        Self { end: Box::pin(sleep(TIME)), bytes: 0 }
    }

    /// Completes when the client has closed its side, or has used up its time or bytes.
    pub(super) fn poll(&mut self, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<()> {
        let mut bytes = [0; 8 * 1024];
        for _ in 0..READS {
            if self.bytes >= BYTES || self.end.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            let mut buffer = ReadBuf::new(&mut bytes);
            match ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => self.bytes += buffer.filled().len(),
                _ => return Poll::Ready(()),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
