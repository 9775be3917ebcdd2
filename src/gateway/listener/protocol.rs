//! A connection that speaks one version of HTTP.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};

use super::answers::Answers;
use super::h2_streams::Streams;
use super::rewound::Rewound;
use crate::config::Limits;

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

/// A connection in hyper.
#[expect(clippy::large_enum_variant, reason = "few connections are of HTTP/2")]
pub(in crate::gateway) enum Protocol<S> {
    Http1(http1::Connection<TokioIo<Rewound<S>>, Answers>),
    Http2(Box<http2::Connection<TokioIo<Rewound<S>>, Answers, Streams>>),
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> Protocol<S> {
    /// Begins with the version that the first bytes tell.
    pub(in crate::gateway) async fn begin(
        limits: &Limits,
        half_close: bool,
        mut stream: Rewound<S>,
        answers: Answers,
    ) -> std::io::Result<Self> {
        Ok(match stream.is_http2().await? {
            true => Self::http2(limits, stream, answers),
            false => Self::http1(limits, half_close, stream, answers),
        })
    }

    pub(super) fn http1(limits: &Limits, half_close: bool, stream: Rewound<S>, answers: Answers) -> Self {
        let mut builder = http1::Builder::new();
        let header_bytes = usize::try_from(limits.header_bytes).unwrap_or(usize::MAX);
        // `ConnectionTimeouts` has the timers for heads and idle connections. They apply to both versions, and before the
        // version is known.
        builder.header_read_timeout(None).max_buf_size(header_bytes).half_close(half_close);
        // hyper keeps its default limit on the stack, and allocates any other for each request.
        if limits.headers != HYPERS_HEADERS {
            builder.max_headers(limits.headers);
        }
        Self::Http1(builder.serve_connection(TokioIo::new(stream), answers))
    }

    pub(super) fn http2(limits: &Limits, stream: Rewound<S>, answers: Answers) -> Self {
        let mut builder = http2::Builder::new(answers.streams().clone());
        builder
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
        Self::Http2(Box::new(builder.serve_connection(TokioIo::new(stream), answers)))
    }

    /// Completes when the connection has ended. The socket is shut down then, unless its protocol was switched.
    pub(in crate::gateway) fn poll(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match self {
            Self::Http1(connection) => Pin::new(connection).poll(context),
            Self::Http2(connection) => Pin::new(connection).poll(context),
        }
    }

    /// Ends the connection after the requests in flight.
    pub(in crate::gateway) fn graceful_shutdown(&mut self) {
        match self {
            Self::Http1(connection) => Pin::new(connection).graceful_shutdown(),
            Self::Http2(connection) => Pin::new(&mut **connection).graceful_shutdown(),
        }
    }

    /// Whether hyper has nothing left to do for the connection. The socket is not shut down. A connection that has a request
    /// in flight will end after it.
    pub(super) fn is_finished(&mut self) -> bool {
        let Self::Http1(connection) = self else { return false };
        Pin::new(&mut *connection).graceful_shutdown();
        // If it is not finished, it is polled again by its task, which is then woken.
        let polled = connection.poll_without_shutdown(&mut Context::from_waker(Waker::noop()));
        matches!(polled, Poll::Ready(Ok(())))
    }

    /// Hands the stream over, if an answer switched the protocol of the connection.
    pub(in crate::gateway) fn switch(self) {
        if let Some((stream, answers)) = self.into_parts()
            && let Some(taker) = answers.taker()
        {
            // If nobody waits for the stream any more, it is closed.
            let _ = taker.send(Box::new(stream));
        }
    }

    /// The stream, with the bytes that were read ahead, and what answers its requests. `None` for HTTP/2, which shares its
    /// stream between requests.
    pub(super) fn into_parts(self) -> Option<(Rewound<S>, Answers)> {
        let Self::Http1(connection) = self else { return None };
        let parts = connection.into_parts();
        let mut stream = parts.io.into_inner();
        stream.put_back(parts.read_buf);
        Some((stream, parts.service))
    }
}
