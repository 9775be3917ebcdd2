//! Bodies: read within a limit, and sent in pieces without copying them together.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::respond::Refusal;
use crate::request::{ApiCall, Reading};

/// Shorter frames are put together: kept one by one they would take many times their length.
const SHORT: usize = 4 * 1024;

/// Reads a request body of at most `limit` bytes, and what it asks for. A body whose announced length is over the limit is
/// refused unread, and one that cannot be judged as soon as that is known.
pub(super) async fn read(
    reading: Reading,
    body: Incoming,
    limit: usize,
) -> Result<(ApiCall, Vec<Bytes>), Refusal> {
    match reading {
        Reading::Whole(reading) => {
            let body = whole(body, limit).await?;
            Ok((reading.finish(&body)?, vec![body]))
        }
        Reading::Streamed(mut streamed) => {
            let mut body = limited(body, limit)?;
            let mut frames = Frames::default();
            while let Some(bytes) = next(&mut body, limit).await? {
                streamed.feed(&bytes)?;
                frames.push(bytes);
            }
            Ok((streamed.finish()?, frames.all()))
        }
    }
}

/// Reads a request body of at most `limit` bytes into one piece.
pub(super) async fn whole(body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let mut body = limited(body, limit)?;
    let mut frames = Frames::default();
    while let Some(bytes) = next(&mut body, limit).await? {
        frames.push(bytes);
    }
    Ok(frames.joined())
}

fn limited(body: Incoming, limit: usize) -> Result<Limited<Incoming>, Refusal> {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit { Err(Refusal::BodyTooLarge { limit }) } else { Ok(Limited::new(body, limit)) }
}

/// The next bytes of a body; trailers are dropped.
async fn next(body: &mut Limited<Incoming>, limit: usize) -> Result<Option<Bytes>, Refusal> {
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
            Err(error) if error.is::<LengthLimitError>() => return Err(Refusal::BodyTooLarge { limit }),
            Err(_) => return Err(Refusal::BodyBroken),
        }
    }
    Ok(None)
}

/// The frames of a body, in order.
#[derive(Debug, Default)]
struct Frames {
    long: Vec<Bytes>,
    /// The last, short ones.
    short: BytesMut,
}

impl Frames {
    fn push(&mut self, bytes: Bytes) {
        if bytes.len() < SHORT {
            self.short.extend_from_slice(&bytes);
            return;
        }
        self.end_short();
        self.long.push(bytes);
    }

    fn end_short(&mut self) {
        if !self.short.is_empty() {
            self.long.push(std::mem::take(&mut self.short).freeze());
        }
    }

    fn all(mut self) -> Vec<Bytes> {
        self.end_short();
        self.long
    }

    /// The frames in one piece: a copy, unless there is only one.
    fn joined(self) -> Bytes {
        let mut frames = self.all();
        match frames.pop() {
            None => Bytes::new(),
            Some(only) if frames.is_empty() => only,
            Some(last) => {
                frames.push(last);
                let mut joined = BytesMut::with_capacity(frames.iter().map(Bytes::len).sum());
                frames.iter().for_each(|bytes| joined.extend_from_slice(bytes));
                joined.freeze()
            }
        }
    }
}

/// A body of known pieces.
#[derive(Debug, Default)]
pub(super) struct Pieces(VecDeque<Bytes>);

impl Pieces {
    /// The body as it is.
    pub(super) fn whole(body: impl IntoIterator<Item = Bytes>) -> Self {
        Self::of(body)
    }

    /// The body with one range replaced; every other byte stays.
    pub(super) fn replaced(body: impl IntoIterator<Item = Bytes>, range: Range<usize>, by: Bytes) -> Self {
        let mut before = Vec::new();
        let mut behind = Vec::new();
        let mut start = 0;
        for piece in body {
            let within = |at: usize| at.saturating_sub(start).min(piece.len());
            before.push(piece.slice(..within(range.start)));
            behind.push(piece.slice(within(range.end)..));
            start += piece.len();
        }
        Self::of(before.into_iter().chain([by]).chain(behind))
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
    fn a_replacement_keeps_every_other_byte_wherever_the_frames_end() {
        let body = b"{\"model\" : \"a\" }";
        for cut in 0..=body.len() {
            let (first, second) = body.split_at(cut);
            let frames = [Bytes::from_static(first), Bytes::from_static(second)];
            let sent = Pieces::replaced(frames, 11..14, Bytes::from_static(b"\"gpt\""));
            assert_eq!(joined(&sent), b"{\"model\" : \"gpt\" }");
            assert_eq!(sent.size_hint().exact(), Some(18));
        }
    }

    #[test]
    fn something_can_be_put_before_a_body() {
        let frames = [Bytes::from_static(b"b"), Bytes::from_static(b"c")];
        assert_eq!(joined(&Pieces::replaced(frames, 0..0, Bytes::from_static(b"a"))), b"abc");
    }

    #[test]
    fn an_empty_body_has_no_pieces() {
        assert!(Pieces::whole([Bytes::new()]).is_end_stream());
    }

    #[test]
    fn short_frames_are_kept_together_and_long_ones_as_they_came() {
        let mut frames = Frames::default();
        let long = Bytes::from(vec![b'x'; SHORT]);
        for bytes in
            [Bytes::from_static(b"a"), Bytes::from_static(b"b"), long.clone(), Bytes::from_static(b"c")]
        {
            frames.push(bytes);
        }
        let all = frames.all();
        assert_eq!(all, [Bytes::from_static(b"ab"), long.clone(), Bytes::from_static(b"c")]);
        assert_eq!(all.get(1).map(|bytes| bytes.as_ptr()), Some(long.as_ptr()));
    }
}
