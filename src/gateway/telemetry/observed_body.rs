//! A response body that reports its end.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::observation::Observation;
use crate::gateway::http::error_response::{AnswerBody, BodyError};

/// A body whose request is observed until the body is sent, or dropped with the connection.
pub(in crate::gateway) struct ObservedBody {
    body: AnswerBody,
    observation: Observation,
}

impl ObservedBody {
    pub(in crate::gateway) fn new(body: AnswerBody, observation: Observation) -> Self {
        Self { body, observation }
    }
}

impl Body for ObservedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Err(error))) = &polled {
            self.observation.broke_off(error);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
