//! `model_list`: names, access groups, and where requests go.
//!
//! In come the entries as they are written. Out go models, each with the deployment that serves it. `provider` knows what the name
//! of a model says of its provider.

mod provider;

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::context::Context;
use super::endpoint;
use super::types::{Deployment, Model, Provider};
use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::yaml::environment::Environment;
use provider::Known;

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
struct At(usize);

impl At {
    fn entry(self) -> String {
        format!("model_list[{}]", self.0)
    }

    fn key(self, key: &str) -> String {
        format!("model_list[{}].{key}", self.0)
    }

    fn param(self, key: &str) -> String {
        format!("model_list[{}].litellm_params.{key}", self.0)
    }
}

/// The typed list. Without a proxy behind it, every model must have an upstream of its own.
pub(in crate::config) fn models(
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
    check_wildcard(cx, at, name.as_str(), &litellm_params.model);
    let litellm_model = litellm_params.model.clone();
    let deployment = deployment(cx, env, at, litellm_params, has_upstream);
    let (access_groups, id) = model_info.map(|info| (info.access_groups, info.id)).unwrap_or_default();
    let access_groups = access_groups.unwrap_or_default();
    Some(Model { name, access_groups, id, litellm_model, deployment })
}

fn check_wildcard(cx: &mut Context<'_>, at: At, name: &str, model: &str) {
    let stars = |text: &str| text.matches('*').count();
    if stars(model) > 0 && (stars(model), stars(name)) != (1, 1) {
        cx.refuse(&at.param("model"), Problem::Wildcard { model: model.to_owned() });
    }
}

fn deployment(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    params: raw::LitellmParams,
    has_upstream: bool,
) -> Option<Deployment> {
    let raw::LitellmParams {
        model,
        api_base,
        base_url,
        api_key,
        api_version,
        organization,
        extra_headers,
        timeout,
    } = params;
    if api_base.is_some() && base_url.is_some() && api_base != base_url {
        let problem = Problem::Disagree { key: "base_url", other: "api_base" };
        cx.refuse(&at.param("base_url"), problem);
    }
    let extra_headers =
        extra_headers.map(|listed| headers(cx, &at.param("extra_headers"), listed)).unwrap_or_default();
    let timeout =
        timeout.map(|t| cx.seconds(&at.param("timeout"), Some(t), 1..=86_400, Duration::from_secs(600)));
    let base_key = if api_base.is_some() { "api_base" } else { "base_url" };
    let written = api_base.or(base_url);
    let known = provider::find(&model);
    let (provider, name) = known.map_or((Provider::OpenAi, model.as_str()), |(known, n)| (known.provider, n));
    if name.is_empty() {
        cx.refuse(&at.param("model"), Problem::Empty { key: "the name of a model".to_owned() });
    }
    let api_base = match written {
        Some(text) => cx.api_base(|| at.param(base_key), base_key, &text)?,
        None => match known.and_then(|(known, _)| default_base(cx, env, at, known)) {
            Some(url) => url,
            None if has_upstream => return None,
            None => {
                let help = no_upstream_help(&model, known.map(|(known, _)| known.name));
                cx.refuse(&at.param("model"), Problem::NoUpstream { model, help });
                return None;
            }
        },
    };
    let (variables, known_name) =
        known.map_or((&[] as &[_], ""), |(known, _)| (known.key_variables, known.name));
    let api_key = match api_key.filter(|key| !key.expose_secret().is_empty()) {
        Some(key) => secret(cx, &at.param("api_key"), "api_key", key),
        None => first_set(cx, env, variables)
            .and_then(|(variable, key)| secret(cx, &at.param("model"), variable, key.into())),
    };
    Some(Deployment {
        provider,
        model: name.to_owned(),
        api_base: normal_base(known_name, api_base),
        api_key,
        api_version,
        organization,
        extra_headers,
        timeout,
    })
}

fn no_upstream_help(model: &str, known: Option<&str>) -> String {
    match known {
        Some(known) => format!("write the endpoint of this {known} model into `api_base`"),
        None if model.contains('*') && !model.contains('/') => {
            "write one entry for each provider, such as `openai/*`".to_owned()
        }
        None => {
            "write `api_base`, or `provider/name` for a provider with an OpenAI-style endpoint, or name a \
                 proxy that serves it in `modelgate.upstream`"
                .to_owned()
        }
    }
}

fn default_base(cx: &mut Context<'_>, env: &Environment<'_>, at: At, known: &Known) -> Option<Url> {
    let (key, text) = match first_set(cx, env, known.base_variables) {
        Some(found) => found,
        None => ("api_base", known.api_base?.to_owned()),
    };
    cx.api_base(|| at.param("model"), key, &text)
}

/// One form for what users write in several: OpenAI-shaped endpoints with their version, native ones without.
fn normal_base(known: &str, url: Url) -> Url {
    match known {
        "anthropic" => endpoint::without_suffix(endpoint::without_suffix(url, "/messages"), "/v1"),
        "gemini" => endpoint::without_suffix(endpoint::without_suffix(url, "/openai"), "/v1beta"),
        "ollama" | "ollama_chat" if !url.path().ends_with("/v1") => {
            let mut url = url;
            if let Ok(mut segments) = url.path_segments_mut() {
                segments.pop_if_empty().push("v1");
            }
            url
        }
        _ => url,
    }
}

fn first_set(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    names: &[&'static str],
) -> Option<(&'static str, String)> {
    for &name in names {
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

/// A credential that can be sent as a header.
pub(in crate::config) fn secret(
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

fn headers(
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
