//! The block `modelgate`.
//!
//! Input: the block as written. Output: [`GatewaySettings`], which are the settings except those of tokens.
//! `admin` and `decision_log` read what is named so. `clients` reads the keys about the form of answers, `doors` those of
//! listeners, `proofs` those of what must be proven.

mod admin;
mod clients;
mod decision_log;
mod doors;
mod proofs;

use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use super::base_url::BaseUrl;
use super::context::Context;
use super::limits;
use super::models::entry::secret;
use super::types::{
    GatewaySettings, Mode, PassedMembers, References, Upstream, UpstreamHeaders, UpstreamModels,
};
use crate::config::problem::{Caution, Problem};
use crate::config::raw;
pub(in crate::config) use admin::TokenRoles;

/// The allowed intervals of requests for a bundle of policies.
const POLL: Duration = Duration::from_secs(30);
const DEFAULT_BODY: u64 = 32 * 1024 * 1024;
/// The maximum is one gibibyte, because a body is held in memory while it is judged.
const LARGEST_BODY: u64 = 1024 * 1024 * 1024;

pub(in crate::config) fn settings(
    cx: &mut Context<'_>,
    block: raw::Modelgate,
    token_roles: TokenRoles,
    directory: &Path,
) -> GatewaySettings {
    // Keys that are not read here belong to `TokenRules`.
    let raw::Modelgate {
        upstream,
        max_body_bytes,
        listen,
        mode,
        admin: admin_listen,
        admin_auth,
        admin_hosts,
        upstream_headers,
        tls,
        policies,
        policies_key,
        policies_poll,
        trusted_proxies,
        tests,
        invariants,
        reload,
        decision_log,
        websockets,
        limits,
        references,
        routes,
        denied_model,
        cors,
        forward_auth,
        ext_authz,
        authzen,
        leeway: _,
        public_key_stale_ttl: _,
        public_key_cooldown: _,
        introspection: _,
        // These are rules, not settings of the gateway.
        strict: _,
        ignore: _,
        role_permissions: _,
    } = block;
    let max_body_bytes = body_limit(cx, max_body_bytes.unwrap_or(DEFAULT_BODY));
    GatewaySettings {
        upstream: upstream.and_then(|block| proxy(cx, block)),
        max_body_bytes,
        limits: limits::settings(cx, limits.unwrap_or_default(), max_body_bytes),
        listen: listen.and_then(|text| doors::address(cx, "listen", "127.0.0.1:4000", &text)),
        admin: admin_listen.and_then(|text| admin::listen(cx, &text, directory)),
        admin_auth: admin_auth.and_then(|block| admin::auth(cx, block, token_roles)),
        admin_hosts: admin::hosts(cx, admin_hosts.unwrap_or_default()),
        upstream_headers: upstream_headers.map(|text| headers_mode(cx, &text)).unwrap_or_default(),
        mode: mode.map(|text| self::mode(cx, &text)).unwrap_or_default(),
        references: references.map(|text| self::references(cx, &text)).unwrap_or_default(),
        sdk_routes: sdk_routes(cx, routes.and_then(|block| block.sdk).as_deref()),
        policies: policies.map(|text| if is_web(&text) { text.into() } else { directory.join(text) }),
        policies_key: policies_key.and_then(|text| public_key(cx, &text)),
        policies_poll: cx.seconds("modelgate.policies_poll", policies_poll, 1..=86_400, POLL),
        tls: tls.map(|files| doors::tls_files(cx, "modelgate.tls", files, directory)),
        trusted_proxies: networks(cx, trusted_proxies.unwrap_or_default()),
        tests: tests.into_iter().flatten().map(|path| directory.join(path)).collect(),
        invariants: invariants.map(|block| proofs::invariants(cx, block, directory)),
        reload: proofs::reload(cx, reload.unwrap_or_default()),
        decision_log: decision_log.and_then(|block| decision_log::settings(cx, block, directory)),
        denied_model: clients::denied_model(cx, denied_model.unwrap_or_default()),
        cors: cors.map(|block| clients::cors(cx, block)),
        forward_auth: forward_auth.and_then(|block| doors::forward_auth(cx, block, directory)),
        ext_authz: ext_authz.and_then(|block| doors::ext_authz(cx, block, directory)),
        authzen: authzen.and_then(|block| doors::authzen(cx, block, directory)),
        websockets: websockets.unwrap_or(true),
        directory: directory.to_owned(),
    }
}

fn proxy(cx: &mut Context<'_>, block: raw::Upstream) -> Option<Upstream> {
    let raw::Upstream { api_base, api_key, serves, pass } = block;
    let serves = serves.map(|text| upstream_models(cx, &text)).unwrap_or_default();
    let pass = passed(cx, pass.unwrap_or_default());
    let api_key = api_key.and_then(|key| secret(cx, "modelgate.upstream.api_key", "api_key", key));
    match BaseUrl::parse(&api_base) {
        Ok(api_base) => Some(Upstream { api_base, api_key, serves, pass }),
        Err(reason) => {
            let key = "api_base".to_owned();
            cx.refuse("modelgate.upstream.api_base", Problem::Url { key, reason });
            None
        }
    }
}

fn upstream_models(cx: &mut Context<'_>, text: &str) -> UpstreamModels {
    match text {
        "unlisted" => UpstreamModels::Unlisted,
        "all" => UpstreamModels::All,
        _ => {
            let range = "`unlisted` or `all`".to_owned();
            cx.refuse("modelgate.upstream.for", Problem::OutOfRange { key: "for".to_owned(), range });
            UpstreamModels::default()
        }
    }
}

/// `openai` or `all` alone, or the names of members.
fn passed(cx: &mut Context<'_>, names: Vec<String>) -> PassedMembers {
    let is_word = |name: &String| name == "openai" || name == "all";
    match names.as_slice() {
        [all] if all == "all" => PassedMembers::All,
        [openai] if openai == "openai" => PassedMembers::Api(Vec::new()),
        _ => {
            if names.iter().any(|name| is_word(name) || name.is_empty()) {
                let range = "`openai`, `all`, or a list of members".to_owned();
                let problem = Problem::OutOfRange { key: "pass".to_owned(), range };
                cx.refuse("modelgate.upstream.pass", problem);
            }
            PassedMembers::Api(names)
        }
    }
}

fn body_limit(cx: &mut Context<'_>, bytes: u64) -> usize {
    if !(1024..=LARGEST_BODY).contains(&bytes) {
        let range = format!("from 1024 to {LARGEST_BODY}");
        cx.refuse(
            "modelgate.max_body_bytes",
            Problem::OutOfRange { key: "max_body_bytes".to_owned(), range },
        );
    }
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn mode(cx: &mut Context<'_>, text: &str) -> Mode {
    match text {
        "enforce" => {}
        "log_only" => {
            cx.warn("modelgate.mode", Caution::LogOnly);
            return Mode::LogOnly;
        }
        _ => {
            let range = "`enforce` or `log_only`".to_owned();
            cx.refuse("modelgate.mode", Problem::OutOfRange { key: "mode".to_owned(), range });
        }
    }
    Mode::Enforce
}

fn references(cx: &mut Context<'_>, text: &str) -> References {
    match text {
        "deny" => {}
        "allow" => return References::Allow,
        "remember" => return References::Remember,
        _ => {
            let range = "`deny`, `allow` or `remember`".to_owned();
            cx.refuse("modelgate.references", Problem::OutOfRange { key: "references".to_owned(), range });
        }
    }
    References::Deny
}

fn headers_mode(cx: &mut Context<'_>, text: &str) -> UpstreamHeaders {
    match text {
        "hide" => {}
        "pass" => return UpstreamHeaders::Pass,
        _ => {
            let range = "`hide` or `pass`".to_owned();
            let problem = Problem::OutOfRange { key: "upstream_headers".to_owned(), range };
            cx.refuse("modelgate.upstream_headers", problem);
        }
    }
    UpstreamHeaders::Hide
}

/// Whether the routes of SDKs are open.
fn sdk_routes(cx: &mut Context<'_>, text: Option<&str>) -> bool {
    match text {
        None | Some("open") => true,
        Some("closed") => false,
        Some(_) => {
            let range = "`open` or `closed`".to_owned();
            cx.refuse("modelgate.routes.sdk", Problem::OutOfRange { key: "sdk".to_owned(), range });
            false
        }
    }
}

fn is_web(text: &str) -> bool {
    text.starts_with("https://") || text.starts_with("http://")
}

/// 32 bytes in base64.
fn public_key(cx: &mut Context<'_>, text: &str) -> Option<Vec<u8>> {
    let decoded = STANDARD.decode(text).ok().filter(|key| key.len() == 32);
    if decoded.is_none() {
        let range = "an ed25519 public key: 32 bytes in base64".to_owned();
        let problem = Problem::OutOfRange { key: "policies_key".to_owned(), range };
        cx.refuse("modelgate.policies_key", problem);
    }
    decoded
}

/// Networks or single addresses.
fn networks(cx: &mut Context<'_>, texts: Vec<String>) -> Vec<IpNet> {
    let mut networks = Vec::with_capacity(texts.len());
    for (i, text) in texts.iter().enumerate() {
        match text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)) {
            Ok(network) => networks.push(network),
            Err(_) => {
                let range = "a network such as `10.0.0.0/8`, or an address".to_owned();
                let problem = Problem::OutOfRange { key: "trusted_proxies".to_owned(), range };
                cx.refuse(&format!("modelgate.trusted_proxies[{i}]"), problem);
            }
        }
    }
    networks
}
