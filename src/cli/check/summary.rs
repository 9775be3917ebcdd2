//! Summarizes the file: models and their upstreams, accepted tokens, and active permissions.

use super::callers::Access;
use super::{ignored, models};
use crate::config::{
    Config, Issuer, Mode, OpaqueTokens, References, RolePermission, SocketAddress, WithoutBody, place,
};
use crate::display::escape;

pub(super) fn of(config: &Config, access: &Access) -> String {
    let mut lines = vec![format!("models: {}", config.models.len())];
    lines.extend(models::lines(config));
    lines.extend([
        format!("teams: {}", config.teams.len()),
        format!("master key: {}", if config.master_key.is_some() { "set" } else { "none" }),
    ]);
    lines.extend(tokens(config));
    lines.extend(permissions(config, access));
    if config.gateway.mode == Mode::LogOnly {
        lines.push("mode: log_only, denials are logged and not enforced, except those of R9".to_owned());
    }
    lines.extend(references(config));
    lines.extend(doors(config));
    lines.extend(ignored::lines(config));
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// Describes who may use the ids that an upstream issues.
fn references(config: &Config) -> Option<String> {
    let known = match config.gateway.references {
        References::Deny => "denied to callers whose models are restricted",
        References::Allow => "not judged",
        References::Remember => {
            return Some(
                "ids at upstreams (files, responses, assistants, …): only the caller who created an id may \
                 use it; lists show a caller only its own ids"
                    .to_owned(),
            );
        }
    };
    config.jwt.as_ref()?;
    Some(format!(
        "ids at upstreams (files, responses, assistants, …): all callers behind one key share them, so \
         each can read what others created, and lists show all of them; where they stand for models, \
         {known}; `modelgate.references: remember` separates callers"
    ))
}

/// Describes the listeners for other proxies, and who may ask them.
fn doors(config: &Config) -> Vec<String> {
    let gateway = &config.gateway;
    let networks: Vec<String> = gateway.trusted_proxies.iter().map(ToString::to_string).collect();
    let who = if networks.is_empty() { "this machine".to_owned() } else { networks.join(", ") };
    let mut lines = Vec::new();
    if let Some(door) = &gateway.forward_auth {
        let bodies = match door.without_body {
            WithoutBody::Deny => "denies what may name a model in a body that it does not see",
            WithoutBody::Url => {
                "judges requests without their body by the URL alone: nobody judges other models in the body"
            }
        };
        lines.push(format!("forward-auth on {}, for {who}: {bodies}", door.listen));
    }
    if let Some(door) = &gateway.ext_authz {
        lines.push(match &door.listen {
            SocketAddress::Tcp(address) => format!("ext_authz on {address}, for {who}"),
            SocketAddress::Unix(path) => {
                format!(
                    "ext_authz on {}, for every process that may open it",
                    escape(&path.to_string_lossy())
                )
            }
        });
    }
    if let Some(door) = &gateway.authzen {
        let needs_certificate = door.tls.as_ref().is_some_and(|files| files.client_ca.is_some());
        let who = match (&door.bearer, needs_certificate) {
            (Some(_), true) => "holders of its bearer and a certificate",
            (Some(_), false) => "holders of its bearer",
            (None, _) => "holders of a certificate",
        };
        lines.push(format!("AuthZEN on {}, for {who}, who say who a caller is", door.listen));
    }
    lines
}

fn tokens(config: &Config) -> Vec<String> {
    let Some(jwt) = &config.jwt else {
        return vec!["tokens: not accepted, `enable_jwt_auth` is not true".to_owned()];
    };
    let or_any =
        |text: &Option<String>| text.as_deref().map_or("any".to_owned(), |text| escape(text).into_owned());
    let sources: Vec<_> = jwt.tokens.key_urls.iter().map(|url| place(url).to_string()).collect();
    let sources = if sources.is_empty() {
        "none: set JWT_PUBLIC_KEY_URL to serve".to_owned()
    } else {
        sources.join(", ")
    };
    let mut lines = vec![
        format!("tokens: audience {}, issuer {}", or_any(&jwt.tokens.audience), or_any(&jwt.tokens.issuer)),
        format!("keys: {sources}"),
    ];
    if !jwt.tokens.issuers.is_empty() {
        lines = jwt.tokens.issuers.iter().map(issuer).collect();
        // The global check applies to the one issuer that it names (D9).
        if let Some(named) = &jwt.tokens.issuer {
            lines.push(format!(
                "tokens of {}: audience {}, keys: {sources}",
                escape(named),
                or_any(&jwt.tokens.audience)
            ));
        }
    }
    lines.extend(jwt.tokens.opaque.as_ref().map(opaque));
    lines.push(format!(
        "clocks: a token is accepted {} s before `nbf` and `iat`, and {} s after `exp`",
        jwt.tokens.early_leeway.as_secs_f64(),
        jwt.tokens.leeway.as_secs_f64()
    ));
    lines
}

fn issuer(entry: &Issuer) -> String {
    let audience = entry.audience.as_ref().map_or_else(|| "any".to_owned(), |names| names.join(" or "));
    let (issuer, audience) = (escape(&entry.issuer), escape(&audience));
    format!("tokens of {issuer}: audience {audience}, keys: {}", place(&entry.key_url))
}

fn opaque(provider: &OpaqueTokens) -> String {
    match provider {
        OpaqueTokens::Userinfo { endpoint, .. } => {
            format!("opaque tokens: by userinfo at {}", place(endpoint))
        }
        OpaqueTokens::Introspection { endpoint, .. } => {
            format!("opaque tokens: by introspection at {}", place(endpoint))
        }
    }
}

/// Describes the active permissions of roles.
fn permissions(config: &Config, access: &Access) -> Vec<String> {
    let Some(jwt) = &config.jwt else { return Vec::new() };
    let state = match (jwt.enforce_rbac, &config.token_roles) {
        (true, None) => "enforced",
        (true, Some(_)) => "enforced, also by the token's own roles (`modelgate.role_permissions`)",
        (false, Some(_)) => "enforced by the token's own roles (`modelgate.role_permissions`)",
        (false, None) if access.is_open && access.is_open_to_admins => {
            "not enforced: every token may use every model"
        }
        (false, None) if access.is_open => {
            "not enforced: every token may use every model, except tokens with the admin scope (R5)"
        }
        (false, None) => "not enforced: other rules decide who may use which model",
    };
    let mut lines = vec![format!("role permissions: {state}")];
    let mut seen = Vec::new();
    for entry in config.role_permissions.iter().flatten().filter(|_| jwt.enforce_rbac) {
        // Only the first entry of a role has an effect (R2).
        if !seen.contains(&entry.role) {
            seen.push(entry.role);
            lines.push(role(entry, jwt.strict));
        }
    }
    lines
}

fn role(entry: &RolePermission, strict: bool) -> String {
    let models = match &entry.models {
        Some(models) => format!("{} model(s)", models.len()),
        None if strict => "no model".to_owned(),
        None => "any model".to_owned(),
    };
    let routes = match &entry.routes {
        Some(routes) => format!("{} listed route(s)", routes.len()),
        None => "the routes of LLM APIs".to_owned(),
    };
    format!("role {}: {models}, {routes}", entry.role)
}
