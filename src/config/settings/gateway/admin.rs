//! The keys about the admin listener.

use std::path::Path;

use super::doors;
use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::settings::context::Context;
use crate::config::settings::models::entry::secret;
use crate::config::settings::types::{AdminAuth, AdminListen};

/// Whether tokens are verified, and their roles are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum TokenRoles {
    Read,
    Unread,
}

/// `modelgate.admin`. The path of a socket is relative to the file.
pub(super) fn listen(cx: &mut Context<'_>, text: &str, directory: &Path) -> Option<AdminListen> {
    let listen = doors::address(cx, "admin", "127.0.0.1:4001`, `unix:/run/admin.sock` or `off", text)?;
    Some(match listen {
        AdminListen::Unix(path) => AdminListen::Unix(directory.join(path)),
        listen => listen,
    })
}

/// `modelgate.admin_auth`.
pub(super) fn auth(
    cx: &mut Context<'_>,
    block: raw::AdminAuth,
    token_roles: TokenRoles,
) -> Option<AdminAuth> {
    let raw::AdminAuth { token, roles } = block;
    let roles = roles.unwrap_or_default();
    if token.is_none() && roles.is_empty() {
        let help = "without either nobody could use the admin listener: set it to `os.environ/NAME`";
        cx.refuse_key("modelgate.admin_auth", Problem::Needs { key: "admin_auth", other: "token", help });
        return None;
    }
    for (i, role) in roles.iter().enumerate() {
        cx.not_empty(&format!("modelgate.admin_auth.roles[{i}]"), role);
    }
    if !roles.is_empty() && token_roles == TokenRoles::Unread {
        let help = "set `enable_jwt_auth`, and name the claim that the token's roles are in, such as `roles`";
        let (key, other) = ("admin_auth.roles", "litellm_jwtauth.roles_jwt_field");
        cx.refuse_key("modelgate.admin_auth.roles", Problem::Needs { key, other, help });
    }
    let has_token = token.is_some();
    let token = token.and_then(|token| secret(cx, "modelgate.admin_auth.token", "token", token));
    // A refused token must not leave an open listener.
    (token.is_some() || !has_token).then_some(AdminAuth { token, roles })
}

/// Host names in lower case, without ports.
pub(super) fn hosts(cx: &mut Context<'_>, texts: Vec<String>) -> Vec<String> {
    let mut hosts = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        let name = text.strip_prefix('.').unwrap_or(text);
        let is_part = |part: &str| {
            !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if name.split('.').all(is_part) {
            hosts.push(text.to_ascii_lowercase());
        } else {
            let range = "a host name without a port, or `.example.com` for all names below one".to_owned();
            let problem = Problem::OutOfRange { key: "admin_hosts".to_owned(), range };
            cx.refuse(&format!("modelgate.admin_hosts[{i}]"), problem);
        }
    }
    hosts
}
