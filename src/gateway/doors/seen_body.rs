//! Requests that cannot be judged without their body.

use http::Method;

use crate::routes::surface::{self, ModelUse, Place};

/// What a proxy sent of the body of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeenBody {
    /// The whole body.
    Whole,
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
