//! The bodies of requests and responses that leave the layer.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};

use crate::gateway::http::error_response::AnswerBody;
use crate::gateway::http::incoming::BoxError;
use crate::gateway::http::segmented_body::SegmentedBody;

/// The whole body of a permitted request, without its content codings: the bytes that were judged.
///
/// It counts in `limits.body_bytes_in_flight` until it is dropped.
#[derive(Debug, Default)]
pub struct RequestBody(pub(super) SegmentedBody);

/// The body of a response: the service's, or the gateway's own.
pub struct ResponseBody(pub(super) AnswerBody);

impl RequestBody {
    /// The body in one piece. A body that arrived in one piece is not copied.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        let mut pieces = self.0.iter();
        match (pieces.next(), pieces.next()) {
            (Some(only), None) => only.clone(),
            _ => self.0.iter().flat_map(|piece| piece.iter().copied()).collect(),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        // Only a body behind a gate can fail, and this one has none.
        Pin::new(&mut self.0).poll_frame(context).map(|frame| frame.and_then(Result::ok).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.0).poll_frame(context).map_err(Into::into)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").finish_non_exhaustive()
    }
}

/// Any body as the gateway's own.
pub(super) fn answer_body<B>(body: B) -> AnswerBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    body.map_err(|error| crate::gateway::http::error_response::BodyError::Service(error.into()))
        .boxed_unsync()
}
