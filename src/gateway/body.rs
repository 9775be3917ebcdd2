//! Bodies: read within a limit, and sent in pieces without copying them together.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::Instant;

use super::meter::Share;
use super::respond::Refusal;
use crate::config::Limits;
use crate::request::{ApiCall, Reading};

/// Shorter frames are put together: kept one by one they would take many times their length.
const SHORT: usize = 4 * 1024;
/// How many bytes of a body earn it another second: whoever sends on is waited for, whoever trickles is not.
const BYTES_PER_SECOND: usize = 64 * 1024;
/// Bodies up to here find some room even where larger ones have taken all of theirs.
const SMALL: usize = 64 * 1024;

/// How much of a body is read, and for how long.
pub(super) struct Room<'l> {
    pub(super) limits: &'l Limits,
    pub(super) max_body_bytes: usize,
    /// What the body takes of the room for all of them. It grows with what arrives, not with what is announced.
    pub(super) taken: Share,
}

/// A body that was read, with the room that it takes until it is sent on.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) pieces: Vec<Bytes>,
    pub(super) room: Share,
}

/// Reads a request body, and what it asks for. A body whose announced length is over the limit is refused unread, and one
/// that cannot be judged as soon as that is known.
pub(super) async fn read(
    reading: Reading,
    body: Incoming,
    room: Room<'_>,
) -> Result<(ApiCall, Kept), Refusal> {
    let mut body = Arriving::new(body, room)?;
    let (call, pieces) = match reading {
        Reading::Whole(whole) => {
            let joined = body.joined().await?;
            (whole.finish_within(&joined, body.room.limits.json_depth)?, vec![joined])
        }
        Reading::Streamed(mut streamed) => {
            let mut frames = Frames::default();
            while let Some(bytes) = body.next().await? {
                streamed.feed(&bytes)?;
                frames.push(bytes);
            }
            (streamed.finish()?, frames.all())
        }
    };
    Ok((call, Kept { pieces, room: body.room.taken }))
}

/// A body on its way.
struct Arriving<'l> {
    body: Limited<Incoming>,
    began: Instant,
    bytes: usize,
    room: Room<'l>,
}

/// Reads a body into one piece.
pub(super) async fn whole(body: Incoming, room: Room<'_>) -> Result<Bytes, Refusal> {
    Arriving::new(body, room)?.joined().await
}

impl<'l> Arriving<'l> {
    fn new(body: Incoming, room: Room<'l>) -> Result<Self, Refusal> {
        let limit = room.max_body_bytes;
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(Refusal::BodyTooLarge { limit });
        }
        Ok(Self { body: Limited::new(body, limit), began: Instant::now(), bytes: 0, room })
    }

    /// All of it, without a copy where it comes in one frame.
    async fn joined(&mut self) -> Result<Bytes, Refusal> {
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await? else { return Ok(first) };
        let mut frames = Frames::default();
        frames.push(first);
        frames.push(second);
        while let Some(bytes) = self.next().await? {
            frames.push(bytes);
        }
        Ok(frames.joined())
    }

    /// The next bytes; trailers are dropped.
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        // Where the length was announced, to ask again would only wait for the reader to say so.
        while !self.body.is_end_stream() {
            let earned = Duration::from_secs((self.bytes / BYTES_PER_SECOND) as u64);
            let end = self.began + self.room.limits.body_timeout + earned;
            let frame = tokio::time::timeout_at(end, self.body.frame()).await;
            match frame.map_err(|_| Refusal::BodyTimeout)? {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    self.bytes += bytes.len();
                    let for_all = self.room.limits.body_bytes_in_flight;
                    let for_this = if self.bytes <= SMALL { for_all + for_all / 8 } else { for_all };
                    if !self.room.taken.grow(bytes.len(), for_this) {
                        return Err(Refusal::NoRoom);
                    }
                    return Ok(Some(bytes));
                }
                Some(Err(error)) if error.is::<LengthLimitError>() => {
                    return Err(Refusal::BodyTooLarge { limit: self.room.max_body_bytes });
                }
                Some(Err(_)) => return Err(Refusal::BodyBroken),
            }
        }
        Ok(None)
    }
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
pub(super) struct Pieces {
    pieces: VecDeque<Bytes>,
    /// The room that they take, until they are sent.
    _room: Option<Share>,
}

impl Pieces {
    /// The body as it is.
    pub(super) fn whole(body: impl IntoIterator<Item = Bytes>) -> Self {
        Self::of(body)
    }

    /// The body with one range replaced; every other byte stays.
    pub(super) fn replaced(body: impl IntoIterator<Item = Bytes>, range: Range<usize>, by: Bytes) -> Self {
        let mut by = Some(by);
        let mut start = 0;
        let mut pieces: Vec<_> = body
            .into_iter()
            .flat_map(|piece| {
                let within = |at: usize| at.saturating_sub(start).min(piece.len());
                let (before, behind) = (piece.slice(..within(range.start)), piece.slice(within(range.end)..));
                start += piece.len();
                let by = by.take_if(|_| range.start <= start);
                [Some(before), by, Some(behind)].into_iter().flatten()
            })
            .collect();
        pieces.extend(by);
        Self::of(pieces)
    }

    fn of(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let pieces = pieces.into_iter().filter(|piece| !piece.is_empty()).collect();
        Self { pieces, _room: None }
    }

    /// The same, which keep this room until they are sent.
    pub(super) fn keeping(self, room: Share) -> Self {
        Self { _room: Some(room), ..self }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.pieces.iter().map(|piece| piece.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &Pieces) -> Vec<u8> {
        pieces.pieces.iter().flat_map(|piece| piece.to_vec()).collect()
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
