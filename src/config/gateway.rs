//! `modelgate`, our own block.

use std::net::SocketAddr;
use std::path::Path;

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

fn address(cx: &mut Context, text: &str) -> Option<SocketAddr> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        let range = "an address with a port, such as `127.0.0.1:4000`".to_owned();
        cx.refuse("modelgate.listen", Problem::OutOfRange { key: "listen".to_owned(), range });
    }
    parsed
}
