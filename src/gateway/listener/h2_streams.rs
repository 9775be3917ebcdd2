//! Times out HTTP/2 streams whose callers do not read their answers.
//!
//! A caller can read from other streams and stall one forever, which the socket does not show. Closing the connection
//! would affect all clients behind a proxy. So each stream has a timer that resets only this stream.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::timeouts::{InFlightGuard, WriteStall};
use crate::gateway::http::error_response::AnswerBody;
use crate::gateway::limits::limit::Limit;
use crate::gateway::telemetry::Observers;

/// Runs the streams of one connection.
#[derive(Clone)]
pub(in crate::gateway) struct Streams {
    /// The timer of the stream that begins next. hyper asks for its answer and returns it in one step.
    next: Arc<Mutex<Option<Arc<WriteStall>>>>,
    write_timeout: Duration,
    observers: Arc<Observers>,
}

impl Streams {
    pub(in crate::gateway) fn new(write_timeout: Duration, observers: Arc<Observers>) -> Self {
        Self { next: Arc::default(), write_timeout, observers }
    }

    /// A stream with this timer begins.
    pub(super) fn begin(&self, clock: &Arc<WriteStall>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(clock));
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let clock = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Self { write_timeout, observers, .. } = self.clone();
        tokio::spawn(async move {
            let Some(clock) = clock else { return stream.await };
            tokio::select! {
                biased;
                () = stream => {}
                // Dropping a stream resets it.
                () = clock.overdue(write_timeout) => observers.metrics().limited(Limit::Write),
            }
        });
    }
}

/// The body of an answer. The connection is busy until the body ends.
pub(in crate::gateway) struct GuardedBody {
    body: AnswerBody,
    clock: Option<Arc<WriteStall>>,
    _busy: Option<InFlightGuard>,
}

impl GuardedBody {
    pub(in crate::gateway) fn new(
        body: AnswerBody,
        clock: Option<Arc<WriteStall>>,
        busy: Option<InFlightGuard>,
    ) -> Self {
        Self { body, clock, _busy: busy }
    }
}

impl Body for GuardedBody {
    type Data = Bytes;
    type Error = <AnswerBody as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Some(clock) = &self.clock {
            // A poll for more data means that the earlier data was accepted.
            if matches!(frame, Poll::Ready(Some(Ok(_)))) { clock.begin() } else { clock.end() }
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
