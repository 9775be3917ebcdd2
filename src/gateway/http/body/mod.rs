//! Request bodies, read within limits.
//!
//! Input: a body that hyper receives. Output: the decoded bytes of the body (`decoding`, with the decoders of
//! `codings`), and the parsed call.

mod codings;
mod decoding;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::{LengthLimitError, Limited};
use hyper::body::{Body as _, Frame};
use tokio::time::Instant;

pub(in crate::gateway) use decoding::Codings;

use super::error_response::Refusal;
use super::incoming::{IncomingRequest, RequestBody};
use super::segmented_body::SegmentedBody;
use super::wake_suppression::without_waking;
use crate::config::Limits;
use crate::gateway::limits::counter::CounterGuard;
use crate::request::{ApiCall, Malformed, RequestParser};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Shorter frames are joined. A separate buffer for each would take many times its length.
const SHORT: usize = 4 * 1024;
/// The minimum rate: this many bytes of a body extend its deadline by a second. A slow but steady client may
/// continue, and a trickling client may not.
const BYTES_PER_SECOND: usize = 64 * 1024;
/// Bodies up to this size have a reserve of their own, which larger bodies cannot use up.
const SMALL: usize = 64 * 1024;

/// The limits on the size and the time of a body.
pub(in crate::gateway) struct BodyBudget<'l> {
    pub(in crate::gateway) limits: &'l Limits,
    pub(in crate::gateway) max_body_bytes: usize,
    /// The share of the body in the budget for all bodies. It grows with the received bytes, not with the
    /// announced length.
    pub(in crate::gateway) taken: CounterGuard,
}

/// Reads a request body. Refuses a malformed body as soon as the error is found.
pub(in crate::gateway) async fn read(
    reading: &mut RequestParser,
    body_reader: &mut BodyReader<'_>,
    codings: Option<Codings>,
) -> Result<SegmentedBody, Refusal> {
    if let Some(codings) = codings {
        // Boxed, so that the future of a request without a body stays small.
        return Box::pin(read_encoded(reading, body_reader, codings)).await;
    }
    let RequestParser::Streamed(streamed) = reading else {
        return Ok(SegmentedBody::of([body_reader.joined().await?]));
    };
    let mut frames = Frames::default();
    while let Some(bytes) = body_reader.next().await? {
        streamed.feed(&bytes)?;
        frames.push(bytes);
    }
    Ok(SegmentedBody::of(frames.all()))
}

/// Reads an encoded body, and decodes it. It counts twice in the budget until it is decoded.
async fn read_encoded(
    reading: &mut RequestParser,
    body_reader: &mut BodyReader<'_>,
    codings: Codings,
) -> Result<SegmentedBody, Refusal> {
    let encoded = body_reader.joined().await?;
    let decoded = codings.decode(encoded, body_reader.budget.max_body_bytes).await?;
    let mut frames = Frames::default();
    for bytes in decoded {
        let bytes = body_reader.took(bytes)?;
        if let RequestParser::Streamed(streamed) = reading {
            streamed.feed(&bytes)?;
        }
        frames.push(bytes);
    }
    Ok(match reading {
        RequestParser::Streamed(_) => SegmentedBody::of(frames.all()),
        RequestParser::Whole(_) => SegmentedBody::of([frames.joined()]),
    })
}

/// Parses the call of a request after its body was read.
pub(in crate::gateway) fn finish(
    reading: RequestParser,
    body: &SegmentedBody,
    depth: usize,
) -> Result<ApiCall, Malformed> {
    match reading {
        RequestParser::Whole(whole) => whole.finish_within(body.first(), depth),
        RequestParser::Streamed(streamed) => streamed.finish(),
    }
}

/// A body that is being received.
pub(in crate::gateway) struct BodyReader<'l> {
    body: Limited<&'l mut RequestBody>,
    /// Whether this task polls the body's connection, too.
    is_of_connection: bool,
    /// When the wait for the body began.
    began: Option<Instant>,
    bytes: usize,
    budget: BodyBudget<'l>,
}

impl<'l> BodyReader<'l> {
    /// A body whose announced length is over the limit is refused unread.
    pub(in crate::gateway) fn new(
        incoming: &'l mut IncomingRequest,
        budget: BodyBudget<'l>,
    ) -> Result<Self, Refusal> {
        let limit = budget.max_body_bytes;
        let announced = usize::try_from(incoming.body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > limit {
            return Err(Refusal::BodyTooLarge { limit });
        }
        let is_of_connection = incoming.is_of_connection();
        let body = Limited::new(&mut incoming.body, limit);
        Ok(Self { body, is_of_connection, began: None, bytes: 0, budget })
    }

    /// The whole body. A body in a single frame is not copied.
    pub(in crate::gateway) async fn joined(&mut self) -> Result<Bytes, Refusal> {
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await? else { return Ok(first) };
        // Frames are copied as they arrive. If they were kept until the end, a body would be there twice.
        let mut joined = BytesMut::with_capacity(first.len() + second.len());
        joined.extend_from_slice(&first);
        joined.extend_from_slice(&second);
        drop((first, second));
        while let Some(bytes) = self.next().await? {
            joined.extend_from_slice(&bytes);
        }
        Ok(joined.freeze())
    }

    /// The next bytes. Trailers are dropped.
    async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        // All announced bytes have arrived. Another poll would only wait for hyper to report the end.
        while !self.body.is_end_stream() {
            let at_once = poll_fn(|context| Poll::Ready(self.poll_frame(context))).await;
            let frame = match at_once {
                Poll::Ready(frame) => frame,
                Poll::Pending => {
                    let end = self.end();
                    let frame =
                        tokio::time::timeout_at(end, poll_fn(|context| self.poll_frame(context))).await;
                    frame.map_err(|_| Refusal::BodyTimeout)?
                }
            };
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    let Ok(bytes) = frame.into_data() else { continue };
                    return self.took(bytes).map(Some);
                }
                Some(Err(error)) if error.is::<LengthLimitError>() => {
                    return Err(Refusal::BodyTooLarge { limit: self.budget.max_body_bytes });
                }
                Some(Err(_)) => return Err(Refusal::BodyBroken),
            }
        }
        Ok(None)
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !self.is_of_connection {
            return Pin::new(&mut self.body).poll_frame(context);
        }
        let (frame, stayed) = without_waking(|| Pin::new(&mut self.body).poll_frame(context));
        // The body has ended, so there is nothing more to read.
        if stayed && !(frame.is_ready() && self.body.is_end_stream()) {
            context.waker().wake_by_ref();
        }
        frame
    }

    /// The share of the body in the budget.
    pub(in crate::gateway) fn taken(self) -> CounterGuard {
        self.budget.taken
    }

    /// The deadline for the next bytes.
    fn end(&mut self) -> Instant {
        let earned = Duration::from_secs((self.bytes / BYTES_PER_SECOND) as u64);
        *self.began.get_or_insert_with(Instant::now) + self.budget.limits.body_timeout + earned
    }

    fn took(&mut self, bytes: Bytes) -> Result<Bytes, Refusal> {
        self.bytes += bytes.len();
        let for_all = self.budget.limits.body_bytes_in_flight;
        let for_this = if self.bytes <= SMALL { for_all + for_all / 8 } else { for_all };
        if self.budget.taken.grow(bytes.len(), for_this) { Ok(bytes) } else { Err(Refusal::NoRoom) }
    }
}

/// The frames of a body, in order.
#[derive(Debug, Default)]
struct Frames {
    long: Vec<Bytes>,
    /// The last short frames, which are joined.
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

    /// The frames as one buffer. A single frame is not copied.
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

#[cfg(test)]
mod tests {
    use super::*;

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
