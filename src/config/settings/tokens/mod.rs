//! The rules of token verification, from `JWT_*` variables and from durations in two blocks.
//!
//! Input: variables and blocks. Output: [`TokenRules`]. `issuers` reads the list of that name. `opaque` configures how
//! providers are asked about tokens that are not JWTs.

pub(in crate::config) mod issuers;
mod opaque;

use std::time::Duration;

use url::Url;

use super::context::Context;
use super::types::{OpaqueTokens, TokenRules};
use super::{endpoint, jwt};
use crate::config::problem::{Caution, Problem};
use crate::config::raw;
use crate::config::yaml::environment::Environment;

const TTL: Duration = Duration::from_secs(600);
/// Long enough for a day's outage of an identity provider, and short enough that a withdrawn key is not used for weeks.
const STALE_TTL: Duration = Duration::from_secs(24 * 60 * 60);
/// Providers' clocks are often a second or two ahead. Accepting a token slightly before its time is harmless. Accepting
/// it after its expiry is not.
const EARLY_LEEWAY: Duration = Duration::from_secs(5);
const COOLDOWN: Duration = Duration::from_secs(30);

pub(in crate::config) fn token_rules(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    jwt: &raw::JwtAuth,
    ours: &raw::Modelgate,
) -> TokenRules {
    let audience = not_empty(cx, env, "JWT_AUDIENCE");
    let issuer = not_empty(cx, env, "JWT_ISSUER");
    let jwt_stale = format!("{}.public_key_stale_ttl", jwt::PATH);
    let our_stale = "modelgate.public_key_stale_ttl";
    if jwt.public_key_stale_ttl.is_some() && ours.public_key_stale_ttl.is_some() {
        let (key, other) = ("modelgate.public_key_stale_ttl", "litellm_jwtauth.public_key_stale_ttl");
        cx.refuse(our_stale, Problem::Disagree { key, other });
    }
    let from_jwt = cx.seconds(&jwt_stale, jwt.public_key_stale_ttl, 0..=30 * 86_400, STALE_TTL);
    let public_key_stale_ttl = cx.seconds(our_stale, ours.public_key_stale_ttl, 0..=30 * 86_400, from_jwt);
    let ttl_path = format!("{}.public_key_ttl", jwt::PATH);
    let leeway = cx.seconds("modelgate.leeway", ours.leeway, 0..=300, Duration::ZERO);
    TokenRules {
        key_urls: key_urls(cx, env),
        audience,
        issuer,
        issuers: issuers::issuers(cx, jwt.issuers.as_deref()),
        opaque: opaque::opaque_tokens(cx, jwt, ours.introspection.as_ref()),
        leeway,
        early_leeway: if ours.leeway.is_some() { leeway } else { EARLY_LEEWAY },
        public_key_ttl: cx.seconds(&ttl_path, jwt.public_key_ttl, 1..=7 * 86_400, TTL),
        public_key_stale_ttl,
        public_key_cooldown: cx.seconds(
            "modelgate.public_key_cooldown",
            ours.public_key_cooldown,
            1..=3600,
            COOLDOWN,
        ),
    }
}

/// Warns if every token of the identity provider would be accepted, and if no token can reach the global check (D9).
pub(in crate::config) fn check_scoping(cx: &mut Context<'_>, tokens: &TokenRules) {
    // Each entry of `issuers` has its own audience, or states that it has none.
    let global =
        tokens.issuers.is_empty() || matches!(tokens.opaque, Some(OpaqueTokens::Introspection { .. }));
    if tokens.audience.is_none() && tokens.issuer.is_none() && global {
        cx.warn_key("general_settings.enable_jwt_auth", Caution::AnyAudience);
    }
    if !tokens.issuers.is_empty() && tokens.issuer.is_none() && !tokens.key_urls.is_empty() {
        let caution = Caution::NoEffect { key: "JWT_PUBLIC_KEY_URL", other: "JWT_ISSUER" };
        cx.warn_key(issuers::PATH, caution);
    }
    if matches!(tokens.opaque, Some(OpaqueTokens::Userinfo { .. })) {
        cx.warn_key(opaque::USERINFO, Caution::UserinfoAudience);
    }
}

/// The value of a variable. An empty value is refused, because it is unlikely to mean "any".
pub(in crate::config) fn not_empty(
    cx: &mut Context<'_>,
    env: &Environment<'_>,
    name: &str,
) -> Option<String> {
    let value = variable(cx, env, name)?;
    if value.trim().is_empty() {
        cx.problems.push((Problem::Empty { key: name.to_owned() }, env.span(name)));
    }
    Some(value)
}

fn key_urls(cx: &mut Context<'_>, env: &Environment<'_>) -> Vec<Url> {
    let name = "JWT_PUBLIC_KEY_URL";
    let listed = variable(cx, env, name).unwrap_or_default();
    let mut urls = Vec::new();
    for text in listed.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        match endpoint::key_source(text) {
            Ok(url) => urls.push(url),
            Err(reason) => cx.problems.push((Problem::Url { key: name.to_owned(), reason }, env.span(name))),
        }
    }
    urls
}

fn variable(cx: &mut Context<'_>, env: &Environment<'_>, name: &str) -> Option<String> {
    env.get(name).unwrap_or_else(|(problem, span)| {
        cx.problems.push((problem, Some(span)));
        None
    })
}
