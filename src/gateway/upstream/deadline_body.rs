//! An upstream's response body with a deadline.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until};

use super::pool::PooledBody;
use crate::gateway::http::error_response::BodyError;
use crate::gateway::limits::limit::Limit;
use crate::gateway::telemetry::Observers;

/// The body of either kind of connection.
pub(super) enum UpstreamBody {
    Plain(PooledBody),
    Secure(Incoming),
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Self::Plain(body) => Pin::new(body).poll_frame(context),
            Self::Secure(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Plain(body) => body.is_end_stream(),
            Self::Secure(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Plain(body) => body.size_hint(),
            Self::Secure(body) => body.size_hint(),
        }
    }
}

/// A body that fails at its deadline, so that no reader takes a truncated body for a complete one.
pub(super) struct DeadlineBody {
    body: UpstreamBody,
    end: Instant,
    /// The timer, which is set at the first wait.
    alarm: Option<Pin<Box<Sleep>>>,
    observers: Arc<Observers>,
    /// The error of the body, delayed by one poll, so that data received before it is sent before the
    /// connection closes.
    broken: Option<BodyError>,
}

impl DeadlineBody {
    pub(in crate::gateway) fn new(body: UpstreamBody, end: Instant, observers: &Arc<Observers>) -> Self {
        Self { body, end, alarm: None, observers: Arc::clone(observers), broken: None }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            // The timer is only needed when no data is ready.
            Poll::Ready(Some(Ok(_))) if !self.body.is_end_stream() && Instant::now() >= self.end => {
                self.too_long()
            }
            Poll::Ready(frame) => Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from))),
            Poll::Pending => {
                let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(self.end)));
                if alarm.as_mut().poll(context).is_ready() { self.too_long() } else { Poll::Pending }
            }
        }
    }

    fn too_long<T>(&self) -> Poll<Option<Result<T, BodyError>>> {
        self.observers.metrics().limited(Limit::UpstreamTotal);
        Poll::Ready(Some(Err(BodyError::TooLong)))
    }
}

impl Body for DeadlineBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        match self.poll(context) {
            Poll::Ready(Some(Err(error))) => {
                self.broken = Some(error);
                context.waker().wake_by_ref();
                Poll::Pending
            }
            polled => polled,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.broken.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
