//! `modelgate`, our own block.

use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;

use super::context::Context;
use super::models::secret;
use super::problem::{Caution, Problem};
use super::{BaseUrl, GatewaySettings, Mode, TlsFiles, Upstream, UpstreamModels, decision_log, limits, raw};

/// How often a bundle of policies is asked for.
const POLL: Duration = Duration::from_secs(30);
const DEFAULT_BODY: u64 = 32 * 1024 * 1024;
/// A gibibyte: a body is held in memory while it is judged.
const LARGEST_BODY: u64 = 1024 * 1024 * 1024;

pub(super) fn settings(cx: &mut Context<'_>, block: raw::Modelgate, directory: &Path) -> GatewaySettings {
    // What is not read here is part of `TokenRules`.
    let raw::Modelgate {
        upstream,
        max_body_bytes,
        listen,
        mode,
        admin,
        tls,
        policies,
        policies_key,
        policies_poll,
        trusted_proxies,
        tests,
        decision_log,
        limits,
        leeway: _,
        public_key_stale_ttl: _,
        public_key_cooldown: _,
        introspection: _,
        // Rules, not settings of the gateway.
        strict: _,
        ignore: _,
        role_permissions: _,
    } = block;
    let max_body_bytes = body_limit(cx, max_body_bytes.unwrap_or(DEFAULT_BODY));
    GatewaySettings {
        upstream: upstream.and_then(|block| proxy(cx, block)),
        max_body_bytes,
        limits: limits::settings(cx, limits.unwrap_or_default(), max_body_bytes),
        listen: listen.and_then(|text| address(cx, "listen", "127.0.0.1:4000", &text)),
        admin: admin.and_then(|text| address(cx, "admin", "127.0.0.1:4001` or `off", &text)),
        mode: mode.map(|text| self::mode(cx, &text)).unwrap_or_default(),
        policies: policies.map(|text| if is_web(&text) { text.into() } else { directory.join(text) }),
        policies_key: policies_key.and_then(|text| public_key(cx, &text)),
        policies_poll: cx.seconds("modelgate.policies_poll", policies_poll, 1..=86_400, POLL),
        tls: tls.map(|files| tls_files(cx, files, directory)),
        trusted_proxies: networks(cx, trusted_proxies.unwrap_or_default()),
        tests: tests.into_iter().flatten().map(|path| directory.join(path)).collect(),
        decision_log: decision_log.and_then(|block| decision_log::settings(cx, block, directory)),
        directory: directory.to_owned(),
    }
}

fn proxy(cx: &mut Context<'_>, block: raw::Upstream) -> Option<Upstream> {
    let raw::Upstream { api_base, api_key, serves } = block;
    let serves = serves.map(|text| upstream_models(cx, &text)).unwrap_or_default();
    let api_key = api_key.and_then(|key| secret(cx, "modelgate.upstream.api_key", "api_key", key));
    match BaseUrl::parse(&api_base) {
        Ok(api_base) => Some(Upstream { api_base, api_key, serves }),
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

fn tls_files(cx: &mut Context<'_>, files: raw::Tls, directory: &Path) -> TlsFiles {
    let raw::Tls { certificate, key } = files;
    cx.not_empty("modelgate.tls.certificate", &certificate);
    cx.not_empty("modelgate.tls.key", &key);
    TlsFiles { certificate: directory.join(certificate), key: directory.join(key) }
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

/// Networks, or single addresses.
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

fn address<A: FromStr>(cx: &mut Context<'_>, key: &str, example: &str, text: &str) -> Option<A> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let range = format!("an address with a port, such as `{example}`");
        cx.refuse(&format!("modelgate.{key}"), Problem::OutOfRange { key: key.to_owned(), range });
    }
    parsed
}
