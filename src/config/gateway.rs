//! `modelgate`, our own block.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use ipnet::IpNet;

use super::context::Context;
use super::models::secret;
use super::problem::Problem;
use super::{GatewaySettings, Upstream, endpoint, raw};

const DEFAULT_BODY: u64 = 32 * 1024 * 1024;
/// A gibibyte: a body is held in memory while it is judged.
const LARGEST_BODY: u64 = 1024 * 1024 * 1024;

pub(super) fn settings(cx: &mut Context, block: raw::Modelgate, directory: &Path) -> GatewaySettings {
    // What is not read here is part of `TokenRules`.
    let raw::Modelgate {
        upstream,
        max_body_bytes,
        listen,
        policies,
        trusted_proxies,
        tests,
        leeway: _,
        public_key_stale_ttl: _,
        public_key_cooldown: _,
        introspection: _,
        // Rules, not settings of the gateway.
        strict: _,
        role_permissions: _,
    } = block;
    GatewaySettings {
        upstream: upstream.and_then(|block| proxy(cx, block)),
        max_body_bytes: body_limit(cx, max_body_bytes.unwrap_or(DEFAULT_BODY)),
        listen: listen.and_then(|text| address(cx, &text)),
        policies: policies.map(|path| directory.join(path)),
        trusted_proxies: networks(cx, trusted_proxies.unwrap_or_default()),
        tests: tests.into_iter().flatten().map(|path| directory.join(path)).collect(),
        directory: directory.to_owned(),
    }
}

fn proxy(cx: &mut Context, block: raw::Upstream) -> Option<Upstream> {
    let raw::Upstream { api_base, api_key } = block;
    let api_key = api_key.and_then(|key| secret(cx, "modelgate.upstream.api_key", "api_key", key));
    match endpoint::api_base(&api_base) {
        Ok(api_base) => Some(Upstream { api_base, api_key }),
        Err(reason) => {
            let key = "api_base".to_owned();
            cx.refuse("modelgate.upstream.api_base", Problem::Url { key, reason });
            None
        }
    }
}

fn body_limit(cx: &mut Context, bytes: u64) -> usize {
    if !(1024..=LARGEST_BODY).contains(&bytes) {
        let range = format!("from 1024 to {LARGEST_BODY}");
        cx.refuse(
            "modelgate.max_body_bytes",
            Problem::OutOfRange { key: "max_body_bytes".to_owned(), range },
        );
    }
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

/// Networks, or single addresses.
fn networks(cx: &mut Context, texts: Vec<String>) -> Vec<IpNet> {
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

fn address(cx: &mut Context, text: &str) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let range = "an address with a port, such as `127.0.0.1:4000`".to_owned();
        cx.refuse("modelgate.listen", Problem::OutOfRange { key: "listen".to_owned(), range });
    }
    parsed
}
