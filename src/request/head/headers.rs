//! The headers that affect the decision.

use http::{HeaderMap, HeaderValue, Method};

use crate::request::malformed::Malformed;
use crate::request::models::names::Names;

/// The header that selects a team (R6.1).
pub const TEAM_HEADER: &str = "x-litellm-team-id";

/// The facts in the headers of a request.
#[derive(Debug, Default)]
pub(in crate::request) struct Judged<'h> {
    /// The value of [`TEAM_HEADER`].
    pub(in crate::request) team: Option<String>,
    /// The models that headers select.
    pub(in crate::request) names: Names,
    /// The value of `Content-Type`.
    pub(in crate::request) content_type: Option<&'h HeaderValue>,
}

impl<'h> Judged<'h> {
    /// Reads the headers of a request with this method.
    pub(in crate::request) fn read(method: &Method, headers: &'h HeaderMap) -> Result<Self, Malformed> {
        let mut judged = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                TEAM_HEADER => {
                    let team = value.to_str().map_err(|_| Malformed::TeamHeader)?;
                    if judged.team.replace(team.to_owned()).is_some() {
                        return Err(Malformed::TeamHeader);
                    }
                }
                "content-type" => {
                    let earlier = judged.content_type.replace(value);
                    if earlier.is_some() {
                        return Err(Malformed::Body("two content types are given".to_owned()));
                    }
                }
                // Every value counts: a second header line adds another coding.
                "content-encoding" if !value.as_bytes().eq_ignore_ascii_case(b"identity") => {
                    return Err(Malformed::Unsupported("encoding"));
                }
                "transfer-encoding" if !value.as_bytes().eq_ignore_ascii_case(b"chunked") => {
                    return Err(Malformed::Unsupported("transfer encoding"));
                }
                // A server that obeys these headers would run another method than the judged one.
                "x-http-method-override" | "x-http-method" | "x-method-override"
                    if !value.as_bytes().eq_ignore_ascii_case(method.as_str().as_bytes()) =>
                {
                    return Err(Malformed::MethodOverride);
                }
                // From Azure ML, Vercel and LiteLLM.
                "azureml-model-deployment" => judged.add("the header `azureml-model-deployment`", value)?,
                "ai-language-model-id" => judged.add("the header `ai-language-model-id`", value)?,
                "x-litellm-model" => judged.add("the header `x-litellm-model`", value)?,
                _ => {}
            }
        }
        Ok(judged)
    }

    fn add(&mut self, place: &'static str, value: &HeaderValue) -> Result<(), Malformed> {
        let name = value.to_str().map_err(|_| Malformed::ControlCharacter { place })?;
        self.names.add(name).map_err(|_| Malformed::Header { place })
    }
}
