//! The models of a configuration, and the destinations of requests for them.

use std::time::Duration;

use secrecy::SecretString;

use crate::config::settings::base_url::BaseUrl;
use crate::config::settings::types::{Routing, UpstreamCredential, VertexPlace};
use crate::names::ModelName;

/// An entry of `model_list`.
#[derive(Clone, Debug)]
pub struct Model {
    /// `model_name` (or `model`). It may contain `*`, which matches any characters.
    pub name: ModelName,
    /// `model_info.access_groups`.
    pub access_groups: Vec<String>,
    /// `model_info.id`, which LiteLLM treats as a name too.
    pub id: Option<String>,
    /// `litellm_params.model` as written.
    pub litellm_model: String,
    /// `litellm_params`; `None` if only `modelgate.upstream` can serve the model. Without an upstream, requests for the
    /// model are judged and answered with 501.
    pub deployment: Option<Deployment>,
    /// For an entry whose `litellm_params.model` is `*`: one deployment for each provider that a request may name. They
    /// override `deployment`.
    pub by_provider: Vec<(String, Deployment)>,
    /// The target model, if this model is an alias (`model_group_alias`, `model_alias_map`).
    pub alias_of: Option<ModelName>,
    /// Whether lists of models omit it.
    pub hidden: bool,
}

/// The destination of requests for a model, from `litellm_params`.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// The protocol family, from `provider/` in `litellm_params.model` or the prefix of the model's name.
    pub provider: Provider,
    /// The model's name at the upstream, without the provider. It may contain one `*`, which is replaced by the text
    /// that the name's `*` matched.
    pub model: String,
    /// The endpoint, without a trailing slash. For [`Provider::OpenAi`] it includes the `/v1` (or similar) that is part
    /// of an SDK's base URL. For other providers it does not: `https://api.anthropic.com`,
    /// `https://generativelanguage.googleapis.com`, `https://name.openai.azure.com`.
    pub api_base: BaseUrl,
    /// The upstream's credential.
    pub api_key: Option<SecretString>,
    /// A credential that is no fixed header; `api_key` is then `None`.
    pub credential: Option<UpstreamCredential>,
    /// The place in Google Cloud; `None` for other providers.
    pub vertex: Option<VertexPlace>,
    /// Azure's `api-version`; `None` for other providers.
    pub api_version: Option<String>,
    /// OpenAI's organization header.
    pub organization: Option<String>,
    /// Headers set on every request to the upstream.
    pub extra_headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// The time limit for a whole request.
    pub timeout: Option<Duration>,
    /// Default request parameters, each with its value as JSON. A request overrides them.
    pub defaults: Vec<(String, String)>,
    /// Its share of the requests, and how it is retried.
    pub routing: Routing,
}

/// The protocol of a deployment's endpoint.
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
    /// Amazon Bedrock's runtime: `/model/{model}/converse`, `/invoke` and their streams.
    Bedrock,
    /// Vertex AI: `/v1/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:{verb}`.
    Vertex,
}

impl Model {
    /// A model that only `modelgate.upstream` can serve, and its name there.
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
