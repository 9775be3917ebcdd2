//! The destinations of requests for a model.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::super::{Deployment, Provider};
use super::{parse, parse_with, problems, problems_with, show};

fn entry(params: &str) -> String {
    format!("model_list: [{{model_name: m, litellm_params: {{{params}}}}}]\n")
}

fn deployment(params: &str, variables: &[(&str, &str)]) -> Deployment {
    parse_with(&entry(params), variables).unwrap().models.remove(0).deployment.unwrap()
}

fn shown(params: &str) -> (Provider, String, String) {
    let Deployment { provider, model, api_base, .. } = deployment(params, &[]);
    (provider, model, api_base.to_string())
}

#[test]
fn an_endpoint_follows_from_the_provider() {
    let cases = [
        ("openai/gpt-4o", Provider::OpenAi, "gpt-4o", "https://api.openai.com/v1"),
        ("o3-mini", Provider::OpenAi, "o3-mini", "https://api.openai.com/v1"),
        ("anthropic/claude-3", Provider::Anthropic, "claude-3", "https://api.anthropic.com/"),
        ("gemini/gemini-pro", Provider::Gemini, "gemini-pro", "https://generativelanguage.googleapis.com/"),
        ("groq/llama", Provider::OpenAi, "llama", "https://api.groq.com/openai/v1"),
        ("mistral/large", Provider::OpenAi, "large", "https://api.mistral.ai/v1"),
        ("deepseek/chat", Provider::OpenAi, "chat", "https://api.deepseek.com/v1"),
        ("xai/grok", Provider::OpenAi, "grok", "https://api.x.ai/v1"),
        ("openrouter/openai/gpt-4o", Provider::OpenAi, "openai/gpt-4o", "https://openrouter.ai/api/v1"),
        ("together_ai/a/b", Provider::OpenAi, "a/b", "https://api.together.ai/v1"),
        ("fireworks_ai/x", Provider::OpenAi, "x", "https://api.fireworks.ai/inference/v1"),
        ("ollama/llama3", Provider::OpenAi, "llama3", "http://localhost:11434/v1"),
    ];
    for (model, provider, name, base) in cases {
        assert_eq!(
            shown(&format!("model: {model}")),
            (provider, name.to_owned(), base.to_owned()),
            "{model}"
        );
    }
}

#[test]
fn an_api_base_makes_any_name_openai_shaped() {
    let cases = [
        ("model: openai/llama, api_base: http://x/v1/", Provider::OpenAi, "llama", "http://x/v1"),
        ("model: llama, api_base: http://x/v1", Provider::OpenAi, "llama", "http://x/v1"),
        ("model: acme/llama, api_base: http://x/v1", Provider::OpenAi, "acme/llama", "http://x/v1"),
        ("model: hosted_vllm/a/b, base_url: http://x/v1", Provider::OpenAi, "a/b", "http://x/v1"),
        ("model: ollama_chat/l, api_base: http://x:11434", Provider::OpenAi, "l", "http://x:11434/v1"),
        (
            "model: azure/d, api_base: https://n.openai.azure.com/",
            Provider::Azure,
            "d",
            "https://n.openai.azure.com/",
        ),
        ("model: claude-3, api_base: https://x/v1/messages", Provider::Anthropic, "claude-3", "https://x/"),
        ("model: gemini/g, api_base: https://x/v1beta/openai/", Provider::Gemini, "g", "https://x/"),
    ];
    for (params, provider, name, base) in cases {
        assert_eq!(shown(params), (provider, name.to_owned(), base.to_owned()), "{params}");
    }
}

#[test]
fn all_parameters_are_read() {
    let found = deployment(
        "model: azure/d, api_base: https://x, api_key: os.environ/K, api_version: '2024-10-21', organization: org, \
         extra_headers: {X-A: b}, timeout: 2.5",
        &[("K", "secret")],
    );
    assert_eq!(found.api_key.unwrap().expose_secret(), "secret");
    assert_eq!(found.api_version.as_deref(), Some("2024-10-21"));
    assert_eq!(found.organization.as_deref(), Some("org"));
    assert_eq!(found.extra_headers[0].0, "x-a");
    assert!(found.extra_headers[0].1.is_sensitive());
    assert_eq!(found.timeout, Some(Duration::from_millis(2500)));
}

#[test]
fn endpoint_and_key_may_come_from_the_providers_own_variables() {
    let variables =
        [("OPENAI_API_KEY", "sk-o"), ("OPENAI_API_BASE", "http://proxy/v1"), ("GEMINI_API_KEY", "g")];
    let found = deployment("model: gpt-4o", &variables);
    assert_eq!(found.api_base.as_str(), "http://proxy/v1");
    assert_eq!(found.api_key.unwrap().expose_secret(), "sk-o");
    assert_eq!(deployment("model: gemini/g", &variables).api_key.unwrap().expose_secret(), "g");
}

#[test]
fn a_key_of_one_provider_is_not_sent_to_an_unknown_one() {
    let found = deployment("model: acme/x, api_base: http://x", &[("OPENAI_API_KEY", "sk-o")]);
    assert!(found.api_key.is_none());
}

#[test]
fn a_model_that_cannot_be_served_is_warned_of() {
    let warnings = |model: &str| -> Vec<_> {
        parse(&entry(&format!("model: {model}"))).unwrap().warnings.iter().map(show).collect()
    };
    let proxy = "name a proxy that does in `modelgate.upstream`, such as LiteLLM";
    for provider in ["replicate", "watsonx", "sagemaker"] {
        let reason = format!("modelgate does not speak to `{provider}`");
        let expected = format!("1:54 model `m` is judged but not served: {reason} | {proxy}");
        assert_eq!(warnings(&format!("{provider}/x")), [expected]);
    }
    for (known, variables) in [
        ("azure", "`AZURE_API_BASE`"),
        ("hosted_vllm", "`HOSTED_VLLM_API_BASE`"),
        ("lm_studio", "`LM_STUDIO_API_BASE`"),
    ] {
        let expected = format!(
            "1:54 model `m` is judged but not served: no endpoint is known for `{known}/x` | write the endpoint of this \
             {known} model into `api_base`, or set {variables}"
        );
        assert_eq!(warnings(&format!("{known}/x")), [expected]);
    }
    assert!(warnings("my-model")[0].contains("no provider is known for `my-model`"));
}

#[test]
fn a_proxy_behind_serves_models_that_have_no_upstream() {
    let text =
        entry("model: bedrock/anthropic.claude-v2") + "modelgate: {upstream: {api_base: http://litellm}}\n";
    assert!(parse(&text).unwrap().models[0].deployment.is_none());
}

#[test]
fn several_deployments_may_share_a_name() {
    let text = "model_list:\n- {model: a, litellm_params: {model: gpt-4o}}\n- {model_name: a, model: a, litellm_params: \
                {model: openai/gpt-4o-mini}}\n";
    let models = parse(text).unwrap().models;
    assert_eq!(models[0].name, models[1].name);
}

#[test]
fn two_names_of_one_setting_must_agree() {
    let text = "model_list: [{model_name: a, model: b, litellm_params: {model: gpt-4o}}]\n";
    let help = "both are names of the same setting: keep one";
    assert_eq!(problems(text), [format!("1:37 `model` and `model_name` disagree | {help}")]);
    let text = entry("model: gpt-4o, api_base: http://x, base_url: http://y");
    assert_eq!(problems(&text), [format!("1:92 `base_url` and `api_base` disagree | {help}")]);
}

#[test]
fn one_star_fills_one_star() {
    for (name, model) in [("openai/*", "openai/*"), ("*", "openai/*"), ("my-*", "gpt-*"), ("*", "gpt-4o")] {
        let text = format!("model_list: [{{model_name: '{name}', litellm_params: {{model: '{model}'}}}}]\n");
        assert!(parse(&text).is_ok(), "{name} {model}");
    }
    for (name, model) in [("a", "openai/*"), ("*/*", "openai/*"), ("*", "openai/*-*")] {
        let text = format!("model_list: [{{model_name: '{name}', litellm_params: {{model: '{model}'}}}}]\n");
        assert!(problems(&text)[0].contains("nothing fills the `*`"), "{name} {model}");
    }
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let cases = [
        (
            "api_base: 'https://u:p@x'",
            "`api_base` is not a usable URL: it must not contain a user or a password",
        ),
        (
            "api_base: 'https://x/?api-version=1'",
            "`api_base` is not a usable URL: it must not contain `?` or `#`",
        ),
        ("api_key: \"a\\nb\"", "`api_key` cannot be sent as a header"),
        ("extra_headers: {host: a}", "`host` cannot be sent as a header"),
        ("extra_headers: {'a b': c}", "`a b` cannot be sent as a header"),
        ("extra_headers: {a: \"b\\r\\nc: d\"}", "`a` cannot be sent as a header"),
        ("timeout: 0", "`timeout` must be from 1 to 86400 seconds"),
    ];
    for (params, expected) in cases {
        let found = problems(&entry(&format!("model: gpt-4o, {params}")));
        assert!(found.len() == 1 && found[0].ends_with(expected), "{params}: {found:?}");
    }
    let found = problems_with(&entry("model: gpt-4o"), &[("OPENAI_API_KEY", "a\nb")]);
    assert!(found[0].ends_with("`OPENAI_API_KEY` cannot be sent as a header"), "{found:?}");
}
