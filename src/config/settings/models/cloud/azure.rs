//! Azure's endpoints: their paths, versions and credentials.

use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderName};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::{is_plain, variable};
use crate::config::problem::Problem;
use crate::config::settings::context::Context;
use crate::config::settings::models::entry::{At, NotServed};
use crate::config::settings::types::{Deployment, EntraClient, Provider, UpstreamCredential};
use crate::config::yaml::environment::Environment;

/// The default version of Microsoft's model inference.
const INFERENCE_VERSION: &str = "2024-05-01-preview";
const AUTHORITY: &str = "https://login.microsoftonline.com";
const SCOPE: &str = "https://cognitiveservices.azure.com/.default";
const FOUNDRY_HOST: &str = ".services.ai.azure.com";
const OPENAI_HOST: &str = ".openai.azure.com";

/// The keys of `litellm_params` for Azure.
#[derive(Clone, Default)]
pub(in crate::config) struct Parameters {
    pub(in crate::config) api_version: Option<String>,
    pub(in crate::config) token: Option<SecretString>,
    pub(in crate::config) tenant_id: Option<String>,
    pub(in crate::config) client_id: Option<String>,
    pub(in crate::config) client_secret: Option<SecretString>,
    pub(in crate::config) scope: Option<String>,
}

/// Splits `?api-version=…`, which Azure's portal appends, from an endpoint.
pub(in crate::config) fn split_version(text: &str) -> (&str, Option<String>) {
    match text.split_once("?api-version=") {
        Some((base, version)) if !version.contains(['&', '#']) => (base, Some(version.to_owned())),
        _ => (text, None),
    }
}

/// Completes a deployment of Azure from the common parameters.
pub(in crate::config) fn complete(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    deployment: &mut Deployment,
    parameters: &Parameters,
    version_in_base: Option<String>,
    is_foundry: bool,
) -> Result<(), NotServed> {
    let version = parameters.api_version.clone().or(version_in_base);
    deployment.api_version = version.filter(|version| !version.is_empty());
    if is_foundry {
        address_foundry(deployment);
    } else {
        let path = deployment.api_base.path();
        // The portal shows the address of an operation. The gateway appends this path itself.
        if let Some(end) = path.find("/openai/deployments/") {
            let path = path.get(..end).unwrap_or_default().to_owned();
            deployment.api_base = deployment.api_base.clone().with_path(&path);
        }
    }
    authenticate(cx, env, at, deployment, parameters)
}

/// The address of a model in Azure AI Foundry, which depends on the host and on the model's vendor.
fn address_foundry(deployment: &mut Deployment) {
    let host = deployment.api_base.host().to_owned();
    if host.ends_with(OPENAI_HOST) {
        deployment.provider = Provider::Azure;
    } else if deployment.model.to_ascii_lowercase().contains("claude") {
        deployment.provider = Provider::Anthropic;
        let base = deployment.api_base.clone();
        let base = base.without_suffix("/v1/messages").without_suffix("/v1");
        let is_complete = base.path().ends_with("/anthropic") || !host.ends_with(FOUNDRY_HOST);
        deployment.api_base = if is_complete { base } else { base.below("anthropic") };
        deployment.api_version = None;
    } else if host.ends_with(FOUNDRY_HOST) {
        if !matches!(deployment.api_base.path(), path if path.contains("/openai/") || path.ends_with("/models"))
        {
            deployment.api_base = deployment.api_base.clone().below("models");
        }
        if !deployment.api_base.path().contains("/openai/") {
            deployment.api_version.get_or_insert_with(|| INFERENCE_VERSION.to_owned());
        }
        // The key is sent in another header than elsewhere.
        if let Some(key) = deployment.api_key.take() {
            push_secret(deployment, HeaderName::from_static("api-key"), key.expose_secret());
        }
    }
}

/// A token of Entra ID overrides a key. If the file has neither, LiteLLM's variables are read.
fn authenticate(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    deployment: &mut Deployment,
    parameters: &Parameters,
) -> Result<(), NotServed> {
    let has_key =
        deployment.api_key.is_some() || deployment.extra_headers.iter().any(|(name, _)| name == "api-key");
    let written =
        parameters.token.as_ref().map(|token| token.expose_secret().to_owned()).filter(|t| !t.is_empty());
    let token = written.or_else(|| if has_key { None } else { variable(cx, env, &["AZURE_AD_TOKEN"]) });
    match token {
        Some(token) if token.starts_with("oidc/") => Err(NotServed::new(
            "a federated `azure_ad_token` has to be exchanged for a token first",
            "write a key into `api_key`, or a token into `azure_ad_token`",
        )),
        Some(token) => {
            deployment.api_key = None;
            if !push_secret(deployment, AUTHORIZATION, &format!("Bearer {token}")) {
                cx.refuse(&at.param("azure_ad_token"), Problem::Header { key: "azure_ad_token".to_owned() });
            }
            Ok(())
        }
        None if has_key => Ok(()),
        None => {
            if let Some(client) = entra_client(cx, env, parameters)? {
                deployment.credential = Some(UpstreamCredential::Entra(client));
            }
            Ok(())
        }
    }
}

/// The client of Entra ID, if the file or LiteLLM's variables name all three parts of it.
fn entra_client(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    parameters: &Parameters,
) -> Result<Option<EntraClient>, NotServed> {
    let full = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let mut or = |own: Option<String>, name| own.or_else(|| variable(cx, env, &[name]));
    let tenant = or(full(parameters.tenant_id.as_deref()), "AZURE_TENANT_ID");
    let client_id = or(full(parameters.client_id.as_deref()), "AZURE_CLIENT_ID");
    let secret = parameters.client_secret.as_ref().map(|secret| secret.expose_secret());
    let client_secret = or(full(secret), "AZURE_CLIENT_SECRET");
    let (Some(tenant), Some(client_id), Some(client_secret)) = (tenant, client_id, client_secret) else {
        return Ok(None);
    };
    let authority = or(None, "AZURE_AUTHORITY_HOST").unwrap_or_else(|| AUTHORITY.to_owned());
    let authority = if authority.contains("://") { authority } else { format!("https://{authority}") };
    let url = Url::parse(&format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/')));
    let token_url = url
        .ok()
        .filter(|url| is_plain(&tenant) && url.host().is_some() && matches!(url.scheme(), "https" | "http"));
    let Some(token_url) = token_url else {
        return Err(NotServed::new(
            "its tenant and `AZURE_AUTHORITY_HOST` do not form an address of Entra ID",
            "write the id of the tenant, and a host such as `login.microsoftonline.com`",
        ));
    };
    let scope = full(parameters.scope.as_deref());
    let scope = or(scope, "AZURE_SCOPE").unwrap_or_else(|| SCOPE.to_owned());
    Ok(Some(EntraClient { token_url, client_id, client_secret: client_secret.into(), scope }))
}

/// Whether the value can be sent.
fn push_secret(deployment: &mut Deployment, name: HeaderName, value: &str) -> bool {
    let Ok(mut value) = HeaderValue::from_str(value) else { return false };
    value.set_sensitive(true);
    deployment.extra_headers.push((name, value));
    true
}
