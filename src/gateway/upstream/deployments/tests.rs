use std::collections::BTreeSet;
use std::sync::LazyLock;

use http::{HeaderMap, Method};

use super::*;
use crate::request::{RequestParts, classify};

const MODELS: &str = "
model_list:
  - {model_name: gpt, litellm_params: {model: gpt-4o, organization: org-1}}
  - {model_name: azure, litellm_params: {model: azure/dep, api_base: 'https://x.openai.azure.com/', api_version: v1, api_key: k}}
  - {model_name: claude, litellm_params: {model: claude-3-5-haiku-20241022, api_key: k}}
  - {model_name: gemini, litellm_params: {model: gemini/gemini-2.0-flash, api_key: k}}
  - {model_name: 'groq/*', litellm_params: {model: 'groq/*'}}
  - {model_name: 'groq/big-*', litellm_params: {model: openai/big, api_base: 'http://big/v1'}}
  - {model_name: twin-a, litellm_params: {model: openai/t, api_base: 'http://one/v1'}}
  - {model_name: twin-a, litellm_params: {model: openai/t, api_base: 'http://two/v1'}}
  - {model_name: twin-b, litellm_params: {model: openai/t, api_base: 'http://one/v1'}}
  - {model_name: twin-b, litellm_params: {model: openai/t, api_base: 'http://two/v1'}}
  - {model_name: 'many/*', litellm_params: {model: 'openai/*', api_base: 'http://one/v1'}}
  - {model_name: 'many/*', litellm_params: {model: 'openai/*', api_base: 'http://two/v1'}}
  - {model_name: 'az/*', litellm_params: {model: 'azure/*', api_base: 'https://x.openai.azure.com', api_version: v1, api_key: k}}
  - {model_name: 'aws/*', litellm_params: {model: 'bedrock/*', aws_access_key_id: a, aws_secret_access_key: s, aws_region_name: eu-west-1}}
  - {model_name: 'gem/*', litellm_params: {model: 'gemini/*', api_key: k}}
";

static DEPLOYMENTS: LazyLock<Deployments> =
    LazyLock::new(|| Deployments::new(&Config::parse("c.yaml", MODELS, ".".as_ref(), &|_| None).unwrap()));

fn at(path: &str, model: Option<&str>, query: Option<&str>) -> Option<Target<'static>> {
    let body = model.map(|model| format!("{{\"model\": \"{model}\"}}")).unwrap_or_default();
    let headers = HeaderMap::new();
    let parts = RequestParts { method: &Method::POST, path, query, headers: &headers, body: body.as_bytes() };
    DEPLOYMENTS.target(&classify(&parts).ok()?, query, None, &Attempts::default()).ok()
}

fn uri(path: &str, model: &str) -> Option<String> {
    at(path, Some(model), None).map(|target| target.uri.to_string())
}

fn has(target: &Target<'_>, name: &str, value: &str) -> bool {
    target.headers.iter().any(|(n, v)| n == name && v == value)
}

const CHAT: &str = "/v1/chat/completions";

#[test]
fn openai_is_spoken_below_the_base() {
    let target = at(CHAT, Some("gpt"), None).unwrap();
    assert_eq!(target.uri, "https://api.openai.com/v1/chat/completions");
    assert_eq!(target.model.as_deref(), Some("gpt-4o"));
    assert!(has(&target, "openai-organization", "org-1"));
}

#[test]
fn a_model_in_the_query_is_renamed_too() {
    let target = at(CHAT, None, Some("a=%20&model=gp%74&b")).unwrap();
    assert_eq!(target.uri, "https://api.openai.com/v1/chat/completions?a=%20&model=gpt%2D4o&b");
    assert_eq!(target.model.as_deref(), Some("gpt-4o"));
}

#[test]
fn azure_has_its_own_paths_version_and_header() {
    let target = at("/openai/deployments/azure/chat/completions", None, Some("api-version=other")).unwrap();
    assert_eq!(
        target.uri,
        "https://x.openai.azure.com/openai/deployments/dep/chat/completions?api-version=v1"
    );
    assert!(has(&target, "api-key", "k"));
}

#[test]
fn a_name_below_a_wildcard_cannot_leave_its_place_in_a_path() {
    for name in [
        "gpt/../secret",
        "..",
        "gpt/.",
        "secret/chat/completions?gpt",
        "secret#gpt",
        "gpt%2f..%2fsecret",
        "gpt/%2e%2e/secret",
        "gpt\\..\\secret",
        "gpt/..;/secret",
        "gpt//secret",
        "/secret",
        "gpt\u{2025}",
    ] {
        let name = name.replace('\\', "\\\\");
        assert_eq!(uri(CHAT, &format!("az/{name}")), None, "{name}");
        let native =
            format!("/v1beta/models/gem/{}:generateContent", name.replace('?', "%3F").replace('#', "%23"));
        assert!(at(&native, None, None).is_none(), "{native}");
    }
    let converse = |name: &str| at(&format!("/model/aws%2F{name}/converse"), None, None);
    assert!(converse("..").is_none() && converse("..%2Fsecret").is_none());
    assert_eq!(converse("a:b%2Fc").unwrap().uri.path(), "/model/a%3Ab%2Fc/converse");
    let plain = "https://x.openai.azure.com/openai/deployments/Gpt_4.1-mini/chat/completions?api-version=v1";
    assert_eq!(uri(CHAT, "az/Gpt_4.1-mini").as_deref(), Some(plain));
}

#[test]
fn anthropic_is_spoken_natively_and_as_openai() {
    let native = at("/v1/messages", Some("claude"), None).unwrap();
    assert_eq!(native.uri, "https://api.anthropic.com/v1/messages");
    assert!(has(&native, "x-api-key", "k"));
    let openai = at(CHAT, Some("claude"), None).unwrap();
    assert_eq!(openai.uri, "https://api.anthropic.com/v1/chat/completions");
    assert!(has(&openai, "authorization", "Bearer k"));
}

#[test]
fn gemini_is_spoken_natively_and_as_openai() {
    let native = at("/v1beta/models/gemini:streamGenerateContent", None, Some("alt=sse")).unwrap();
    assert_eq!(
        native.uri,
        "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.0-flash:streamGenerateContent?alt=sse"
    );
    assert!(has(&native, "x-goog-api-key", "k") && native.model.is_none());
    for (asked, version) in [("/v1", "v1"), ("/v1alpha", "v1alpha"), ("/v1beta", "v1beta"), ("", "v1beta")] {
        let sent = at(&format!("{asked}/models/gemini:countTokens"), None, None).unwrap();
        assert_eq!(sent.uri.path(), format!("/{version}/models/gemini-2.0-flash:countTokens"));
    }
    let openai = uri(CHAT, "gemini").unwrap();
    assert_eq!(openai, "https://generativelanguage.googleapis.com/v1beta/openai/chat/completions");
}

#[test]
fn a_wildcard_fills_the_deployments_star_and_the_longest_wins() {
    let target = at(CHAT, Some("groq/llama"), None).unwrap();
    assert_eq!((target.uri.host(), target.model.as_deref()), (Some("api.groq.com"), Some("llama")));
    assert_eq!(uri(CHAT, "groq/big-1").as_deref(), Some("http://big/v1/chat/completions"));
}

#[test]
fn names_that_are_asked_for_in_strict_turn_take_all_their_deployments() {
    for names in [["twin-a", "twin-b"], ["many/a", "many/b"]] {
        let mut hosts = BTreeSet::new();
        for _ in 0..4 {
            hosts.extend(names.map(|name| (name, uri(CHAT, name).unwrap())));
        }
        assert_eq!(hosts.len(), 4, "{hosts:?}");
    }
}

#[test]
fn what_a_provider_does_not_speak_has_no_target() {
    assert!(at("/v1/messages", Some("gpt"), None).is_none());
    assert!(at(CHAT, Some("unknown"), None).is_none());
}
