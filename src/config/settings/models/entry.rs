//! An entry of `model_list`: its position in the file, and its values that become headers.

use http::{HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::config::problem::Problem;
use crate::config::settings::context::Context;
use crate::config::yaml::tree::{Entry, Value};

/// Headers that belong to one connection, or that define the length of the body or the host.
const FRAMING: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "proxy-connection",
];

/// An entry of the list. There may be very many, so a path is only computed for a finding.
#[derive(Clone, Copy)]
pub(in crate::config) struct At(usize);

impl At {
    pub(super) fn new(index: usize) -> Self {
        Self(index)
    }

    pub(super) fn entry(self) -> String {
        format!("model_list[{}]", self.0)
    }

    pub(super) fn key(self, key: &str) -> String {
        format!("model_list[{}].{key}", self.0)
    }

    pub(super) fn param(self, key: &str) -> String {
        format!("model_list[{}].litellm_params.{key}", self.0)
    }

    /// `litellm_params` as written in the file.
    pub(super) fn parameters<'n>(self, cx: &Context<'n>) -> &'n [Entry] {
        let Some(Value::Sequence(list)) = cx.root().get("model_list").map(|list| &list.value) else {
            return &[];
        };
        let params = list.get(self.0).and_then(|entry| entry.get("litellm_params"));
        match params.map(|params| &params.value) {
            Some(Value::Mapping(entries)) => entries,
            _ => &[],
        }
    }
}

/// The reason why this gateway cannot serve a model.
pub(in crate::config) struct NotServed {
    pub(in crate::config) reason: String,
    /// The way to serve it.
    pub(in crate::config) help: String,
}

impl NotServed {
    pub(in crate::config) fn new(reason: impl Into<String>, help: impl Into<String>) -> Self {
        Self { reason: reason.into(), help: help.into() }
    }
}

/// A credential that can be sent as a header.
pub(in crate::config) fn secret(
    cx: &mut Context<'_>,
    path: &str,
    key: &str,
    value: SecretString,
) -> Option<SecretString> {
    let text = value.expose_secret();
    if HeaderValue::from_str(text).is_err() || text.trim().is_empty() {
        cx.refuse(path, Problem::Header { key: key.to_owned() });
        return None;
    }
    Some(value)
}

pub(super) fn headers(
    cx: &mut Context<'_>,
    path: &str,
    headers: impl IntoIterator<Item = (String, SecretString)>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut converted = Vec::new();
    for (name, value) in headers {
        match (name.parse::<HeaderName>(), HeaderValue::from_str(value.expose_secret())) {
            (Ok(header), Ok(mut value)) if !FRAMING.contains(&header.as_str()) => {
                value.set_sensitive(true);
                converted.push((header, value));
            }
            _ => cx.refuse_key(&format!("{path}.{name}"), Problem::Header { key: name }),
        }
    }
    converted
}
