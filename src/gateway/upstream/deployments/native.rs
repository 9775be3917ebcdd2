//! The paths of providers whose own API is the only one that they speak here: Bedrock and Vertex AI.
//!
//! Input: a permitted call. Output: the path at the provider, with the deployment's model in it, or nothing if the call
//! is for another API: no body is translated.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::{Provider, VertexPlace};
use crate::gateway::http::error_response::Refusal;
use crate::request::{ApiCall, bedrock_call};

/// The characters to escape in a path segment. The SDKs of AWS escape the same ones, and signatures depend on it.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// In Google's paths, `@` precedes a version.
const ESCAPED_BY_GOOGLE: &AsciiSet = &ESCAPED.remove(b'@');

/// The publishers of models whose names in LiteLLM leave them out, by the beginnings of the names.
const PUBLISHERS: [(&str, &str); 7] = [
    ("claude", "anthropic"),
    ("mistral", "mistralai"),
    ("ministral", "mistralai"),
    ("codestral", "mistralai"),
    ("jamba", "ai21"),
    ("llama", "meta"),
    ("deepseek", "deepseek-ai"),
];

/// The path at Bedrock for a call of its runtime, also below LiteLLM's `/bedrock`.
pub(super) fn bedrock_path(call: &ApiCall, model: &str) -> Option<String> {
    let path = call.route().as_str();
    let path = path.strip_prefix("/bedrock").unwrap_or(path);
    let (_, operation) = bedrock_call(path)?;
    (*call.method() == Method::POST)
        .then(|| format!("model/{}/{operation}", utf8_percent_encode(model, ESCAPED)))
}

/// The path at Vertex AI for a call of a publisher's model, also below LiteLLM's `/vertex_ai`. The deployment's project and
/// location replace the caller's.
pub(super) fn vertex_path(call: &ApiCall, place: &VertexPlace, model: &str) -> Option<String> {
    let path = call.route().as_str();
    let mounted = path.strip_prefix("/vertex_ai/").or_else(|| path.strip_prefix("/vertex-ai/"));
    let path = mounted.or_else(|| path.strip_prefix('/'))?;
    let mut segments = path.splitn(9, '/');
    let version = segments.next().filter(|version| matches!(*version, "v1" | "v1beta1"))?;
    for expected in ["projects", "locations", "publishers"] {
        segments.next().filter(|segment| *segment == expected)?;
        segments.next()?;
    }
    segments.next().filter(|segment| *segment == "models")?;
    let (_, verb) = segments.next()?.rsplit_once(':')?;
    let is_verb = !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_alphabetic());
    if *call.method() != Method::POST || !is_verb {
        return None;
    }
    let (publisher, model) = model.split_once('/').unwrap_or_else(|| (publisher_of(model), model));
    let VertexPlace { project, location } = place;
    let project = project.as_deref()?;
    let publisher = utf8_percent_encode(publisher, ESCAPED_BY_GOOGLE);
    let model = utf8_percent_encode(model, ESCAPED_BY_GOOGLE);
    Some(format!(
        "{version}/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:{verb}"
    ))
}

fn publisher_of(model: &str) -> &'static str {
    let found = PUBLISHERS.iter().find(|(beginning, _)| model.starts_with(beginning));
    found.map_or("google", |(_, publisher)| publisher)
}

/// Why a deployment of this provider does not serve a call for another API.
pub(super) fn not_spoken(provider: Provider) -> Refusal {
    match provider {
        Provider::Bedrock => {
            Refusal::NotTranslated { provider: "Amazon Bedrock", path: "/model/{model}/converse" }
        }
        Provider::Vertex => Refusal::NotTranslated {
            provider: "Vertex AI",
            path: "/v1/projects/{project}/locations/{location}/publishers/{publisher}/models/{model}:generateContent",
        },
        Provider::OpenAi | Provider::Azure | Provider::Anthropic | Provider::Gemini => Refusal::NoUpstream,
    }
}
