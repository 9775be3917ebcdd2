//! An answer's body that knows when it has ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::Observation;
use crate::gateway::respond::{AnswerBody, BrokenOff};

/// A body whose request is observed until it is sent, or dropped with the connection.
pub(in crate::gateway) struct Ended {
    body: AnswerBody,
    _observation: Observation,
}

impl Ended {
    pub(in crate::gateway) fn new(body: AnswerBody, observation: Observation) -> Self {
        Self { body, _observation: observation }
    }
}

impl Body for Ended {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
