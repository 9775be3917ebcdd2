//! The headers that affect the decision.

use http::{HeaderMap, HeaderValue, Method};

use crate::request::malformed::Malformed;
use crate::request::models::names::Names;

/// The header that selects a team (R6.1).
pub const TEAM_HEADER: &str = "x-litellm-team-id";

/// The facts in the headers of a request.
#[derive(Debug, Default)]
pub(in crate::request) struct Judged {
    /// The value of [`TEAM_HEADER`].
    pub(in crate::request) team: Option<String>,
    /// The models that headers select.
    pub(in crate::request) names: Names,
}

impl Judged {
    /// Reads the headers of a request with this method.
    pub(in crate::request) fn read(method: &Method, headers: &HeaderMap) -> Result<Self, Malformed> {
        let mut judged = Self::default();
        for (name, value) in headers {
            match name.as_str() {
                TEAM_HEADER => {
                    let team = value.to_str().map_err(|_| Malformed::TeamHeader)?;
                    if judged.team.replace(team.to_owned()).is_some() {
                        return Err(Malformed::TeamHeader);
                    }
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
