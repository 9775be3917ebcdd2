//! The providers whose endpoints are known.

use crate::config::settings::types::Provider;
use crate::providers;

/// What LiteLLM knows of a provider.
pub(in crate::config) struct Known {
    /// What stands before the slash of `provider/name`.
    pub(in crate::config) name: &'static str,
    pub(in crate::config) provider: Provider,
    /// The endpoint, unless the configuration or a variable names another.
    pub(in crate::config) api_base: Option<&'static str>,
    /// Environment variables that may name the endpoint; the first that is set counts.
    pub(super) base_variables: &'static [&'static str],
    /// Environment variables that may hold the key; the first that is set counts.
    pub(super) key_variables: &'static [&'static str],
}

const KNOWN: [Known; 14] = [
    Known {
        name: "openai",
        provider: Provider::OpenAi,
        api_base: Some("https://api.openai.com/v1"),
        base_variables: &["OPENAI_BASE_URL", "OPENAI_API_BASE"],
        key_variables: &["OPENAI_API_KEY"],
    },
    Known {
        name: "azure",
        provider: Provider::Azure,
        api_base: None,
        base_variables: &["AZURE_API_BASE"],
        key_variables: &["AZURE_OPENAI_API_KEY", "AZURE_API_KEY"],
    },
    Known {
        name: "anthropic",
        provider: Provider::Anthropic,
        api_base: Some("https://api.anthropic.com"),
        base_variables: &["ANTHROPIC_API_BASE", "ANTHROPIC_BASE_URL"],
        key_variables: &["ANTHROPIC_API_KEY"],
    },
    Known {
        name: "gemini",
        provider: Provider::Gemini,
        api_base: Some("https://generativelanguage.googleapis.com"),
        base_variables: &["GEMINI_API_BASE"],
        key_variables: &["GOOGLE_API_KEY", "GEMINI_API_KEY"],
    },
    Known {
        name: "groq",
        provider: Provider::OpenAi,
        api_base: Some("https://api.groq.com/openai/v1"),
        base_variables: &["GROQ_API_BASE"],
        key_variables: &["GROQ_API_KEY"],
    },
    Known {
        name: "mistral",
        provider: Provider::OpenAi,
        api_base: Some("https://api.mistral.ai/v1"),
        base_variables: &["MISTRAL_API_BASE"],
        key_variables: &["MISTRAL_API_KEY"],
    },
    Known {
        name: "deepseek",
        provider: Provider::OpenAi,
        api_base: Some("https://api.deepseek.com/v1"),
        base_variables: &["DEEPSEEK_API_BASE"],
        key_variables: &["DEEPSEEK_API_KEY"],
    },
    Known {
        name: "xai",
        provider: Provider::OpenAi,
        api_base: Some("https://api.x.ai/v1"),
        base_variables: &["XAI_API_BASE"],
        key_variables: &["XAI_API_KEY"],
    },
    Known {
        name: "openrouter",
        provider: Provider::OpenAi,
        api_base: Some("https://openrouter.ai/api/v1"),
        base_variables: &["OPENROUTER_API_BASE"],
        key_variables: &["OPENROUTER_API_KEY"],
    },
    Known {
        name: "together_ai",
        provider: Provider::OpenAi,
        api_base: Some("https://api.together.ai/v1"),
        base_variables: &["TOGETHER_AI_API_BASE"],
        key_variables: &[
            "TOGETHER_API_KEY",
            "TOGETHER_AI_API_KEY",
            "TOGETHERAI_API_KEY",
            "TOGETHER_AI_TOKEN",
        ],
    },
    Known {
        name: "fireworks_ai",
        provider: Provider::OpenAi,
        api_base: Some("https://api.fireworks.ai/inference/v1"),
        base_variables: &["FIREWORKS_API_BASE"],
        key_variables: &[
            "FIREWORKS_API_KEY",
            "FIREWORKS_AI_API_KEY",
            "FIREWORKSAI_API_KEY",
            "FIREWORKS_AI_TOKEN",
        ],
    },
    Known {
        name: "ollama",
        provider: Provider::OpenAi,
        api_base: Some("http://localhost:11434"),
        base_variables: &["OLLAMA_API_BASE"],
        key_variables: &["OLLAMA_API_KEY"],
    },
    // The same server, by LiteLLM's name for its chat endpoint.
    Known {
        name: "ollama_chat",
        provider: Provider::OpenAi,
        api_base: Some("http://localhost:11434"),
        base_variables: &["OLLAMA_API_BASE"],
        key_variables: &["OLLAMA_API_KEY"],
    },
    Known {
        name: "hosted_vllm",
        provider: Provider::OpenAi,
        api_base: None,
        base_variables: &["HOSTED_VLLM_API_BASE"],
        key_variables: &["HOSTED_VLLM_API_KEY"],
    },
];

/// The provider of `provider/name` or of a bare name, with the name at the upstream.
pub(in crate::config) fn find(model: &str) -> Option<(&'static Known, &str)> {
    let (provider, name) = match model.split_once('/') {
        Some((provider, name)) => (provider, name),
        None => (providers::of_bare_name(model)?, model),
    };
    KNOWN.iter().find(|known| known.name == provider).map(|known| (known, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_names_the_provider_and_is_taken_off_once() {
        let (known, name) = find("openrouter/anthropic/claude-3").unwrap();
        assert_eq!((known.name, name), ("openrouter", "anthropic/claude-3"));
        assert!(find("bedrock/anthropic.claude-v2").is_none());
    }
}
