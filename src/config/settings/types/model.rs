//! The models of a configuration, and where requests for them go.

use std::time::Duration;

use secrecy::SecretString;

use crate::config::settings::base_url::BaseUrl;
use crate::config::settings::types::Routing;
use crate::names::ModelName;

/// An entry of `model_list`.
#[derive(Clone, Debug)]
pub struct Model {
    /// `model_name` (or `model`). May contain `*`, which stands for any characters.
    pub name: ModelName,
    /// `model_info.access_groups`.
    pub access_groups: Vec<String>,
    /// `model_info.id`: LiteLLM takes it for a name too.
    pub id: Option<String>,
    /// `litellm_params.model` as it is written.
    pub litellm_model: String,
    /// `litellm_params`; `None` when `modelgate.upstream` alone can serve the model. Without it, requests for the model
    /// are judged and answered with 501.
    pub deployment: Option<Deployment>,
    /// For an entry whose `litellm_params.model` is `*`: a deployment for each provider that a request may name. They go
    /// before `deployment`.
    pub by_provider: Vec<(String, Deployment)>,
    /// The model that this one is another name for (`model_group_alias`, `model_alias_map`).
    pub alias_of: Option<ModelName>,
    /// Whether lists of models leave it out.
    pub hidden: bool,
}

/// Where requests for a model go, from `litellm_params`.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The protocol family, from `provider/` in `litellm_params.model` or the model's first letters.
    pub provider: Provider,
    /// The model's name at the upstream, without the provider. May contain one `*`, filled with what `*` matched.
    pub model: String,
    /// The endpoint, without a slash at the end of its path. For [`Provider::OpenAi`] it includes the `/v1` (or
    /// similar) that SDKs call the base URL; for the others it does not: `https://api.anthropic.com`,
    /// `https://generativelanguage.googleapis.com`, `https://name.openai.azure.com`.
    pub api_base: BaseUrl,
    /// The upstream's credential.
    pub api_key: Option<SecretString>,
    /// Azure's `api-version`; for other providers `None`.
    pub api_version: Option<String>,
    /// OpenAI's organization header.
    pub organization: Option<String>,
    /// Headers set on every request to the upstream.
    pub extra_headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// The longest a whole request may take.
    pub timeout: Option<Duration>,
    /// Parameters that are sent where a request does not set them, each with its value as JSON.
    pub defaults: Vec<(String, String)>,
    /// Its share of the requests. Nothing is routed by it yet.
    pub routing: Routing,
}

/// How a deployment's endpoint is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Provider {
    /// `Authorization: Bearer`, OpenAI's paths below `api_base`.
    OpenAi,
    /// `api-key`, `/openai/deployments/{model}/…?api-version=`.
    Azure,
    /// `/v1/messages` natively with `x-api-key` and `anthropic-version`; OpenAI-shaped otherwise.
    Anthropic,
    /// Google's OpenAI-compatible endpoint; native `:generateContent` paths with `x-goog-api-key`.
    Gemini,
}

impl Model {
    /// A model that `modelgate.upstream` alone can serve, by another name.
    pub(in crate::config) fn without_deployment(name: ModelName, alias_of: ModelName, hidden: bool) -> Self {
        Self {
            name,
            access_groups: Vec::new(),
            id: None,
            litellm_model: alias_of.to_string(),
            deployment: None,
            by_provider: Vec::new(),
            alias_of: Some(alias_of),
            hidden,
        }
    }
}
