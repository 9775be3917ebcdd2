//! `litellm_params`: the destination of requests for a model.

use std::time::Duration;

use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::settings::base_url::BaseUrl;
use crate::config::settings::context::Context;
use crate::config::settings::models::cloud::{azure, bedrock, vertex};
use crate::config::settings::models::entry::{At, NotServed, headers, secret};
use crate::config::settings::models::provider;
use crate::config::settings::models::provider::{Known, Speaks};
use crate::config::settings::models::{key_warnings, request_defaults, router};
use crate::config::settings::types::{Deployment, Provider, Routing};
use crate::config::yaml::environment::Environment;
use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

/// The parameters that do not depend on the provider.
pub(in crate::config) struct Common {
    api_base: Option<(&'static str, String)>,
    api_key: Option<SecretString>,
    pub(in crate::config) azure: azure::Parameters,
    bedrock: bedrock::Parameters,
    vertex: vertex::Parameters,
    has_upstream: bool,
    organization: Option<String>,
    extra_headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Option<Duration>,
    defaults: Vec<(String, String)>,
    routing: Routing,
}

/// Reads the parameters. Their problems become findings.
pub(in crate::config) fn common(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    params: raw::LitellmParams,
    has_upstream: bool,
) -> Common {
    if params.api_base.is_some() && params.base_url.is_some() && params.api_base != params.base_url {
        let problem = Problem::Disagree { key: "base_url", other: "api_base" };
        cx.refuse(&at.param("base_url"), problem);
    }
    let api_base = match (params.api_base, params.base_url) {
        (Some(text), _) => Some(("api_base", text)),
        (None, Some(text)) => Some(("base_url", text)),
        (None, None) => None,
    };
    for (key, value) in [
        ("api_key", &params.api_key),
        ("azure_ad_token", &params.azure_ad_token),
        ("client_secret", &params.client_secret),
        ("aws_access_key_id", &params.aws_access_key_id),
        ("aws_secret_access_key", &params.aws_secret_access_key),
        ("aws_session_token", &params.aws_session_token),
    ] {
        key_warnings::check_literal(cx, &at.param(key), key, value.as_ref());
    }
    let timeout = params.timeout;
    let api_key = params.api_key.filter(|key| !key.expose_secret().is_empty());
    let listed = params.extra_headers;
    Common {
        api_base: api_base.filter(|(_, text)| !text.is_empty()),
        api_key: api_key.and_then(|key| secret(cx, &at.param("api_key"), "api_key", key)),
        azure: azure::Parameters {
            api_version: params.api_version,
            token: params.azure_ad_token,
            tenant_id: params.tenant_id,
            client_id: params.client_id,
            client_secret: params.client_secret,
            scope: params.azure_scope,
        },
        bedrock: bedrock::Parameters {
            access_key_id: params.aws_access_key_id,
            secret_access_key: params.aws_secret_access_key,
            session_token: params.aws_session_token,
            region: params.aws_region_name,
            endpoint: params.aws_bedrock_runtime_endpoint,
            model_id: params.model_id,
        },
        vertex: vertex::Parameters {
            project: params.vertex_project,
            location: params.vertex_location,
            credentials: params.vertex_credentials,
        },
        has_upstream,
        organization: params.organization,
        extra_headers: listed
            .map(|listed| headers(cx, &at.param("extra_headers"), listed))
            .unwrap_or_default(),
        timeout: timeout
            .map(|t| cx.seconds(&at.param("timeout"), Some(t), 1..=86_400, Duration::from_secs(600))),
        defaults: request_defaults::read(cx, env, at),
        routing: router::routing(cx, env, at),
    }
}

/// Returns the destination of requests for a model. If it is `None`, a finding was recorded.
pub(in crate::config) fn deployment(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    found: Option<(&'static Known, &str)>,
    model: &str,
    common: &Common,
) -> Option<Result<Deployment, NotServed>> {
    let (known, name) = found.map_or((None, model), |(known, name)| (Some(known), name));
    if name.is_empty() {
        cx.refuse(&at.param("model"), Problem::Empty { key: "the name of a model".to_owned() });
        return None;
    }
    if let Some(known) = known.filter(|known| known.speaks == Speaks::Other) {
        let reason = format!("modelgate does not speak to `{}`", known.name);
        return Some(Err(NotServed::new(
            reason,
            "name a proxy that does in `modelgate.upstream`, such as LiteLLM",
        )));
    }
    match known.map(|known| known.speaks) {
        Some(Speaks::Bedrock) => return at_bedrock(cx, env, at, name, common),
        Some(Speaks::Vertex) => return at_vertex(cx, env, at, name, common),
        _ => {}
    }
    let (url, version) = match &common.api_base {
        Some((key, text)) if known.is_some_and(is_azure) => {
            let (text, version) = azure::split_version(text);
            (cx.api_base(|| at.param(key), key, text)?, version)
        }
        Some((key, text)) => (cx.api_base(|| at.param(key), key, text)?, None),
        None => match known.map(|known| default_base(cx, env, at, known)) {
            Some(Some(url)) => (url, None),
            _ => return Some(Err(no_endpoint(model, known))),
        },
    };
    let mut deployment = common.at(
        known.map_or(Provider::OpenAi, |known| protocol(known.speaks)),
        name,
        normal_base(known.map_or("", |known| &known.name), url),
    );
    deployment.api_key = deployment.api_key.or_else(|| key_variable(cx, env, at, known));
    if known.is_some_and(is_azure) {
        let is_foundry = known.is_some_and(|known| known.speaks == Speaks::AzureAi);
        if let Err(not_served) =
            azure::complete(cx, env, at, &mut deployment, &common.azure, version, is_foundry)
        {
            return Some(Err(not_served));
        }
    }
    if let Some(known) = known.filter(|_| model != "*") {
        key_warnings::check_missing(cx, at, known, &deployment);
    }
    Some(Ok(deployment))
}

impl Common {
    /// A deployment with the common parameters.
    fn at(&self, provider: Provider, model: &str, api_base: BaseUrl) -> Deployment {
        Deployment {
            provider,
            model: model.to_owned(),
            api_base,
            api_key: self.api_key.clone(),
            credential: None,
            vertex: None,
            api_version: None,
            organization: self.organization.clone(),
            extra_headers: self.extra_headers.clone(),
            timeout: self.timeout,
            defaults: self.defaults.clone(),
            routing: self.routing.clone(),
        }
    }
}

fn at_bedrock(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    name: &str,
    common: &Common,
) -> Option<Result<Deployment, NotServed>> {
    let common_parts = (common.api_base.as_ref(), common.api_key.as_ref());
    let found = match bedrock::read(cx, env, at, name, common_parts, &common.bedrock) {
        Ok(found) => found,
        Err(not_served) => return Some(Err(not_served)),
    };
    let (key, endpoint) = &found.endpoint;
    let url = cx.api_base(|| at.param(key), key, endpoint)?;
    let bearer = match found.bearer {
        Some(bearer) => Some(secret(cx, &at.param("api_key"), "api_key", bearer)?),
        None => None,
    };
    let deployment = common.at(Provider::Bedrock, &found.model, url);
    Some(Ok(Deployment { api_key: bearer, credential: found.credential, ..deployment }))
}

fn at_vertex(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    name: &str,
    common: &Common,
) -> Option<Result<Deployment, NotServed>> {
    let found = match vertex::read(cx, env, name, &common.vertex, common.has_upstream) {
        Ok(found) => found,
        Err(not_served) => return Some(Err(not_served)),
    };
    let of_location = ("api_base", found.endpoint);
    let (key, endpoint) = common.api_base.as_ref().unwrap_or(&of_location);
    let url = cx.api_base(|| at.param(key), key, endpoint)?;
    let deployment = common.at(Provider::Vertex, name, url);
    let (credential, vertex) = (Some(found.credential), Some(found.place));
    Some(Ok(Deployment { api_key: None, credential, vertex, ..deployment }))
}

fn is_azure(known: &'static Known) -> bool {
    matches!(known.speaks, Speaks::Azure | Speaks::AzureAi)
}

fn protocol(speaks: Speaks) -> Provider {
    match speaks {
        Speaks::OpenAi | Speaks::AzureAi | Speaks::Other => Provider::OpenAi,
        Speaks::Azure => Provider::Azure,
        Speaks::Anthropic => Provider::Anthropic,
        Speaks::Gemini => Provider::Gemini,
        Speaks::Bedrock => Provider::Bedrock,
        Speaks::Vertex => Provider::Vertex,
    }
}

fn no_endpoint(model: &str, known: Option<&Known>) -> NotServed {
    let Some(known) = known else {
        return NotServed::new(
            format!("no provider is known for `{model}`"),
            "write `provider/name`, or name the endpoint in `api_base`, or a proxy that serves it in `modelgate.upstream`",
        );
    };
    let variables =
        known.base_variables.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
    NotServed::new(
        format!("no endpoint is known for `{model}`"),
        format!("write the endpoint of this {} model into `api_base`, or set {variables}", known.name),
    )
}

fn default_base(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    known: &'static Known,
) -> Option<BaseUrl> {
    let (key, text) = match first_set(cx, env, &known.base_variables) {
        Some(found) => found,
        None => ("api_base", known.api_base.clone()?),
    };
    cx.api_base(|| at.param("model"), key, &text)
}

fn key_variable(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    known: Option<&'static Known>,
) -> Option<SecretString> {
    let (variable, key) = first_set(cx, env, &known?.key_variables)?;
    secret(cx, &at.param("model"), variable, key.into())
}

/// Normalizes endpoints that users write in several ways: OpenAI-style ones with their version, native ones without.
fn normal_base(known: &str, url: BaseUrl) -> BaseUrl {
    match known {
        "anthropic" => url.without_suffix("/messages").without_suffix("/v1"),
        "gemini" => url.without_suffix("/openai").without_suffix("/v1beta"),
        "ollama" | "ollama_chat" | "huggingface" if !url.path().ends_with("/v1") => url.below("v1"),
        _ => url.without_suffix("/chat/completions"),
    }
}

/// The first of the variables that is set, and its value.
pub(in crate::config) fn first_set(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    names: &'static [String],
) -> Option<(&'static str, String)> {
    for name in names {
        match env.get(name) {
            Ok(value) => {
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    return Some((name, value));
                }
            }
            Err((problem, span)) => cx.problems.push((problem, Some(span))),
        }
    }
    None
}

/// Returns a deployment for each provider that a request may name, for an entry whose model is `*`.
///
/// A provider on this machine is only included if a variable configures it.
pub(in crate::config) fn by_provider(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    common: &Common,
) -> Vec<(String, Deployment)> {
    let mut deployments = Vec::new();
    for known in provider::spoken() {
        let named = common.api_base.is_some() || first_set(cx, env, &known.base_variables).is_some();
        let is_remote = known.api_base.as_deref().is_some_and(|base| base.starts_with("https:"));
        if !named && !is_remote {
            continue;
        }
        if let Some(Ok(deployment)) = deployment(cx, env, at, Some((known, "*")), "*", common) {
            deployments.push((known.name.clone(), deployment));
        }
    }
    deployments
}
