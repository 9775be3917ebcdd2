//! Verification of opaque tokens: `oidc_userinfo_*` or `modelgate.introspection`.

use std::time::Duration;

use secrecy::ExposeSecret as _;
use url::Url;

use crate::config::problem::{Caution, Problem};
use crate::config::raw;
use crate::config::settings::context::Context;
use crate::config::settings::endpoint;
use crate::config::settings::types::OpaqueTokens;

pub(in crate::config) const USERINFO: &str = "general_settings.litellm_jwtauth.oidc_userinfo_enabled";
const USERINFO_ENDPOINT: &str = "general_settings.litellm_jwtauth.oidc_userinfo_endpoint";
const USERINFO_TTL: &str = "general_settings.litellm_jwtauth.oidc_userinfo_cache_ttl";
const INTROSPECTION: &str = "modelgate.introspection";

/// The default of LiteLLM.
const USERINFO_DEFAULT: Duration = Duration::from_secs(300);
/// The time after which a revoked token is refused at the latest.
const INTROSPECTION_DEFAULT: Duration = Duration::from_secs(60);
const LONGEST: u32 = 86_400;

pub(super) fn opaque_tokens(
    cx: &mut Context<'_>,
    jwt: &raw::JwtAuth,
    introspection: Option<&raw::Introspection>,
) -> Option<OpaqueTokens> {
    let userinfo = userinfo(cx, jwt);
    if jwt.oidc_userinfo_enabled && introspection.is_some() {
        let (key, other) = ("introspection", "oidc_userinfo_enabled");
        let help = "only one provider can answer for opaque tokens: keep the introspection, which checks \
            the audience";
        cx.refuse_key(INTROSPECTION, Problem::Conflict { key, other, help });
    }
    introspection.and_then(|block| self::introspection(cx, block)).or(userinfo)
}

fn userinfo(cx: &mut Context<'_>, jwt: &raw::JwtAuth) -> Option<OpaqueTokens> {
    let cache_ttl = cx.seconds(USERINFO_TTL, jwt.oidc_userinfo_cache_ttl, 0..=LONGEST, USERINFO_DEFAULT);
    let text = jwt.oidc_userinfo_endpoint.as_deref();
    let endpoint = text.and_then(|text| provider(cx, USERINFO_ENDPOINT, text));
    if !jwt.oidc_userinfo_enabled {
        if text.is_some() {
            let (key, other) = ("oidc_userinfo_endpoint", "oidc_userinfo_enabled: true");
            cx.warn_key(USERINFO_ENDPOINT, Caution::NoEffect { key, other });
        }
        return None;
    }
    if text.is_none() {
        let (key, other) = ("oidc_userinfo_enabled", "oidc_userinfo_endpoint");
        let help =
            "name the provider's userinfo endpoint; its discovery document has it as `userinfo_endpoint`";
        cx.refuse_key(USERINFO, Problem::Needs { key, other, help });
    }
    Some(OpaqueTokens::Userinfo { endpoint: endpoint?, cache_ttl })
}

fn introspection(cx: &mut Context<'_>, block: &raw::Introspection) -> Option<OpaqueTokens> {
    let raw::Introspection { endpoint, client_id, client_secret, cache_ttl } = block;
    cx.not_empty(&format!("{INTROSPECTION}.client_id"), client_id);
    cx.not_empty(&format!("{INTROSPECTION}.client_secret"), client_secret.expose_secret());
    let ttl_path = format!("{INTROSPECTION}.cache_ttl");
    Some(OpaqueTokens::Introspection {
        cache_ttl: cx.seconds(&ttl_path, *cache_ttl, 0..=LONGEST, INTROSPECTION_DEFAULT),
        endpoint: provider(cx, &format!("{INTROSPECTION}.endpoint"), endpoint)?,
        client_id: client_id.clone(),
        client_secret: client_secret.clone(),
    })
}

fn provider(cx: &mut Context<'_>, path: &str, text: &str) -> Option<Url> {
    let key = path.rsplit('.').next().unwrap_or(path).to_owned();
    endpoint::provider_endpoint(text).map_err(|reason| cx.refuse(path, Problem::Url { key, reason })).ok()
}
