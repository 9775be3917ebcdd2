//! Requests that cannot be judged without their body.

use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, Method};

use crate::routes::surface::{self, ModelUse, Place};

/// What a proxy sent of the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeenBody {
    /// The whole body, which this process passes on without its codings.
    #[cfg_attr(not(feature = "tower"), expect(dead_code, reason = "the layer alone passes a request on"))]
    Received,
    /// The whole body. The proxy passes on what it sent.
    Whole,
    /// The caller itself says that there is no body.
    Empty,
    /// Nothing. The request may have a body or not.
    Nothing,
    /// Only the beginning of the body.
    Beginning,
}

/// Whether a model may stand in the body of such a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelInBody {
    /// Clients of an API write it there, or the upstream reads it there.
    Expected,
    /// The route is not known.
    Unknown,
    /// The request runs no model.
    Never,
}

impl ModelInBody {
    /// `path` is in its normal form.
    pub(super) fn of(method: &Method, path: &str) -> Self {
        // RFC 9110 section 9.3.1: the content of a GET has no meaning.
        if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return Self::Never;
        }
        let Some(route) = surface::lookup(method, path) else { return Self::Unknown };
        let is_in_body = |place: &Place| matches!(place, Place::Body(_) | Place::Form(_) | Place::Lines(_));
        let runs_none = route.model_use() == ModelUse::None
            && !route.models().iter().chain(route.references()).any(is_in_body);
        if runs_none { Self::Never } else { Self::Expected }
    }
}

/// Whether a reader that ignores `Content-Encoding`, like LiteLLM, might read the encoded bytes as another request. The gateway
/// forwards the decoded body; another proxy forwards the encoded one. Every reader of forms skips bytes between fields, and a
/// file in Brotli's format may begin like JSON. The other formats begin with bytes that no JSON has.
pub(super) fn has_two_readings(headers: &HeaderMap) -> bool {
    let mut codings = Vec::new();
    for value in headers.get_all(CONTENT_ENCODING) {
        codings.extend(value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii));
    }
    codings.retain(|coding| !coding.is_empty() && !coding.eq_ignore_ascii_case(b"identity"));
    let is_form = |value: &[u8]| value.to_ascii_lowercase().windows(4).any(|word| word == b"form");
    let is_brotli = |coding: &&[u8]| coding.eq_ignore_ascii_case(b"br");
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    codings.last().is_some_and(is_brotli)
        || (!codings.is_empty() && types.any(|value| is_form(value.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_expected_in_the_body_of_what_runs_one() {
        for path in [
            "/v1/chat/completions",
            "/openai/deployments/gpt-4o/chat/completions",
            "/v1beta/models/gemini-2.0:generateContent",
            "/v1/images/generations",
            "/v1/threads/t/runs",
            "/v1/files",
            "/v1/batches",
        ] {
            assert_eq!(ModelInBody::of(&Method::POST, path), ModelInBody::Expected, "{path}");
        }
    }

    #[test]
    fn what_reads_or_cancels_runs_no_model() {
        assert_eq!(ModelInBody::of(&Method::GET, "/v1/models"), ModelInBody::Never);
        assert_eq!(ModelInBody::of(&Method::POST, "/v1/batches/b/cancel"), ModelInBody::Never);
        assert_eq!(ModelInBody::of(&Method::DELETE, "/v1/files/f"), ModelInBody::Never);
        assert_eq!(ModelInBody::of(&Method::POST, "/none/such"), ModelInBody::Unknown);
    }
}
