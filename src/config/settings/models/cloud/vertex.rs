//! Vertex AI: its endpoints, its projects, and its credentials.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::{is_plain, variable};
use crate::config::settings::context::Context;
use crate::config::settings::models::entry::NotServed;
use crate::config::settings::types::{GoogleCredentials, ServiceAccount, UpstreamCredential, VertexPlace};
use crate::config::yaml::environment::Environment;

const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// The host of the metadata server where `GCE_METADATA_HOST` names no other.
const METADATA_HOST: &str = "metadata.google.internal";
const HELP: &str =
    "write the key of a service account into `vertex_credentials`, or set `GOOGLE_APPLICATION_CREDENTIALS`";

/// The keys of `litellm_params` for Vertex AI.
#[derive(Clone, Default)]
pub(in crate::config) struct Parameters {
    pub(in crate::config) project: Option<String>,
    pub(in crate::config) location: Option<String>,
    pub(in crate::config) credentials: Option<SecretString>,
}

/// The settings of a deployment at Vertex AI.
pub(in crate::config) struct Vertex {
    pub(in crate::config) place: VertexPlace,
    /// The endpoint of the location.
    pub(in crate::config) endpoint: String,
    pub(in crate::config) credential: UpstreamCredential,
}

/// Reads the settings of a deployment at Vertex AI. If there is a proxy behind the gateway, the proxy serves a model without a
/// key.
pub(in crate::config) fn read(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    name: &str,
    parameters: &Parameters,
    has_upstream: bool,
) -> Result<Vertex, NotServed> {
    let is_number = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if is_number
        || name.starts_with("gemini/")
        || name.starts_with("agent_engine/")
        || name.starts_with("search_api/")
    {
        return Err(NotServed::new(
            "it is an endpoint of Vertex AI, not a model of a publisher",
            "name a proxy that serves it in `modelgate.upstream`, such as LiteLLM",
        ));
    }
    let credentials = credentials(cx, env, parameters, has_upstream)?;
    let of_key = match &credentials {
        GoogleCredentials::ServiceAccount(account) => account.project_id.clone(),
        GoogleCredentials::File(_) | GoogleCredentials::Metadata(_) => None,
    };
    let full = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let project = full(&parameters.project)
        .or_else(|| variable(cx, env, &["VERTEXAI_PROJECT", "VERTEX_PROJECT"]))
        .or(of_key);
    if project.is_none() && !matches!(credentials, GoogleCredentials::File(_)) {
        return Err(NotServed::new(
            "no project of Google Cloud is known for it",
            "write `vertex_project`, or set `VERTEXAI_PROJECT`",
        ));
    }
    let location = full(&parameters.location)
        .or_else(|| variable(cx, env, &["VERTEXAI_LOCATION", "VERTEX_LOCATION"]))
        .unwrap_or_else(|| "us-central1".to_owned());
    if !project.as_deref().is_none_or(is_plain) || !is_plain(&location) {
        return Err(NotServed::new(
            "its project or its location has an invalid character",
            "write a project such as `my-project-123`, and a location such as `us-central1`",
        ));
    }
    let endpoint = match location.as_str() {
        "global" => "https://aiplatform.googleapis.com".to_owned(),
        "us" | "eu" => format!("https://aiplatform.{location}.rep.googleapis.com"),
        _ => format!("https://{location}-aiplatform.googleapis.com"),
    };
    let place = VertexPlace { project, location };
    Ok(Vertex { place, endpoint, credential: UpstreamCredential::Google(credentials) })
}

fn credentials(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    parameters: &Parameters,
    has_upstream: bool,
) -> Result<GoogleCredentials, NotServed> {
    let written = parameters.credentials.clone().filter(|text| !text.expose_secret().trim().is_empty());
    let written =
        written.or_else(|| variable(cx, env, &["GOOGLE_APPLICATION_CREDENTIALS"]).map(SecretString::from));
    if let Some(written) = written {
        let text = written.expose_secret().trim();
        if !text.starts_with('{') {
            return Ok(GoogleCredentials::File(text.into()));
        }
        return match google_key(text.as_bytes()) {
            Ok(account) => Ok(GoogleCredentials::ServiceAccount(Box::new(account))),
            Err(reason) => {
                Err(NotServed::new(format!("its `vertex_credentials` are unusable: {reason}"), HELP))
            }
        };
    }
    match variable(cx, env, &["GCE_METADATA_HOST"]) {
        Some(host) if is_plain(&host) => Ok(GoogleCredentials::Metadata(host)),
        Some(_) => {
            Err(NotServed::new("`GCE_METADATA_HOST` is not a host", "write a host, or a host and a port"))
        }
        None if has_upstream => Err(NotServed::new("no credential of Google Cloud is known for it", HELP)),
        None => Ok(GoogleCredentials::Metadata(METADATA_HOST.to_owned())),
    }
}

#[derive(Deserialize)]
struct KeyFile {
    #[serde(rename = "type")]
    kind: String,
    client_email: Option<String>,
    private_key: Option<SecretString>,
    private_key_id: Option<String>,
    project_id: Option<String>,
    token_uri: Option<String>,
}

/// Reads the key of a service account, as Google's console writes it.
///
/// # Errors
///
/// The reason, which never contains a part of the key.
pub(crate) fn google_key(json: &[u8]) -> Result<ServiceAccount, String> {
    // An error of serde may quote the text.
    let key: KeyFile = serde_json::from_slice(json).map_err(|error| {
        format!("they are not the JSON of a key (line {}, column {})", error.line(), error.column())
    })?;
    if key.kind != "service_account" {
        return Err("they are not the key of a service account (`type` is not `service_account`)".to_owned());
    }
    let (Some(client_email), Some(private_key)) = (key.client_email, key.private_key) else {
        return Err("`client_email` or `private_key` is missing".to_owned());
    };
    let token_uri = Url::parse(key.token_uri.as_deref().unwrap_or(TOKEN_URI))
        .map_err(|_| "`token_uri` is not a URL".to_owned())?;
    if !matches!(token_uri.scheme(), "http" | "https") {
        return Err("`token_uri` does not begin with `https://` or `http://`".to_owned());
    }
    if !key.project_id.as_deref().is_none_or(is_plain) {
        return Err("`project_id` is not a project".to_owned());
    }
    let KeyFile { private_key_id, project_id, .. } = key;
    Ok(ServiceAccount { client_email, private_key, private_key_id, project_id, token_uri })
}

#[cfg(test)]
mod tests {
    use super::google_key;

    #[test]
    fn an_unusable_key_is_refused_without_a_word_of_it() {
        for (json, reason) in [
            (r#"{"type": "authorized_user", "client_secret": "s3cret"}"#, "service_account"),
            (r#"{"type": "service_account", "private_key": "s3cret"}"#, "client_email"),
            (r#"{"type": "s3cret"#, "column"),
            (
                r#"{"type": "service_account", "client_email": "a", "private_key": "s3cret", "token_uri": "file:///x"}"#,
                "token_uri",
            ),
        ] {
            let error = google_key(json.as_bytes()).unwrap_err();
            assert!(error.contains(reason) && !error.contains("s3cret"), "{error}");
        }
    }
}
