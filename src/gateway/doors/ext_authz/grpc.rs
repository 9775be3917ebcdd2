//! gRPC for a method with one message in each direction
//! (<https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>). The question has arrived whole, and the answer is sent whole.

use std::future::ready;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use http::Response;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http_body_util::{BodyExt as _, Full};
use prost::Message;

use crate::gateway::http::error_response::{Answer, body_of};

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const STATUS_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// Whether a message is compressed, and its length.
const PREFIX: usize = 1 + 4;

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CallError {
    /// No encoding of messages was agreed on.
    Compressed,
    /// The body is not one message.
    Framing,
    /// The message is not of the method's type.
    Message,
}

impl CallError {
    /// The response: a status alone, with one of gRPC's codes.
    pub(super) fn answer(self) -> Answer {
        let (code, text) = match self {
            Self::Compressed => ("12", "compressed messages are not supported"),
            Self::Framing => ("13", "the request is not one message"),
            Self::Message => ("13", "the message cannot be decoded"),
        };
        let mut answer = response(body_of(Bytes::new()));
        answer.headers_mut().insert(STATUS, HeaderValue::from_static(code));
        answer.headers_mut().insert(STATUS_MESSAGE, HeaderValue::from_static(text));
        answer
    }
}

/// Reads the message of a request.
pub(super) fn read<M: Message + Default>(mut body: Bytes) -> Result<M, CallError> {
    let is_compressed = body.try_get_u8().map_err(|_| CallError::Framing)? != 0;
    let length = body.try_get_u32().map_err(|_| CallError::Framing)?;
    if usize::try_from(length) != Ok(body.len()) {
        return Err(CallError::Framing);
    }
    if is_compressed {
        return Err(CallError::Compressed);
    }
    M::decode(body).map_err(|_| CallError::Message)
}

/// The response with a message.
pub(super) fn answer(message: &impl Message) -> Answer {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    // The buffer has room for the whole message.
    if message.encode(&mut bytes).is_err() {
        return CallError::Message.answer();
    }
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(STATUS, HeaderValue::from_static("0"));
    let body = Full::new(bytes.freeze()).with_trailers(ready(Some(Ok(trailers))));
    response(body.map_err(|never| match never {}).boxed_unsync())
}

fn response<B>(body: B) -> Response<B> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_one_message_with_its_length_before_it() {
        assert_eq!(read::<String>(Bytes::from_static(b"\0\0\0\0\x03\x0a\x01x")), Ok("x".to_owned()));
        assert_eq!(read::<String>(Bytes::from_static(b"\0\0\0\0\0")), Ok(String::new()));
        for (body, error) in [
            (&b""[..], CallError::Framing),
            (b"\0\0\0\0", CallError::Framing),
            (b"\0\0\0\0\x04\x0a\x01x", CallError::Framing),
            (b"\0\0\0\0\x02\x0a\x01x", CallError::Framing),
            (b"\0\0\0\0\0\0\0\0\0\0", CallError::Framing),
            (b"\0\xff\xff\xff\xff", CallError::Framing),
            (b"\x01\0\0\0\0", CallError::Compressed),
            (b"\0\0\0\0\x03\x0a\x09x", CallError::Message),
            (b"\0\0\0\0\x03\x0a\x01\xff", CallError::Message),
        ] {
            assert_eq!(read::<String>(Bytes::copy_from_slice(body)), Err(error), "{body:?}");
        }
    }
}
