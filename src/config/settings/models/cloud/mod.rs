//! Deployments at clouds, whose credentials or paths differ from those of other providers.
//!
//! Input: the parameters of an entry, and a deployment with the common ones. Output: the deployment with its endpoint,
//! its place and its credential, or the reason why it cannot be served.

pub(in crate::config) mod azure;
pub(in crate::config) mod bedrock;
pub(in crate::config) mod vertex;

use crate::config::settings::context::Context;
use crate::config::yaml::environment::Environment;

#[cfg(feature = "gateway")]
pub(crate) use vertex::google_key;

/// The first of the variables that is set and not empty.
fn variable(cx: &mut Context<'_>, env: &Environment<'_>, names: &[&str]) -> Option<String> {
    for name in names {
        match env.get(name) {
            Ok(value) => {
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    return Some(value);
                }
            }
            Err((problem, span)) => cx.problems.push((problem, Some(span))),
        }
    }
    None
}

/// Whether the text can be a part of a host or of a path, such as a region, a location or a project.
fn is_plain(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    !text.is_empty() && text.bytes().all(is_plain) && !text.starts_with('.')
}
