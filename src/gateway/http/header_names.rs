//! Tables of header names: hop-by-hop headers, headers that callers may send, and headers that identify an
//! upstream.

use crate::authn::is_credential_header;

/// Hop-by-hop headers (RFC 9110 section 7.6.1), and `Content-Length`, which each side sets itself.
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

/// Whether a caller may send this header upstream. The gateway decides the caller's identity, the origin,
/// account, deployment, method and path of a request. Headers that set any of these are removed.
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
                // The gateway answers for the pages of `modelgate.cors`. Ollama and Anthropic refuse unknown
                // pages.
                | "origin"
                | "remote-user"
                | "true-client-ip"
        ),
    };
    !is_other && !is_credential_header(name) && !names_a_model(name)
}

/// The prefixes and names of `x-…` headers that callers may not send.
fn is_forbidden_extension(name: &str) -> bool {
    // Clients send many other such headers, for example `x-stainless-…`.
    if !matches!(name.as_bytes().get(2), Some(b'a' | b'c' | b'e'..=b'h' | b'l' | b'm' | b'o' | b'p' | b'r')) {
        return false;
    }
    const PREFIXES: [&str; 19] = [
        "x-forwarded-",
        "x-litellm-",
        "x-modelgate-",
        // Overrides of the judged method or path.
        "x-http-method",
        "x-method-override",
        "x-original-",
        "x-rewrite-",
        "x-envoy-",
        // The user that another proxy authenticated.
        "x-auth-request-",
        "x-remote-",
        // A signature of AWS, its session token, and the operation that it is for.
        "x-amz-",
        "x-amzn-oidc-",
        "x-goog-iap-",
        "x-goog-authenticated-user-",
        "x-ms-client-principal",
        "x-ms-token-",
        // Overrides of the deployment.
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

/// Whether a header may choose a model, a deployment or an account. Headers of another proxy's own are none of these.
pub(in crate::gateway) fn chooses(name: &str) -> bool {
    let prefixes = ["x-litellm-", "x-portkey-", "helicone-", "x-amzn-sagemaker-"];
    names_a_model(name)
        || matches!(name, "openai-organization" | "openai-project" | "x-goog-user-project")
        || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether one word of the name is `model` or `deployment`, as in `azureml-model-deployment` and
/// `ai-language-model-id`. Some endpoints choose a model by such a header, but only the body, the path and
/// the query may do so here.
fn names_a_model(name: &str) -> bool {
    // Both words contain a `d`, and most names do not.
    name.as_bytes().contains(&b'd')
        && name.split(['-', '_']).any(|word| matches!(word, "model" | "deployment"))
}

/// Whether a response header identifies the upstream, deployment or account that served it.
///
/// New versions of LiteLLM add headers, so only its known harmless headers pass.
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

/// The suffixes of `x-litellm-` headers that only describe the request.
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
