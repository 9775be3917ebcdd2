//! Amazon Bedrock: its endpoints, its ids of models, and its credentials.

use secrecy::{ExposeSecret as _, SecretString};

use super::{is_plain, variable};
use crate::config::settings::context::Context;
use crate::config::settings::models::entry::{At, NotServed};
use crate::config::settings::types::{AwsCredentials, UpstreamCredential};
use crate::config::yaml::environment::Environment;

/// Parts of `bedrock/part/name` that choose one of LiteLLM's ways to ask Bedrock. The caller's path chooses it here.
const WAYS: [&str; 8] =
    ["converse/", "converse_like/", "invoke/", "llama/", "deepseek_r1/", "qwen2/", "qwen3/", "nova/"];

/// Keys of LiteLLM for credentials that would have to be exchanged for others first.
const EXCHANGED: [&str; 5] =
    ["aws_role_name", "aws_profile_name", "aws_web_identity_token", "aws_external_id", "aws_sts_endpoint"];

const HELP: &str = "write `aws_access_key_id` and `aws_secret_access_key`, or a key of Bedrock into `api_key`, or set their variables";

/// The keys of `litellm_params` for Bedrock.
#[derive(Clone, Default)]
pub(in crate::config) struct Parameters {
    pub(in crate::config) access_key_id: Option<SecretString>,
    pub(in crate::config) secret_access_key: Option<SecretString>,
    pub(in crate::config) session_token: Option<SecretString>,
    pub(in crate::config) region: Option<String>,
    pub(in crate::config) endpoint: Option<String>,
    pub(in crate::config) model_id: Option<String>,
}

/// The settings of a deployment at Bedrock.
pub(in crate::config) struct Bedrock {
    /// The id of the model.
    pub(in crate::config) model: String,
    /// The key that chose the endpoint, and the endpoint.
    pub(in crate::config) endpoint: (&'static str, String),
    /// A key that is sent as a bearer token.
    pub(in crate::config) bearer: Option<SecretString>,
    /// Keys that sign.
    pub(in crate::config) credential: Option<UpstreamCredential>,
}

/// Reads the settings of a deployment at Bedrock.
pub(in crate::config) fn read(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    name: &str,
    (api_base, api_key): (Option<&(&'static str, String)>, Option<&SecretString>),
    parameters: &Parameters,
) -> Result<Bedrock, NotServed> {
    let (region_of_name, id) = split(name);
    let id = parameters.model_id.as_deref().filter(|id| !id.is_empty()).unwrap_or(id);
    if id.is_empty() || id.starts_with("agent/") || id.starts_with("agentcore/") {
        return Err(NotServed::new(
            "it is not a model of Bedrock's runtime",
            "name a proxy that serves it in `modelgate.upstream`, such as LiteLLM",
        ));
    }
    let region = parameters.region.clone().filter(|region| !region.is_empty());
    let region = region
        .or_else(|| region_of_name.map(str::to_owned))
        .or_else(|| region_of_arn(id).map(str::to_owned))
        .or_else(|| variable(cx, env, &["AWS_REGION_NAME", "AWS_REGION", "AWS_DEFAULT_REGION"]))
        .unwrap_or_else(|| "us-west-2".to_owned());
    if !is_plain(&region) {
        return Err(NotServed::new(
            "its `aws_region_name` is not a region",
            "write a region such as `us-east-1`",
        ));
    }
    let written = parameters.endpoint.clone().filter(|endpoint| !endpoint.is_empty());
    let endpoint = match (written, api_base) {
        (Some(endpoint), _) => ("aws_bedrock_runtime_endpoint", endpoint),
        (None, Some((key, text))) => (*key, text.clone()),
        (None, None) => match variable(cx, env, &["AWS_BEDROCK_RUNTIME_ENDPOINT"]) {
            Some(endpoint) => ("AWS_BEDROCK_RUNTIME_ENDPOINT", endpoint),
            None => {
                let suffix = if region.starts_with("cn-") { ".cn" } else { "" };
                ("api_base", format!("https://bedrock-runtime.{region}.amazonaws.com{suffix}"))
            }
        },
    };
    let bearer =
        api_key.cloned().or_else(|| variable(cx, env, &["AWS_BEARER_TOKEN_BEDROCK"]).map(SecretString::from));
    let credential = match bearer {
        Some(_) => None,
        None => Some(UpstreamCredential::Aws(keys(cx, env, at, region, parameters)?)),
    };
    Ok(Bedrock { model: id.to_owned(), endpoint, bearer, credential })
}

fn keys(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    region: String,
    parameters: &Parameters,
) -> Result<AwsCredentials, NotServed> {
    let is_exchanged =
        |key: &&&str| at.parameters(cx).iter().any(|entry| entry.key == ***key && !entry.value.is_null());
    if let Some(key) = EXCHANGED.iter().find(is_exchanged) {
        return Err(NotServed::new(
            format!("its credential (`{key}`) has to be exchanged for keys first"),
            HELP,
        ));
    }
    let full = |key: &Option<SecretString>| key.clone().filter(|key| !key.expose_secret().is_empty());
    let written = (full(&parameters.access_key_id), full(&parameters.secret_access_key));
    let (access_key_id, secret_access_key, session_token) = match written {
        (Some(id), Some(secret)) => (id, secret, full(&parameters.session_token)),
        // Half of a pair never completes half of another.
        (Some(_), None) | (None, Some(_)) => {
            return Err(NotServed::new("one of its two keys of AWS is missing", HELP));
        }
        (None, None) => {
            let mut variable = |name| variable(cx, env, &[name]).map(SecretString::from);
            let (id, secret) = (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY"));
            let (Some(id), Some(secret)) = (id, secret) else {
                return Err(NotServed::new("no credential of AWS is known for it", HELP));
            };
            (id, secret, variable("AWS_SESSION_TOKEN"))
        }
    };
    let is_text = |key: &SecretString| key.expose_secret().bytes().all(|byte| byte.is_ascii_graphic());
    let all = [Some(&access_key_id), Some(&secret_access_key), session_token.as_ref()];
    if !all.into_iter().flatten().all(is_text) {
        return Err(NotServed::new("a key of AWS has an invalid character", HELP));
    }
    Ok(AwsCredentials { access_key_id, secret_access_key, session_token, region })
}

/// Splits `way/region/id` into the region and the id.
fn split(name: &str) -> (Option<&str>, &str) {
    let mut rest = name;
    while let Some(after) = WAYS.iter().find_map(|way| rest.strip_prefix(way)) {
        rest = after;
    }
    match rest.split_once('/') {
        Some((region, id)) if is_region(region) => (Some(region), id),
        _ => (None, rest),
    }
}

/// Whether the text has the form of a region, such as `us-east-1` or `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let mut parts = text.split('-');
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.next_back().is_some_and(is_number) && parts.clone().count() >= 2 && parts.all(is_word)
}

/// The region in `arn:aws:bedrock:region:…`.
fn region_of_arn(id: &str) -> Option<&str> {
    id.strip_prefix("arn:")?.split(':').nth(2).filter(|region| is_region(region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_and_the_region_are_taken_off_a_name() {
        for (name, found) in [
            ("anthropic.claude-v2", (None, "anthropic.claude-v2")),
            ("converse/us.amazon.nova-lite-v1:0", (None, "us.amazon.nova-lite-v1:0")),
            ("invoke/us-west-2/meta.llama3", (Some("us-west-2"), "meta.llama3")),
            ("us-gov-west-1/x", (Some("us-gov-west-1"), "x")),
            (
                "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x",
                (None, "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x"),
            ),
        ] {
            assert_eq!(split(name), found, "{name}");
        }
        assert_eq!(region_of_arn("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.x"), Some("eu-west-1"));
        assert_eq!(region_of_arn("anthropic.claude-v2:1"), None);
    }
}
