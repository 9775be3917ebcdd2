//! Tables of header names: what ends at this hop, what a caller may say, and what tells of an upstream.

use crate::authn::CREDENTIAL_HEADERS;

/// Headers for one hop alone (RFC 9110 section 7.6.1), and `Content-Length`, which each side writes for itself.
pub(super) fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "content-length"
            | "http2-settings"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Whether a header is the caller's to send. An upstream must not learn from the caller who calls, how the request came, on
/// whose account it runs, or which deployment, method or path is meant: the gateway has judged those.
pub(super) fn is_of_the_caller(name: &str) -> bool {
    let is_other = match name.as_bytes() {
        [b'x', b'-', ..] => is_forbidden_extension(name),
        [b'p', ..] => name.starts_with("proxy-"),
        [b's', ..] => name.starts_with("sec-websocket-"),
        [b'h', ..] => matches!(name, "host") || name.starts_with("helicone-"),
        [b'c', ..] => {
            matches!(name, "cookie" | "cf-connecting-ip" | "cf-connecting-ipv6")
                || name.starts_with("cf-access-")
        }
        _ => matches!(
            name,
            "expect"
                | "fastly-client-ip"
                | "forwarded"
                | "openai-organization"
                | "openai-project"
                // The gateway speaks for the pages of `modelgate.cors`: Ollama and Anthropic refuse pages they do not know.
                | "origin"
                | "remote-user"
                | "true-client-ip"
        ),
    };
    !is_other && !CREDENTIAL_HEADERS.contains(&name) && !names_a_model(name)
}

/// The prefixes and names among `x-…` that are not the caller's.
fn is_forbidden_extension(name: &str) -> bool {
    // Clients send many that begin otherwise, such as `x-stainless-…`.
    if !matches!(name.as_bytes().get(2), Some(b'a' | b'c' | b'e'..=b'h' | b'l' | b'm' | b'o' | b'p' | b'r')) {
        return false;
    }
    const PREFIXES: [&str; 19] = [
        "x-forwarded-",
        "x-litellm-",
        "x-modelgate-",
        // Other methods and paths than the ones that were judged.
        "x-http-method",
        "x-method-override",
        "x-original-",
        "x-rewrite-",
        "x-envoy-",
        // What other proxies say of an authenticated user.
        "x-auth-request-",
        "x-remote-",
        // A signature of AWS, its session token, and the operation that it is for.
        "x-amz-",
        "x-amzn-oidc-",
        "x-goog-iap-",
        "x-goog-authenticated-user-",
        "x-ms-client-principal",
        "x-ms-token-",
        // Other targets than the deployment.
        "x-amzn-sagemaker-target-",
        "x-amzn-sagemaker-inference-component",
        "x-portkey-",
    ];
    matches!(
        name,
        "x-client-ip"
            | "x-cluster-client-ip"
            | "x-forwarded"
            | "x-goog-user-project"
            | "x-originating-ip"
            | "x-real-ip"
    ) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether one word of the name is `model` or `deployment`, as in `azureml-model-deployment` and `ai-language-model-id`: some
/// endpoint takes it as the choice of a model, which only the body, the path and the query may make here.
fn names_a_model(name: &str) -> bool {
    // Both words have a `d`, and most names have none.
    name.as_bytes().contains(&b'd')
        && name.split(['-', '_']).any(|word| matches!(word, "model" | "deployment"))
}

/// Whether a header of an answer tells which upstream, deployment or account served it.
///
/// LiteLLM adds headers from version to version, so of those only known ones are taken for harmless.
pub(super) fn names_an_upstream(name: &str) -> bool {
    if let Some(rest) = name.strip_prefix("x-litellm-") {
        return !is_harmless(rest);
    }
    name.starts_with("llm_provider-")
        || name.starts_with("azureml-model-")
        || matches!(
            name,
            "openai-organization"
                | "openai-project"
                | "x-ms-deployment-name"
                | "x-ms-region"
                | "anthropic-organization-id"
        )
}

/// What follows `x-litellm-` in headers that tell of the request alone.
fn is_harmless(rest: &str) -> bool {
    matches!(
        rest,
        "call-id"
            | "model-group"
            | "cache-key"
            | "timeout"
            | "attempted-retries"
            | "attempted-fallbacks"
            | "max-retries"
            | "max-fallbacks"
            | "response-duration-ms"
            | "overhead-duration-ms"
            | "applied-guardrails"
    ) || rest.starts_with("response-cost")
}
