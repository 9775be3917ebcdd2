//! Decodes compressed bodies within limits.
//!
//! The decoded body of a request is judged and forwarded, so no later reader can decode it differently.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName};
use tokio::sync::Semaphore;

use super::codings::{Coding, DecodeError, decode};
use crate::gateway::http::error_response::Refusal;

/// The maximum number of codings. No client needs more, and each one costs memory.
const MOST: usize = 3;

/// Headers that only describe the encoded body.
const ABOUT_THE_ENCODED: [HeaderName; 4] = [
    CONTENT_ENCODING,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("digest"),
];

/// A decoder buffers up to 16 MiB of its output. The number of concurrent decoders is the number of
/// processors.
static DECODERS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, usize::from)));

/// The codings of a body, in the order in which they were applied.
#[derive(Debug)]
pub(in crate::gateway) struct Codings(Vec<Coding>);

impl Codings {
    /// Removes the codings from headers. Returns `None` if there are none.
    ///
    /// # Errors
    ///
    /// [`Refusal::Encoding`] for an unsupported coding.
    pub(in crate::gateway) fn take(headers: &mut HeaderMap) -> Result<Option<Self>, Refusal> {
        if !headers.contains_key(CONTENT_ENCODING) {
            return Ok(None);
        }
        let mut codings = Vec::new();
        // Several header lines form one list, and a list may have empty elements (RFC 9110 section 5.6.1).
        for value in headers.get_all(CONTENT_ENCODING) {
            let names = value.to_str().map_err(|_| Refusal::Encoding)?.split(',').map(str::trim);
            for name in names.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("identity")) {
                codings.push(Coding::named(name).ok_or(Refusal::Encoding)?);
            }
        }
        if codings.len() > MOST {
            return Err(Refusal::Encoding);
        }
        for name in ABOUT_THE_ENCODED {
            headers.remove(name);
        }
        Ok((!codings.is_empty()).then_some(Self(codings)))
    }

    /// Decodes a short body to at most `limit` bytes, on this thread. `None` if it is not valid or too large.
    pub(in crate::gateway) fn decode_here(self, body: Bytes, limit: usize) -> Option<Vec<Bytes>> {
        decode(body, &self.0, limit).ok()
    }

    /// Decodes a body to at most `limit` bytes, on a blocking thread.
    pub(in crate::gateway) async fn decode(self, body: Bytes, limit: usize) -> Result<Vec<Bytes>, Refusal> {
        // Some clients send `Content-Encoding` with every request, even without a body.
        if body.is_empty() {
            return Ok(Vec::new());
        }
        let place = DECODERS.acquire().await.map_err(|_| Refusal::Overloaded)?;
        let decoding = tokio::task::spawn_blocking(move || {
            let decoded = decode(body, &self.0, limit);
            drop(place);
            decoded
        });
        // This fails if a decoder panics. No input is known to cause that.
        match decoding.await {
            Ok(Ok(decoded)) => Ok(decoded),
            Ok(Err(DecodeError::TooLarge)) => Err(Refusal::BodyTooLarge { limit }),
            Ok(Err(DecodeError::Invalid)) | Err(_) => Err(Refusal::NotEncoded),
        }
    }
}
