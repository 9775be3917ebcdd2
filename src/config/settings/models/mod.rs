//! `model_list`: names, access groups, and destinations.
//!
//! Input: the entries as written. Output: models, each with its deployment. `provider` derives the provider from a
//! model's name, `deployment` determines how to reach it, and `aliases` adds other names.

pub(in crate::config) mod aliases;
pub(in crate::config) mod cloud;
mod credentials;
mod deployment;
pub(in crate::config) mod destination;
pub(in crate::config) mod entry;
pub(in crate::config) mod key_warnings;
pub(in crate::config) mod provider;
mod request_defaults;
pub(in crate::config) mod router;

use super::context::Context;
use super::types::{Deployment, Model};
use crate::config::problem::{Caution, Problem};
use crate::config::raw;
use crate::config::yaml::environment::Environment;
use crate::names::ModelName;
use entry::{At, NotServed};

/// Converts the list. Warns about models that cannot be served, unless a proxy behind the gateway serves them.
pub(in crate::config) fn models(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    models: Vec<raw::Model>,
    has_upstream: bool,
) -> Vec<Model> {
    let models = models.into_iter().enumerate();
    models.filter_map(|(i, model)| convert(cx, env, At::new(i), model, has_upstream)).collect()
}

fn convert(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    model: raw::Model,
    has_upstream: bool,
) -> Option<Model> {
    let raw::Model { model_name, model, litellm_params, model_info } = model;
    if model_name.is_some() && model.is_some() && model_name != model {
        let problem = Problem::Disagree { key: "model", other: "model_name" };
        cx.refuse(&at.key("model"), problem);
    }
    let key = if model_name.is_some() { "model_name" } else { "model" };
    let Some(name) = model_name.or(model) else {
        cx.refuse(&at.entry(), Problem::MissingKey { key: "model_name".to_owned() });
        return None;
    };
    let name = cx.model_name(|| at.key(key), &name)?;
    let litellm_model = litellm_params.model.clone();
    check_wildcard(cx, at, name.as_str(), &litellm_model);
    let (deployment, by_provider) = serve(cx, env, at, &name, litellm_params, has_upstream);
    let (access_groups, id) = model_info.map(|info| (info.access_groups, info.id)).unwrap_or_default();
    let access_groups = access_groups.unwrap_or_default();
    Some(Model {
        name,
        access_groups,
        id,
        litellm_model,
        deployment,
        by_provider,
        alias_of: None,
        hidden: false,
    })
}

fn check_wildcard(cx: &mut Context<'_>, at: At, name: &str, model: &str) {
    let stars = |text: &str| text.matches('*').count();
    if stars(model) > 0 && (stars(model), stars(name)) != (1, 1) {
        cx.refuse(&at.param("model"), Problem::Wildcard { model: model.to_owned() });
    }
}

/// The destination of requests for a model: one deployment, or the deployment of the provider that a request names.
fn serve(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    name: &ModelName,
    mut params: raw::LitellmParams,
    has_upstream: bool,
) -> (Option<Deployment>, Vec<(String, Deployment)>) {
    let model = std::mem::take(&mut params.model);
    let provider = params.custom_llm_provider.take().filter(|provider| !provider.is_empty());
    let is_mock =
        at.parameters(cx).iter().any(|entry| entry.key == "mock_response" && !entry.value.is_null());
    let through_proxy = params.use_litellm_proxy;
    credentials::fill(cx, env, at, &mut params);
    let common = deployment::common(cx, env, at, params, has_upstream);
    let by_provider = if model == "*" && provider.is_none() && !is_mock {
        deployment::by_provider(cx, env, at, &common)
    } else {
        Vec::new()
    };
    let found = match &provider {
        _ if through_proxy => provider::find_custom("litellm_proxy", &model),
        Some(provider) => provider::find_custom(provider, &model),
        None => provider::find(&model),
    };
    let served = match &provider {
        _ if is_mock => Some(Err(NotServed::new(
            "LiteLLM would answer by itself, with its `mock_response`",
            "remove `mock_response`, or name a proxy that serves the model in `modelgate.upstream`",
        ))),
        Some(provider) if found.is_none() && !through_proxy => Some(Err(NotServed::new(
            format!("LiteLLM has no provider `{provider}`"),
            "write the name of a provider into `custom_llm_provider`, such as `openai`",
        ))),
        _ => deployment::deployment(cx, env, at, found, &model, &common),
    };
    let deployment = match served {
        Some(Ok(deployment)) => Some(deployment),
        Some(Err(NotServed { reason, help })) if by_provider.is_empty() && !has_upstream => {
            let caution = Caution::NotServed { model: name.to_string(), reason, help };
            cx.warn(&at.param("model"), caution);
            None
        }
        Some(Err(_)) | None => None,
    };
    (deployment, by_provider)
}
