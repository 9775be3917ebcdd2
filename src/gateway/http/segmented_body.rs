//! Request bodies that are forwarded in the segments in which they arrived.

use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::send_gate::{Gate, Overtaken};
use crate::gateway::limits::counter::CounterGuard;

/// Joining this few bytes costs less than sending them separately.
const SHORT: usize = 16 * 1024;

/// A body of known, non-empty segments.
#[derive(Debug, Default)]
pub(in crate::gateway) struct SegmentedBody {
    /// Empty if no segment is left.
    first: Bytes,
    rest: VecDeque<Bytes>,
    /// The share of the segments in the body budget, until they are sent.
    taken: Option<CounterGuard>,
    /// Checked before the first segment is sent.
    gate: Option<Gate>,
}

impl SegmentedBody {
    pub(in crate::gateway) fn of(pieces: impl IntoIterator<Item = Bytes>) -> Self {
        let mut pieces = pieces.into_iter().filter(|piece| !piece.is_empty());
        Self { first: pieces.next().unwrap_or_default(), rest: pieces.collect(), taken: None, gate: None }
    }

    /// The same body, which holds this share of the budget until it is sent.
    pub(in crate::gateway) fn keeping(self, taken: CounterGuard) -> Self {
        Self { taken: Some(taken), ..self }
    }

    /// The same body, which is sent only if the gate passes it.
    pub(in crate::gateway) fn behind(self, gate: Gate) -> Self {
        Self { gate: Some(gate), ..self }
    }

    /// A copy of the body that shares its bytes and takes no share of the budget.
    pub(in crate::gateway) fn copied(&self) -> Self {
        Self { first: self.first.clone(), rest: self.rest.clone(), taken: None, gate: None }
    }

    /// The same pieces once more, which keep the room that these took: they are there for longer.
    pub(in crate::gateway) fn spare(&mut self) -> Self {
        Self { taken: self.taken.take(), ..self.copied() }
    }

    pub(in crate::gateway) fn len(&self) -> usize {
        self.iter().map(Bytes::len).sum()
    }

    pub(in crate::gateway) fn first(&self) -> &[u8] {
        &self.first
    }

    /// Replaces one range of the body.
    pub(in crate::gateway) fn replaced(self, range: Range<usize>, by: &str) -> Self {
        if self.rest.is_empty()
            && self.first.len() <= SHORT
            && let (Some(before), Some(behind)) = (self.first.get(..range.start), self.first.get(range.end..))
        {
            let first = Bytes::from([before, by.as_bytes(), behind].concat());
            return Self { first, ..self };
        }
        let (mut start, mut by) = (0, Some(Bytes::copy_from_slice(by.as_bytes())));
        let parts = self.iter().flat_map(|piece| {
            let within = |at: usize| at.saturating_sub(start).min(piece.len());
            let (before, behind) = (piece.slice(..within(range.start)), piece.slice(within(range.end)..));
            start += piece.len();
            let by = by.take_if(|_| range.start <= start);
            [Some(before), by, Some(behind)].into_iter().flatten()
        });
        let replaced = Self::of(parts);
        Self { taken: self.taken, gate: self.gate, ..replaced }
    }

    /// A copy of the bytes in the range, as far as they exist.
    pub(in crate::gateway) fn slice(&self, range: Range<usize>) -> Vec<u8> {
        let bytes = self.iter().flat_map(|piece| piece.iter().copied());
        bytes.skip(range.start).take(range.len()).collect()
    }

    pub(in crate::gateway) fn iter(&self) -> impl Iterator<Item = &Bytes> {
        std::iter::once(&self.first).chain(&self.rest)
    }
}

impl Body for SegmentedBody {
    type Data = Bytes;
    type Error = Overtaken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Overtaken>>> {
        if self.gate.take().is_some_and(|gate| !gate.lets_through()) {
            return Poll::Ready(Some(Err(Overtaken)));
        }
        let next = self.rest.pop_front().unwrap_or_default();
        let piece = std::mem::replace(&mut self.first, next);
        Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &SegmentedBody) -> Vec<u8> {
        pieces.iter().flat_map(|piece| piece.to_vec()).collect()
    }

    #[test]
    fn a_replacement_keeps_every_other_byte_wherever_the_pieces_end() {
        let body = b"{\"model\" : \"a\" }";
        for cut in 0..=body.len() {
            let (first, second) = body.split_at(cut);
            let pieces = SegmentedBody::of([Bytes::from_static(first), Bytes::from_static(second)]);
            let sent = pieces.replaced(11..14, "\"gpt\"");
            assert_eq!(joined(&sent), b"{\"model\" : \"gpt\" }");
            assert_eq!(sent.size_hint().exact(), Some(18));
        }
    }

    #[test]
    fn something_can_be_put_before_a_body() {
        for pieces in [&["b", "c"][..], &["bc"]] {
            let pieces = SegmentedBody::of(pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())));
            assert_eq!(joined(&pieces.replaced(0..0, "a")), b"abc");
        }
    }

    #[test]
    fn a_long_piece_is_not_copied() {
        let long = Bytes::from(vec![b'x'; SHORT + 1]);
        let sent = SegmentedBody::of([long.clone()]).replaced(1..2, "a");
        assert_eq!(sent.first.as_ptr(), long.as_ptr());
        assert_eq!(sent.size_hint().exact(), Some(SHORT as u64 + 1));
    }

    #[test]
    fn an_empty_body_has_no_pieces() {
        assert!(SegmentedBody::of([Bytes::new()]).is_end_stream());
    }
}
