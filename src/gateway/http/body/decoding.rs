//! Decodes compressed request bodies within limits.
//!
//! What was decoded is judged and sent on, so that nobody behind the gateway can read the body in another way.

use std::sync::LazyLock;
use std::thread::available_parallelism;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, HeaderMap, HeaderName};
use tokio::sync::Semaphore;

use super::codings::{Coding, DecodeError, decode};
use crate::gateway::http::error_response::Refusal;

/// Nobody has a reason for more, and each costs memory.
const MOST: usize = 3;

/// Headers that are only true of the encoded body.
const ABOUT_THE_ENCODED: [HeaderName; 4] = [
    CONTENT_ENCODING,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("digest"),
];

/// Decoders hold up to 16 MiB of what they have decoded. As many run at once as there are processors.
static DECODERS: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(available_parallelism().map_or(1, usize::from)));

/// The codings of a body, in the order in which they were put on.
#[derive(Debug)]
pub(in crate::gateway) struct Codings(Vec<Coding>);

impl Codings {
    /// Takes the codings out of a request's headers; `None` if it has none.
    ///
    /// # Errors
    ///
    /// [`Refusal::Encoding`] for a coding that cannot be taken off.
    pub(in crate::gateway) fn take(headers: &mut HeaderMap) -> Result<Option<Self>, Refusal> {
        if !headers.contains_key(CONTENT_ENCODING) {
            return Ok(None);
        }
        let mut codings = Vec::new();
        // Several header lines are one list, and a list may have empty elements (RFC 9110 section 5.6.1).
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

    /// Decodes a body. It takes a thread where nothing waits, and holds at most `limit` bytes.
    pub(super) async fn decode(self, body: Bytes, limit: usize) -> Result<Vec<Bytes>, Refusal> {
        // Clients that announce their codings for every request do so for those without a body too.
        if body.is_empty() {
            return Ok(Vec::new());
        }
        let place = DECODERS.acquire().await.map_err(|_| Refusal::Overloaded)?;
        let decoding = tokio::task::spawn_blocking(move || {
            let decoded = decode(body, &self.0, limit);
            drop(place);
            decoded
        });
        // It fails if a decoder panics, which nothing is known to make it do.
        match decoding.await {
            Ok(Ok(decoded)) => Ok(decoded),
            Ok(Err(DecodeError::TooLarge)) => Err(Refusal::BodyTooLarge { limit }),
            Ok(Err(DecodeError::Invalid)) | Err(_) => Err(Refusal::NotEncoded),
        }
    }
}
