//! HTTP/2 streams whose callers do not take their answers.
//!
//! A caller can let other streams through and hold one back for ever, which no socket shows. Closing the connection would
//! punish everybody behind a proxy for one of its clients, so that each stream has a clock, and is reset by it.

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
    /// The clock of the stream that is about to begin: hyper asks for its answer and hands it over in one step.
    next: Arc<Mutex<Option<Arc<WriteStall>>>>,
    write_timeout: Duration,
    observers: Arc<Observers>,
}

impl Streams {
    pub(in crate::gateway) fn new(write_timeout: Duration, observers: Arc<Observers>) -> Self {
        Self { next: Arc::default(), write_timeout, observers }
    }

    /// A stream begins, whose clock this is.
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
                // A stream that is dropped is reset.
                () = clock.overdue(write_timeout) => observers.metrics().limited(Limit::Write),
            }
        });
    }
}

/// An answer's body, whose connection is busy until it ends.
pub(super) struct GuardedBody {
    body: AnswerBody,
    clock: Option<Arc<WriteStall>>,
    _busy: InFlightGuard,
}

impl GuardedBody {
    pub(in crate::gateway) fn new(
        body: AnswerBody,
        clock: Option<Arc<WriteStall>>,
        busy: InFlightGuard,
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
            // Whoever asks for more has taken what there was.
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
