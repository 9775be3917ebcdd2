//! The providers of LiteLLM, as its package resolves them (`providers.json`).

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use serde::Deserialize;

use crate::providers;

/// LiteLLM's data about a provider.
#[derive(Deserialize)]
pub(in crate::config) struct Known {
    /// The part before the slash of `provider/name`.
    #[serde(skip)]
    pub(in crate::config) name: String,
    pub(in crate::config) speaks: Speaks,
    /// The default endpoint, which the configuration or a variable overrides.
    #[serde(default)]
    pub(in crate::config) api_base: Option<String>,
    /// Environment variables for the endpoint. The first that is set is used.
    #[serde(default)]
    pub(in crate::config) base_variables: Vec<String>,
    /// Environment variables for the key. The first that is set is used.
    #[serde(default)]
    pub(in crate::config) key_variables: Vec<String>,
}

/// The protocol of a provider's endpoint.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(in crate::config) enum Speaks {
    #[serde(rename = "openai")]
    OpenAi,
    Azure,
    AzureAi,
    Anthropic,
    Gemini,
    Bedrock,
    Vertex,
    /// A protocol that this gateway does not support.
    Other,
}

#[derive(Deserialize)]
struct File {
    providers: Providers,
}

type Providers = HashMap<String, Known, RandomState>;

static PROVIDERS: LazyLock<Providers> = LazyLock::new(|| {
    // The test `every_provider_is_read` proves that the file is valid.
    let file = serde_json::from_str::<File>(include_str!("providers.json"));
    let mut providers = file.map(|file| file.providers).unwrap_or_default();
    for (name, known) in &mut providers {
        known.name.clone_from(name);
    }
    providers
});

/// Prefixes of OpenAI's names that R6 does not know. R6 only covers wildcards of teams.
const OPENAI_BEGINNINGS: [&str; 8] = [
    "ft:gpt-",
    "codex-",
    "computer-use-",
    "omni-moderation",
    "text-moderation",
    "babbage-",
    "davinci-",
    "sora-",
];

/// Finds a provider by name.
pub(in crate::config) fn named(name: &str) -> Option<&'static Known> {
    PROVIDERS.get(name)
}

/// The provider of `provider/name` or of a bare name, and the name at the upstream.
pub(in crate::config) fn find(model: &str) -> Option<(&'static Known, &str)> {
    match model.split_once('/') {
        Some((provider, name)) => Some((named(provider)?, name)),
        None if OPENAI_BEGINNINGS.iter().any(|beginning| model.starts_with(beginning)) => {
            Some((named("openai")?, model))
        }
        None => Some((named(providers::of_bare_name(model)?)?, model)),
    }
}

/// The provider that a request's model names, and the model's name there.
#[cfg(feature = "gateway")]
pub(crate) fn provider_of(model: &str) -> Option<(&'static str, &str)> {
    find(model).map(|(known, name)| (known.name.as_str(), name))
}

/// The same if `custom_llm_provider` names the provider. The name then keeps any other prefix.
pub(in crate::config) fn find_custom<'m>(
    provider: &str,
    model: &'m str,
) -> Option<(&'static Known, &'m str)> {
    let name = model.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(model);
    Some((named(provider)?, name))
}

/// Every provider with a supported protocol, by name.
pub(in crate::config) fn spoken() -> Vec<&'static Known> {
    let mut spoken: Vec<_> = PROVIDERS.values().filter(|known| known.speaks != Speaks::Other).collect();
    spoken.sort_by(|a, b| a.name.cmp(&b.name));
    spoken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_provider_is_read() {
        assert!(PROVIDERS.len() > 180, "{}", PROVIDERS.len());
        assert!(PROVIDERS.values().all(|known| !known.name.is_empty()));
    }

    #[test]
    fn a_prefix_names_the_provider_and_is_taken_off_once() {
        for (model, provider, name) in [
            ("openrouter/anthropic/claude-3", "openrouter", "anthropic/claude-3"),
            ("bedrock/anthropic.claude-v2", "bedrock", "anthropic.claude-v2"),
            ("cerebras/llama", "cerebras", "llama"),
            ("ft:gpt-4o:org", "openai", "ft:gpt-4o:org"),
        ] {
            let (known, found) = find(model).unwrap();
            assert_eq!((known.name.as_str(), found), (provider, name));
        }
        assert!(find("meta-llama/Llama-3").is_none() && find("llama").is_none());
    }

    #[test]
    fn a_custom_provider_takes_off_its_own_prefix_alone() {
        for (model, name) in [("azure/dep", "dep"), ("openai/gpt", "openai/gpt"), ("azure-dep", "azure-dep")]
        {
            assert_eq!(find_custom("azure", model).unwrap().1, name);
        }
    }
}
