//! `credential_list`: named endpoints and keys, for `litellm_credential_name`.

use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::settings::context::Context;
use crate::config::settings::models::entry::At;
use crate::config::suggest::{list, nearest};
use crate::config::yaml::environment::{Environment, REFERENCE};
use crate::config::yaml::tree::{Node, Value};

/// Fills missing values of an entry from the credential that it names.
pub(in crate::config) fn fill(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    at: At,
    params: &mut raw::LitellmParams,
) {
    let Some(name) = params.litellm_credential_name.take().filter(|name| !name.is_empty()) else { return };
    let root = cx.root();
    let listed = match root.get("credential_list").map(|list| &list.value) {
        Some(Value::Sequence(listed)) => listed.as_slice(),
        _ => &[],
    };
    let Some(credential) =
        listed.iter().find(|credential| text(credential, "credential_name") == Some(&name))
    else {
        let names: Vec<_> =
            listed.iter().filter_map(|credential| text(credential, "credential_name")).collect();
        let help = match nearest(&name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => {
                "write `api_base` and `api_key` here: there is no `credential_list`".to_owned()
            }
            None => format!("the credentials are {}", list(&names)),
        };
        cx.refuse(&at.param("litellm_credential_name"), Problem::UnknownCredential { name, help });
        return;
    };
    let Some(values) = credential.get("credential_values") else { return };
    let mut value = |key: &str| resolved(cx, env, values.get(key)?);
    let or = |own: Option<String>, listed: Option<String>| own.filter(|own| !own.is_empty()).or(listed);
    params.api_base = or(params.api_base.take().or_else(|| params.base_url.take()), value("api_base"));
    params.api_version = or(params.api_version.take(), value("api_version"));
    params.organization = or(params.organization.take(), value("organization"));
    params.tenant_id = or(params.tenant_id.take(), value("tenant_id"));
    params.client_id = or(params.client_id.take(), value("client_id"));
    params.azure_scope = or(params.azure_scope.take(), value("azure_scope"));
    params.aws_region_name = or(params.aws_region_name.take(), value("aws_region_name"));
    params.aws_bedrock_runtime_endpoint =
        or(params.aws_bedrock_runtime_endpoint.take(), value("aws_bedrock_runtime_endpoint"));
    params.vertex_project = or(params.vertex_project.take(), value("vertex_project"));
    params.vertex_location = or(params.vertex_location.take(), value("vertex_location"));
    let secrets = [
        ("aws_access_key_id", &mut params.aws_access_key_id),
        ("aws_secret_access_key", &mut params.aws_secret_access_key),
        ("aws_session_token", &mut params.aws_session_token),
        ("vertex_credentials", &mut params.vertex_credentials),
        ("api_key", &mut params.api_key),
        ("azure_ad_token", &mut params.azure_ad_token),
        ("client_secret", &mut params.client_secret),
    ];
    for (key, own) in secrets {
        if own.is_none() {
            *own = value(key).map(Into::into);
        }
    }
}

fn text<'n>(node: &'n Node, key: &str) -> Option<&'n str> {
    match &node.get(key)?.value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn resolved(cx: &mut Context<'_>, env: &Environment<'_>, node: &Node) -> Option<String> {
    let Value::String(text) = &node.value else { return None };
    let Some(name) = text.strip_prefix(REFERENCE) else { return Some(text.clone()) };
    match env.get(name) {
        Ok(Some(value)) => return Some(value),
        Ok(None) => cx.problems.push((Problem::UnsetVariable { name: name.to_owned() }, Some(node.span()))),
        Err((problem, span)) => cx.problems.push((problem, Some(span))),
    }
    None
}
