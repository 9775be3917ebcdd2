//! Watches an answer for ids of what its request created.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, SizeHint};

use super::owner::Owner;
use super::parts::Part;
use super::scanner::{AnswerScanner, IdKind};
use super::store::ReferenceStore;
use crate::gateway::http::error_response::{Answer, AnswerBody, BodyError};
use crate::names::ModelName;

/// What is remembered of an answer: whose its ids are, and which models they stand for.
pub(in crate::gateway) struct Watch {
    pub(super) store: Arc<ReferenceStore>,
    pub(super) owner: Owner,
    pub(super) models: Arc<[ModelName]>,
    /// The part of an upload that the request brings.
    pub(super) part: Option<Arc<Part>>,
    /// Which ids of the answer are new.
    pub(super) kinds: &'static [IdKind],
    pub(super) capacity: usize,
    pub(super) ttl: Duration,
}

impl Watch {
    /// Asks for an answer that can be read.
    pub(in crate::gateway) fn ask_for_plain(headers: &mut HeaderMap) {
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    }

    /// The answer, whose ids are remembered as they pass.
    pub(in crate::gateway) fn over(self, answer: Answer) -> Answer {
        let (head, body) = answer.into_parts();
        let encoding = head.headers.get(CONTENT_ENCODING);
        let is_plain = encoding.is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"identity"));
        if !head.status.is_success() || !is_plain {
            return Answer::from_parts(head, body);
        }
        let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_stream = content_type
            .and_then(|text| text.get(.."text/event-stream".len()))
            .is_some_and(|kind| kind.eq_ignore_ascii_case("text/event-stream"));
        let body = WatchedBody { body, scanner: AnswerScanner::new(is_stream), watch: self };
        Answer::from_parts(head, body.boxed_unsync())
    }
}

/// Whether an id may be one that the upstream made up. A short word, which a caller may have chosen, would be a foreign id in
/// everybody else's requests.
pub(super) fn is_given(id: &str) -> bool {
    let last = id.rsplit('/').next().unwrap_or(id);
    last.len() >= 16 || (last.len() >= 6 && last.bytes().any(|byte| byte.is_ascii_digit()))
}

/// A body that passes through as it comes.
struct WatchedBody {
    body: AnswerBody,
    scanner: AnswerScanner,
    watch: Watch,
}

impl Body for WatchedBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        // Before the caller has the id it is remembered.
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
            && !self.scanner.is_done()
        {
            let Self { scanner, watch, .. } = &mut *self;
            let Watch { store, owner, models, part, kinds, capacity, ttl } = watch;
            scanner.feed(data, &mut |kind, id| {
                if kinds.contains(&kind) && is_given(id) {
                    store.remember(id, *owner, models, *capacity, *ttl);
                    if let Some(part) = part {
                        store.parts.keep(id, *owner, part);
                    }
                }
            });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_no_id() {
        for id in ["user", "assistant", "1", "v1", "function", "auto", "files/a"] {
            assert!(!is_given(id), "{id}");
        }
        for id in ["file-1", "resp_68af", "cachedContents/abc123", "asst_abcdefghijklmnop"] {
            assert!(is_given(id), "{id}");
        }
    }
}
