//! The body of a response whose beginning was read before it goes on.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, timeout_at};

use crate::gateway::http::body::Codings;
use crate::gateway::http::error_response::{Answer, AnswerBody, BodyError};

/// Errors are short.
const MOST_BYTES: usize = 64 * 1024;
/// The longest wait for the body of an error, which usually comes with its head.
const MOST_TIME: Duration = Duration::from_secs(5);

/// Reads the body of an answer, or its first bytes if it is long or slow. The answer keeps its whole body.
pub(super) async fn peek(answer: &mut Answer) -> Vec<u8> {
    let until = Instant::now() + MOST_TIME;
    let mut body = std::mem::take(answer.body_mut());
    let (mut read, mut frames) = (Vec::new(), VecDeque::new());
    while read.len() < MOST_BYTES {
        let Ok(Some(frame)) = timeout_at(until, body.frame()).await else { break };
        let is_error = frame.is_err();
        if let Some(data) = frame.as_ref().ok().and_then(Frame::data_ref) {
            read.extend_from_slice(data);
        }
        frames.push_back(frame);
        if is_error {
            break;
        }
    }
    *answer.body_mut() = PeekedBody { frames, body }.boxed_unsync();
    decoded(answer.headers(), read).await
}

/// The text of an error. Nothing is read of one that cannot be decoded.
async fn decoded(headers: &HeaderMap, read: Vec<u8>) -> Vec<u8> {
    let mut encoding: HeaderMap =
        headers.get_all(CONTENT_ENCODING).iter().map(|value| (CONTENT_ENCODING, value.clone())).collect();
    match Codings::take(&mut encoding) {
        Ok(None) => read,
        Ok(Some(codings)) => codings.decode(read.into(), MOST_BYTES).await.unwrap_or_default().concat(),
        Err(_) => Vec::new(),
    }
}

struct PeekedBody {
    /// What was read.
    frames: VecDeque<Result<Frame<Bytes>, BodyError>>,
    body: AnswerBody,
}

impl Body for PeekedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.frames.pop_front() {
            Some(frame) => Poll::Ready(Some(frame)),
            None => Pin::new(&mut self.body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = |frame: &Result<Frame<Bytes>, BodyError>| {
            frame.as_ref().ok().and_then(Frame::data_ref).map_or(0, Bytes::len) as u64
        };
        let (read, rest): (u64, _) = (self.frames.iter().map(read).sum(), self.body.size_hint());
        let mut whole = SizeHint::new();
        whole.set_lower(rest.lower() + read);
        if let Some(upper) = rest.upper() {
            whole.set_upper(upper + read);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::http::error_response::body_of;

    #[tokio::test]
    async fn an_answer_keeps_what_was_read_of_it() {
        for length in [0, 6, MOST_BYTES, MOST_BYTES + 1] {
            let text = Bytes::from(vec![b'x'; length]);
            let mut answer = Answer::new(body_of(text.clone()));
            assert_eq!(peek(&mut answer).await, text);
            assert_eq!(answer.body().size_hint().exact(), Some(length as u64));
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), text);
        }
    }
}
