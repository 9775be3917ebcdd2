//! The type of the gateway's responses, and responses that the gateway writes itself.

use std::convert::Infallible;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use serde_json::Value;

/// The type of every response.
pub(crate) type Answer = Response<AnswerBody>;
/// The body type of every response.
pub(crate) type AnswerBody = UnsyncBoxBody<Bytes, BodyError>;

/// Why a response body ended early. The caller only sees that it is incomplete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error(transparent)]
    Upstream(#[from] hyper::Error),
    #[error("the upstream's answer took too long")]
    TooLong,
    /// The service behind the layer of this process failed.
    #[error(transparent)]
    #[cfg_attr(not(feature = "tower"), expect(dead_code, reason = "the layer alone passes a request on"))]
    Service(Box<dyn std::error::Error + Send + Sync>),
}

/// A body of these bytes.
pub(crate) fn body_of(bytes: impl Into<Bytes>) -> AnswerBody {
    Full::new(bytes.into()).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// A JSON response of the gateway.
pub(in crate::gateway) fn json_answer(status: StatusCode, body: &Value) -> Answer {
    answer_of(status, "application/json", body.to_string())
}

/// A response of the gateway.
pub(crate) fn answer_of(status: StatusCode, content_type: &'static str, body: String) -> Answer {
    let body = body_of(body);
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
