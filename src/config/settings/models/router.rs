//! `router_settings` and the routing keys of `litellm_settings`: fallbacks, retries, cool-downs.
//!
//! These settings do not affect access, so they are read leniently. An invalid value gets a warning and is left out.

use std::collections::HashSet;
use std::time::Duration;

use crate::config::problem::Caution;
use crate::config::settings::context::Context;
use crate::config::settings::models::entry::At;
use crate::config::settings::types::{FailurePolicy, Fallback, Model, RouterSettings, Routing};
use crate::config::yaml::environment::{Environment, REFERENCE};
use crate::config::yaml::tree::{Entry, Node, Value};
use crate::names::ModelName;
use crate::pattern::Pattern;

pub(in crate::config) const ROUTER: &str = "router_settings";
pub(in crate::config) const LITELLM: &str = "litellm_settings";

/// The settings of the router. `router_settings` overrides `litellm_settings`.
pub(in crate::config) fn settings(cx: &mut Context<'_>, env: &Environment<'_>) -> RouterSettings {
    let found = |keys: &[&str]| {
        let blocks = [ROUTER, LITELLM];
        blocks.into_iter().find_map(|block| {
            keys.iter().find_map(|key| Some((format!("{block}.{key}"), cx_node(cx, block, key)?)))
        })
    };
    let (fallbacks, context, policy) =
        (found(&["fallbacks"]), found(&["context_window_fallbacks"]), found(&["content_policy_fallbacks"]));
    let (default, retries, fails) =
        (found(&["default_fallbacks"]), found(&["num_retries", "max_retries"]), found(&["allowed_fails"]));
    let (cooldown, after, strategy) =
        (found(&["cooldown_time"]), found(&["retry_after"]), found(&["routing_strategy"]));
    let (timeout, disable) = (found(&["timeout", "request_timeout"]), found(&["disable_cooldowns"]));
    let (policy_of_retries, policy_of_groups, policy_of_fails) =
        (found(&["retry_policy"]), found(&["model_group_retry_policy"]), found(&["allowed_fails_policy"]));
    let most = found(&["max_fallbacks"]);
    RouterSettings {
        retry_policy: read(cx, env, policy_of_retries, POLICY, |node| failure_policy(node, "Retries"))
            .unwrap_or_default(),
        model_group_retry_policy: read(cx, env, policy_of_groups, "a policy for each model", group_policies)
            .unwrap_or_default(),
        allowed_fails_policy: read(cx, env, policy_of_fails, POLICY, |node| {
            failure_policy(node, "AllowedFails")
        })
        .unwrap_or_default(),
        max_fallbacks: read(cx, env, most, WHOLE, whole),
        fallbacks: read(cx, env, fallbacks, "a list of `model: [models]`", fallback_list).unwrap_or_default(),
        context_window_fallbacks: read(cx, env, context, "a list of `model: [models]`", fallback_list)
            .unwrap_or_default(),
        content_policy_fallbacks: read(cx, env, policy, "a list of `model: [models]`", fallback_list)
            .unwrap_or_default(),
        default_fallbacks: read(cx, env, default, "a list of models", model_names).unwrap_or_default(),
        num_retries: read(cx, env, retries, WHOLE, whole),
        allowed_fails: read(cx, env, fails, WHOLE, whole),
        cooldown_time: read(cx, env, cooldown, SECONDS, seconds),
        disable_cooldowns: read(cx, env, disable, "`true` or `false`", boolean).unwrap_or_default(),
        retry_after: read(cx, env, after, SECONDS, seconds),
        timeout: read(cx, env, timeout, SECONDS, seconds),
        routing_strategy: read(cx, env, strategy, "a string", |node| text(node).map(str::to_owned)),
    }
}

/// Warns about fallbacks that are no models of the list: they are passed over.
pub(in crate::config) fn check_models(cx: &mut Context<'_>, settings: &RouterSettings, models: &[Model]) {
    let RouterSettings { fallbacks, context_window_fallbacks, content_policy_fallbacks, .. } = settings;
    let to = |list: &[Fallback]| list.iter().flat_map(|fallback| fallback.to.clone()).collect();
    let lists: [(&str, Vec<ModelName>); 4] = [
        ("fallbacks", to(fallbacks)),
        ("context_window_fallbacks", to(context_window_fallbacks)),
        ("content_policy_fallbacks", to(content_policy_fallbacks)),
        ("default_fallbacks", settings.default_fallbacks.clone()),
    ];
    let listed: HashSet<&str> = models.iter().map(|model| model.name.as_str()).collect();
    let patterns: Vec<_> =
        listed.iter().filter(|name| name.contains('*')).map(|name| Pattern::new(name)).collect();
    let is_listed =
        |name: &str| listed.contains(name) || patterns.iter().any(|pattern| pattern.matches(name));
    for (key, names) in lists {
        let block = if cx_node(cx, ROUTER, key).is_some() { ROUTER } else { LITELLM };
        for (index, name) in names.iter().enumerate() {
            if !is_listed(name.as_str()) && !names.iter().take(index).any(|earlier| earlier == name) {
                cx.warn(&format!("{block}.{key}"), Caution::UnknownModel { model: name.to_string() });
            }
        }
    }
}

/// The routing settings of an entry of `model_list`.
pub(in crate::config) fn routing(cx: &mut Context<'_>, env: &Environment<'_>, at: At) -> Routing {
    let entries = at.parameters(cx);
    let found = |keys: &[&str]| {
        let entry =
            entries.iter().find(|entry| keys.contains(&entry.key.as_str()) && !entry.value.is_null())?;
        Some((at.param(&entry.key), &entry.value))
    };
    let (weight, order, rpm, tpm) = (found(&["weight"]), found(&["order"]), found(&["rpm"]), found(&["tpm"]));
    let (retries, cooldown) = (found(&["num_retries", "max_retries"]), found(&["cooldown_time"]));
    Routing {
        weight: read(cx, env, weight, "a number from 0", number),
        order: read(cx, env, order, WHOLE, whole),
        rpm: read(cx, env, rpm, WHOLE, whole),
        tpm: read(cx, env, tpm, WHOLE, whole),
        num_retries: read(cx, env, retries, WHOLE, whole),
        cooldown_time: read(cx, env, cooldown, SECONDS, seconds),
    }
}

const WHOLE: &str = "a whole number from 0";
const POLICY: &str =
    "whole numbers below keys such as `RateLimitErrorRetries` or `RateLimitErrorAllowedFails`";
const SECONDS: &str = "a number of seconds";
/// About 30 years, in seconds.
const LONGEST: f64 = 1e9;

fn cx_node<'n>(cx: &Context<'n>, block: &str, key: &str) -> Option<&'n Node> {
    cx.root().get(block)?.get(key).filter(|node| !node.is_null())
}

/// Returns a present value, also of a variable that is named in its place. Warns if its type is wrong or the variable is not set.
fn read<T>(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    found: Option<(String, &Node)>,
    expected: &'static str,
    convert: impl FnOnce(&Node) -> Option<T>,
) -> Option<T> {
    let (path, node) = found?;
    let variable = text(node).and_then(|text| text.strip_prefix(REFERENCE));
    let value = match variable {
        Some(name) => env.get(name).ok().flatten().and_then(|text| convert(&node.with_text(text))),
        None => convert(node),
    };
    if value.is_none() {
        let key = path.rsplit('.').next().unwrap_or_default().to_owned();
        cx.warn(&path, Caution::Unreadable { key, expected });
    }
    value
}

/// `[{model: [model, …]}, …]`
fn fallback_list(node: &Node) -> Option<Vec<Fallback>> {
    let Value::Sequence(items) = &node.value else { return None };
    let mut fallbacks = Vec::new();
    for item in items {
        let Value::Mapping(entries) = &item.value else { return None };
        for Entry { key, value, .. } in entries {
            fallbacks.push(Fallback { model: ModelName::new(key).ok()?, to: model_names(value)? });
        }
    }
    Some(fallbacks)
}

/// `[model, {model: model, …}]`, or a single such item.
fn model_names(node: &Node) -> Option<Vec<ModelName>> {
    match &node.value {
        Value::Sequence(items) => items.iter().map(model_name).collect(),
        _ => Some(vec![model_name(node)?]),
    }
}

/// `{RateLimitErrorRetries: 3, …}`. The kinds that are never retried here have no effect.
fn failure_policy(node: &Node, suffix: &str) -> Option<FailurePolicy> {
    let Value::Mapping(entries) = &node.value else { return None };
    let mut policy = FailurePolicy::default();
    for Entry { key, value, .. } in entries {
        let number = if value.is_null() { None } else { Some(whole(value)?) };
        match key.strip_suffix(suffix)? {
            "AuthenticationError" => policy.authentication = number,
            "TimeoutError" => policy.timeout = number,
            "RateLimitError" => policy.rate_limit = number,
            "InternalServerError" => policy.internal_server = number,
            "BadRequestError" | "ContentPolicyViolationError" => {}
            _ => return None,
        }
    }
    Some(policy)
}

fn group_policies(node: &Node) -> Option<Vec<(ModelName, FailurePolicy)>> {
    let Value::Mapping(entries) = &node.value else { return None };
    let policy =
        |entry: &Entry| Some((ModelName::new(&entry.key).ok()?, failure_policy(&entry.value, "Retries")?));
    entries.iter().map(policy).collect()
}

fn model_name(node: &Node) -> Option<ModelName> {
    ModelName::new(text(node).or_else(|| text(node.get("model")?))?).ok()
}

pub(in crate::config) fn text(node: &Node) -> Option<&str> {
    if let Value::String(text) = &node.value { Some(text) } else { None }
}

fn boolean(node: &Node) -> Option<bool> {
    if let Value::Bool(value) = node.value { Some(value) } else { None }
}

fn whole<N: TryFrom<i128> + std::str::FromStr>(node: &Node) -> Option<N> {
    match &node.value {
        Value::Integer(value) => N::try_from(*value).ok(),
        Value::Float(value) if value.fract() == 0.0 => format!("{value:.0}").parse().ok(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn number(node: &Node) -> Option<f64> {
    let number = match &node.value {
        Value::Integer(value) => value.to_string().parse().ok(),
        Value::Float(value) => Some(*value),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

/// A longer time counts as this one, so that a point in time can always be computed.
fn seconds(node: &Node) -> Option<Duration> {
    number(node).and_then(|seconds| Duration::try_from_secs_f64(seconds.min(LONGEST)).ok())
}
