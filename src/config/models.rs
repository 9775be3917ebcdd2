//! `model_list`: names, access groups, and where requests go.

use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use super::context::Context;
use super::deployment::NotServed;
use super::environment::Environment;
use super::problem::{Caution, Problem};
use super::yaml::{Entry, Value};
use super::{Deployment, Model, credentials, deployment, provider, raw};
use crate::names::ModelName;

/// Headers that belong to one connection, or that say where the body ends and whom it is for.
const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-connection",
];

/// An entry of the list. There may be very many: a path is only worked out where something is wrong.
#[derive(Clone, Copy)]
pub(super) struct At(usize);

impl At {
    fn entry(self) -> String {
        format!("model_list[{}]", self.0)
    }

    fn key(self, key: &str) -> String {
        format!("model_list[{}].{key}", self.0)
    }

    pub(super) fn param(self, key: &str) -> String {
        format!("model_list[{}].litellm_params.{key}", self.0)
    }

    /// `litellm_params` as they stand in the file.
    pub(super) fn parameters<'n>(self, cx: &Context<'n>) -> &'n [Entry] {
        let Some(Value::Sequence(list)) = cx.root().get("model_list").map(|list| &list.value) else {
            return &[];
        };
        let params = list.get(self.0).and_then(|entry| entry.get("litellm_params"));
        match params.map(|params| &params.value) {
            Some(Value::Mapping(entries)) => entries,
            _ => &[],
        }
    }
}

/// The typed list. A model that cannot be served is warned of, unless there is a proxy behind that serves it.
pub(super) fn models(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    models: Vec<raw::Model>,
    has_upstream: bool,
) -> Vec<Model> {
    let models = models.into_iter().enumerate();
    models.filter_map(|(i, model)| convert(cx, env, At(i), model, has_upstream)).collect()
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
    let access_groups = model_info.and_then(|info| info.access_groups).unwrap_or_default();
    Some(Model { name, access_groups, litellm_model, deployment, by_provider, alias_of: None, hidden: false })
}

fn check_wildcard(cx: &mut Context<'_>, at: At, name: &str, model: &str) {
    let stars = |text: &str| text.matches('*').count();
    if stars(model) > 0 && (stars(model), stars(name)) != (1, 1) {
        cx.refuse(&at.param("model"), Problem::Wildcard { model: model.to_owned() });
    }
}

/// Where requests for the model go: to one deployment, or to the one of the provider that a request names.
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
    let common = deployment::common(cx, env, at, params);
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

/// A credential that can be sent as a header.
pub(super) fn secret(
    cx: &mut Context<'_>,
    path: &str,
    key: &str,
    value: SecretString,
) -> Option<SecretString> {
    let text = value.expose_secret();
    if HeaderValue::from_str(text).is_err() || text.trim().is_empty() {
        cx.refuse(path, Problem::Header { key: key.to_owned() });
        return None;
    }
    Some(value)
}

pub(super) fn headers(
    cx: &mut Context<'_>,
    path: &str,
    headers: impl IntoIterator<Item = (String, SecretString)>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut converted = Vec::new();
    for (name, value) in headers {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose_secret())) {
            (Ok(header), Ok(mut value)) if !FRAMING.contains(&header.as_str()) => {
                value.set_sensitive(true);
                converted.push((header, value));
            }
            _ => cx.refuse_key(&format!("{path}.{name}"), Problem::Header { key: name }),
        }
    }
    converted
}
