//! The addresses of listeners, and those for other proxies: `modelgate.forward_auth` and `modelgate.ext_authz`.

use std::path::Path;
use std::str::FromStr;

use super::clients::refuse;
use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::settings::context::Context;
use crate::config::settings::types::{Convention, ExtAuthz, ForwardAuth, SocketAddress, WithoutBody};

/// `modelgate.forward_auth`.
pub(super) fn forward_auth(cx: &mut Context<'_>, block: raw::ForwardAuth) -> Option<ForwardAuth> {
    let raw::ForwardAuth { listen, convention, without_body } = block;
    let convention = match convention.as_deref() {
        None | Some("x-forwarded") => Convention::XForwarded,
        Some("x-original") => Convention::XOriginal,
        Some(_) => {
            refuse(cx, "forward_auth.convention", "convention", "`x-forwarded` or `x-original`");
            Convention::default()
        }
    };
    let without_body = match without_body.as_deref() {
        None | Some("deny") => WithoutBody::Deny,
        Some("url") => WithoutBody::Url,
        Some(_) => {
            refuse(cx, "forward_auth.without_body", "without_body", "`deny` or `url`");
            WithoutBody::default()
        }
    };
    let listen = address(cx, "forward_auth.listen", "127.0.0.1:4002", &listen)?;
    Some(ForwardAuth { listen, convention, without_body })
}

/// Parses the address of a listener.
pub(super) fn address<A: FromStr>(cx: &mut Context<'_>, key: &str, example: &str, text: &str) -> Option<A> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let range = format!("an address with a port, such as `{example}`");
        let last = key.rsplit('.').next().unwrap_or(key).to_owned();
        cx.refuse(&format!("modelgate.{key}"), Problem::OutOfRange { key: last, range });
    }
    parsed
}

/// `modelgate.ext_authz`.
pub(super) fn ext_authz(cx: &mut Context<'_>, block: raw::ExtAuthz, directory: &Path) -> Option<ExtAuthz> {
    let raw::ExtAuthz { listen, remove_credential } = block;
    let listen = match listen.strip_prefix("unix:") {
        Some(path) if !path.is_empty() => SocketAddress::Unix(directory.join(path)),
        _ => SocketAddress::Tcp(address(
            cx,
            "ext_authz.listen",
            "127.0.0.1:4003` or `unix:/run/modelgate.sock",
            &listen,
        )?),
    };
    Some(ExtAuthz { listen, removes_credential: remove_credential.unwrap_or(true) })
}
