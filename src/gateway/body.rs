//! Bodies: read within a limit, and sent in pieces without copying them together.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::respond::Refusal;

/// Reads a whole request body of at most `limit` bytes. A longer one is refused unread where its length is announced.
pub(super) async fn read(body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Err(Refusal::BodyTooLarge { limit });
    }
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Refusal::BodyTooLarge { limit }),
        Err(_) => Err(Refusal::BodyBroken),
    }
}

/// A body of known pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces(VecDeque<Bytes>);

impl Pieces {
    /// The body as it is.
    pub(super) fn whole(body: Bytes) -> Self {
        Self::of([body])
    }

    /// The body with one range replaced; every other byte stays.
    pub(super) fn replaced(body: &Bytes, range: Range<usize>, by: Bytes) -> Self {
        let end = range.end.min(body.len());
        Self::of([body.slice(..range.start.min(end)), by, body.slice(end..)])
    }

    fn of(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        Self(pieces.into_iter().filter(|piece| !piece.is_empty()).collect())
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &Pieces) -> Vec<u8> {
        pieces.0.iter().flat_map(|piece| piece.to_vec()).collect()
    }

    #[test]
    fn a_replacement_keeps_every_other_byte() {
        let body = Bytes::from_static(b"{\"model\" : \"a\" }");
        let sent = Pieces::replaced(&body, 11..14, Bytes::from_static(b"\"gpt\""));
        assert_eq!(joined(&sent), b"{\"model\" : \"gpt\" }");
        assert_eq!(sent.size_hint().exact(), Some(18));
    }

    #[test]
    fn an_empty_body_has_no_pieces() {
        assert!(Pieces::whole(Bytes::new()).is_end_stream());
    }
}
