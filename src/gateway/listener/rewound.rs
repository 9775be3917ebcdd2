//! A stream of which some bytes were read ahead: to find out the version of HTTP, or beyond the last request.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// The first bytes of HTTP/2 (RFC 9113 section 3.4).
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A stream that returns the bytes that were read ahead before all others.
#[derive(Debug)]
pub(in crate::gateway) struct Rewound<S> {
    ahead: Bytes,
    stream: S,
}

impl<S> Rewound<S> {
    pub(in crate::gateway) fn new(stream: S) -> Self {
        Self { ahead: Bytes::new(), stream }
    }

    /// Puts bytes back, before those that are still to be read.
    pub(super) fn put_back(&mut self, bytes: Bytes) {
        // Without bytes, hyper's buffer would be kept for nothing.
        if !bytes.is_empty() {
            self.ahead = [bytes, std::mem::take(&mut self.ahead)].concat().into();
        }
    }

    /// Whether a reader gets bytes without waiting for the stream.
    pub(super) fn has_bytes(&self) -> bool {
        !self.ahead.is_empty()
    }

    pub(super) fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> Rewound<S> {
    /// Waits until the bytes differ from those with which HTTP/2 begins, or are all of them. A reader gets them again.
    pub(super) async fn is_http2(&mut self) -> io::Result<bool> {
        let mut start = Vec::with_capacity(PREFACE.len());
        while start.len() < PREFACE.len() && PREFACE.starts_with(&start) {
            let rest = (PREFACE.len() - start.len()) as u64;
            if (&mut self.stream).take(rest).read_buf(&mut start).await? == 0 {
                break;
            }
        }
        let is_http2 = start == PREFACE;
        self.put_back(start.into());
        Ok(is_http2)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Rewound<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let bytes = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead.split_to(bytes));
        if self.ahead.is_empty() {
            self.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Rewound<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
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
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// Whether a stream that gets these pieces, and then ends, begins HTTP/2; and what a reader gets.
    async fn read(pieces: &[&[u8]]) -> (bool, Vec<u8>) {
        let (mut there, here) = tokio::io::duplex(1);
        let mut rewound = Rewound::new(here);
        let writing = async {
            for piece in pieces {
                there.write_all(piece).await.unwrap();
            }
            drop(there);
        };
        let reading = async {
            let is_http2 = rewound.is_http2().await.unwrap();
            let mut bytes = Vec::new();
            rewound.read_to_end(&mut bytes).await.unwrap();
            (is_http2, bytes)
        };
        tokio::join!(writing, reading).1
    }

    #[tokio::test]
    async fn the_version_is_known_by_the_first_bytes_and_none_is_lost() {
        let texts: [(&[u8], bool); 6] = [
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", true),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r", false),
            (b"PRI * HTTP/2.0\r\n\r\nSM", false),
            (b"POST / HTTP/1.1\r\n\r\n", false),
            (b"G", false),
            (b"", false),
        ];
        for (text, is_http2) in texts {
            assert_eq!(read(&[text]).await, (is_http2, text.to_vec()));
        }
    }

    #[tokio::test]
    async fn bytes_that_are_put_back_come_first() {
        let mut rewound = Rewound::new(&b"c"[..]);
        rewound.put_back(Bytes::from_static(b"b"));
        rewound.put_back(Bytes::from_static(b"a"));
        assert!(rewound.has_bytes());
        let mut text = String::new();
        rewound.read_to_string(&mut text).await.unwrap();
        assert_eq!((text.as_str(), rewound.has_bytes()), ("abc", false));
    }
}
