//! A model name at any place of a body is judged or refused, or it is in text that callers write freely.
//!
//! The bytes of an input choose the route, the keys on the path to the name, lists between them, and the spelling of
//! the name.

use http::{HeaderMap, Method};
use modelgate::request::{RequestParts, classify};
use serde_json::{Map, Value, json};

use crate::additional::{FREE, is_models};

const MAX_LEN: usize = 40;
const NAME: &str = "denied";
const ROUTES: [&str; 6] = [
    "/v1/chat/completions",
    "/v1/responses",
    "/v1/messages",
    "/openai/deployments/a/chat/completions",
    "/v1beta/models/a:generateContent",
    "/custom",
];
/// Keys next to the free members: containers of all kinds, and words for models in all styles.
const KEYS: [&str; 44] = [
    "model",
    "models",
    "model_id",
    "modelName",
    "Model-Name",
    "deployment_id",
    "deployment",
    "baseModel",
    "embedding_model",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "model_group_alias",
    "context_window_fallback_dict",
    "extra_body",
    "session",
    "tools",
    "functions",
    "svg",
    "moderation",
    "generationConfig",
    "routingConfig",
    "manualMode",
    "data_sources",
    "embedding_dependency",
    "plugins",
    "requests",
    "params",
    "body",
    "user_config",
    "model_list",
    "litellm_params",
    "agent_config",
    "delegation",
    "options",
    "x",
    "audio",
    "transcription",
    "web_search_options",
    "mcp_servers",
    "image",
    "modalities",
    "stream",
    "n",
    "config",
];
/// Members with a parser of their own: their content is refused, or stands for a model.
const OTHERS: [&str; 8] = [
    "agent",
    "prompt_id",
    "preset",
    "model_info",
    "router_settings_override",
    "api_base",
    "cachedContent",
    "workflow",
];

pub(crate) fn check(data: &[u8]) {
    let Some((route, rest)) = data.split_first().filter(|_| data.len() <= MAX_LEN) else { return };
    let Some((form, steps)) = rest.split_first() else { return };
    let mut value = match form % 3 {
        0 => json!(NAME),
        1 => json!([NAME]),
        _ => json!([["other"], NAME]),
    };
    let mut keys = Vec::new();
    for step in steps {
        let step = usize::from(*step);
        let all = KEYS.len() + FREE.len() + OTHERS.len();
        if step >= 2 * all {
            value = json!([value]);
            continue;
        }
        let key = KEYS.iter().chain(&FREE).chain(&OTHERS).nth(step % all).copied().unwrap_or_default();
        value = Value::Object(Map::from_iter([(key.to_owned(), value), ("type".to_owned(), json!("text"))]));
        keys.push(key);
    }
    let Value::Object(mut body) = value else { return };
    // The innermost key was put first.
    let Some((innermost, outer)) = keys.split_first() else { return };
    let is_top = outer.is_empty();
    body.entry("model").or_insert(json!("a"));
    let body = Value::Object(body).to_string();
    let route = ROUTES[usize::from(*route) % ROUTES.len()];
    let parts = RequestParts {
        method: &Method::POST,
        path: route,
        query: None,
        headers: &HeaderMap::new(),
        body: body.as_bytes(),
    };
    let Ok(call) = classify(&parts) else { return };
    if call.models().any(|model| model.as_str().ends_with(NAME)) {
        return;
    }
    let is_free = keys.iter().any(|key| FREE.contains(key) || OTHERS.contains(key));
    // Azure's path overrides the model of the body.
    let is_replaced = is_top && *innermost == "model" && call.replaced_model().is_some();
    assert!(is_free || is_replaced || !is_models(innermost), "{NAME} is not judged: {route} {body}");
}
