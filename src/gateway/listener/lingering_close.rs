//! Reads on for a while before a socket is closed over a body that nobody read.
//!
//! A socket that is closed over unread bytes is reset, and the reset takes the answer with it: a client that is still
//! sending sees a broken connection instead of the 413 (RFC 9112 section 9.6).

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// How long a client may go on sending.
const TIME: Duration = Duration::from_secs(5);
/// How much it may send in that time.
const BYTES: usize = 64 * 1024 * 1024;
/// How many reads are made before other tasks have their turn.
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

    /// Completes when the client has closed its side, or has had its time or its bytes.
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
