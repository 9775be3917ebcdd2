//! The settings that decide about requests and that no proof covers.

use std::collections::BTreeSet;

use ipnet::IpNet;
use url::Url;

use crate::config::{
    AllowedChange, Config, Issuer, Mode, OpaqueTokens, PassedMembers, References, TokenRules,
};
use crate::engine::Snapshot;
use crate::engine::proof::ProofFacts;

/// The settings by which newer rules may allow what older rules deny, although the policies do not.
pub(super) fn settings(old: &Snapshot, new: &Snapshot) -> Vec<&'static str> {
    let mut settings = of_configs(old.config(), new.config());
    // A comparison is about requests of LLM APIs alone.
    let own = ProofFacts(new).own_rules();
    if own.is_some() && own != ProofFacts(old).own_rules() {
        settings.push("rules about resources of operators' own types");
    }
    settings
}

fn of_configs(old: &Config, new: &Config) -> Vec<&'static str> {
    let mode = |config: &Config| config.gateway.mode == Mode::LogOnly;
    let networks =
        |config: &Config| config.gateway.trusted_proxies.iter().copied().collect::<BTreeSet<IpNet>>();
    let is_passed = match (passed(old), passed(new)) {
        (PassedMembers::All, _) => true,
        (PassedMembers::Api(old), PassedMembers::Api(new)) => new.iter().all(|name| old.contains(name)),
        (PassedMembers::Api(_), PassedMembers::All) => false,
    };
    // What `remember` allows and what `deny` allows are different things.
    let [was, is] = [old, new].map(|config| config.gateway.references);
    let mut may_allow_more = vec![
        // Otherwise two reloads could do what one may not.
        ("modelgate.reload.allow", new.gateway.reload.allow != AllowedChange::Narrower),
        ("modelgate.mode", mode(new) && !mode(old)),
        ("modelgate.references", was != is && was != References::Allow),
        // Fewer proxies change the addresses that policies read, too.
        ("modelgate.trusted_proxies", networks(old) != networks(new)),
        ("modelgate.upstream.pass", !is_passed),
    ];
    if let (Some(old), Some(new)) = (&old.jwt, &new.jwt) {
        may_allow_more.extend(of_tokens(&old.tokens, &new.tokens));
    }
    may_allow_more.into_iter().filter(|(_, may)| *may).map(|(name, _)| name).collect()
}

/// The members of bodies that are forwarded to `modelgate.upstream`.
fn passed(config: &Config) -> PassedMembers {
    let upstream = config.gateway.upstream.as_ref();
    upstream.map_or(PassedMembers::Api(Vec::new()), |upstream| upstream.pass.clone())
}

/// Which tokens are valid. The pattern names every setting, so a new one does not compile until it is handled here.
fn of_tokens(old: &TokenRules, new: &TokenRules) -> [(&'static str, bool); 5] {
    let TokenRules {
        key_urls,
        audience,
        // `iss` is a claim that the comparison knows.
        issuer: _,
        issuers,
        opaque,
        leeway,
        early_leeway,
        // For how long keys are used does not say whose they are.
        public_key_ttl: _,
        public_key_stale_ttl: _,
        public_key_cooldown: _,
    } = new;
    [
        ("JWT_PUBLIC_KEY_URL", !key_urls.iter().all(|url| old.key_urls.contains(url))),
        ("JWT_AUDIENCE", old.audience.is_some() && *audience != old.audience),
        ("issuers", !issuers.iter().all(|entry| old.issuers.iter().any(|old| is_within(entry, old)))),
        ("the provider of opaque tokens", opaque.is_some() && provider(opaque) != provider(&old.opaque)),
        ("modelgate.leeway", *leeway > old.leeway || *early_leeway > old.early_leeway),
    ]
}

/// Whether an entry of `issuers` accepts no token that the older one refuses.
fn is_within(new: &Issuer, old: &Issuer) -> bool {
    let is_heard = match (&new.audience, &old.audience) {
        (_, None) => true,
        (Some(new), Some(old)) => new.iter().all(|name| old.contains(name)),
        (None, Some(_)) => false,
    };
    new.issuer == old.issuer && new.key_url == old.key_url && is_heard
}

/// Who answers about opaque tokens. The secret may change.
fn provider(opaque: &Option<OpaqueTokens>) -> Option<(&Url, Option<&str>)> {
    opaque.as_ref().map(|opaque| match opaque {
        OpaqueTokens::Userinfo { endpoint, .. } => (endpoint, None),
        OpaqueTokens::Introspection { endpoint, client_id, .. } => (endpoint, Some(client_id.as_str())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(block: &str, jwt: &str, environment: &str) -> Config {
        let yaml = format!(
            "general_settings: {{enable_jwt_auth: true, litellm_jwtauth: {{{jwt}}}}}\nmodel_list: []\n\
             modelgate: {{reload: {{allow: narrower}}, {block}}}\nenvironment_variables: {{{environment}}}\n"
        );
        Config::parse("config.yaml", &yaml, ".".as_ref(), &|_| None).unwrap()
    }

    fn changed(old: [&str; 3], new: [&str; 3]) -> Vec<&'static str> {
        let [old, new] = [old, new].map(|[block, jwt, environment]| config(block, jwt, environment));
        of_configs(&old, &new)
    }

    #[test]
    fn a_setting_that_may_allow_more_is_named_and_its_opposite_is_not() {
        let plain = ["", "", "JWT_AUDIENCE: a, JWT_PUBLIC_KEY_URL: 'https://a.example/keys'"];
        for (name, wider) in [
            ("modelgate.mode", ["mode: log_only", "", plain[2]]),
            ("modelgate.references", ["references: allow", "", plain[2]]),
            (
                "modelgate.upstream.pass",
                ["upstream: {api_base: 'https://u.example', pass: all}", "", plain[2]],
            ),
            ("JWT_AUDIENCE", ["", "", "JWT_PUBLIC_KEY_URL: 'https://a.example/keys'"]),
            ("modelgate.leeway", ["leeway: 60", "", plain[2]]),
        ] {
            assert_eq!(changed(plain, wider), [name]);
            assert!(changed(wider, plain).is_empty(), "{name}");
        }
        assert!(changed(plain, plain).is_empty());
    }

    #[test]
    fn changes_in_both_directions_are_named() {
        let [none, one] = ["", "trusted_proxies: [10.0.0.0/8]"].map(|block| [block, "", ""]);
        assert_eq!(changed(none, one), ["modelgate.trusted_proxies"]);
        assert_eq!(changed(one, none), ["modelgate.trusted_proxies"]);
        let [deny, remember] = ["references: deny", "references: remember"].map(|block| [block, "", ""]);
        assert_eq!(changed(deny, remember), ["modelgate.references"]);
        assert_eq!(changed(remember, deny), ["modelgate.references"]);
    }

    #[test]
    fn an_issuer_may_be_removed_but_not_added_nor_get_other_keys() {
        let of = |issuers: &'static str| ["", issuers, ""];
        let one = of("issuers: [{issuer: 'https://a.example', audience: [a, b]}]");
        let both = of(
            "issuers: [{issuer: 'https://a.example', audience: a}, {issuer: 'https://b.example', audience: a}]",
        );
        let other =
            of("issuers: [{issuer: 'https://a.example', audience: a, jwks_url: 'https://c.example/keys'}]");
        assert_eq!(changed(one, both), ["issuers"]);
        assert_eq!(changed(one, other), ["issuers"]);
        assert_eq!(changed(both, one), ["issuers"]);
        assert!(changed(one, of("issuers: [{issuer: 'https://a.example', audience: b}]")).is_empty());
    }

    #[test]
    fn a_reload_cannot_lift_what_reloads_may_not_do() {
        let narrower = config("", "", "");
        let yaml = "general_settings: {enable_jwt_auth: true, litellm_jwtauth: {}}\nmodel_list: []\n";
        let lifted = Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None).unwrap();
        assert_eq!(of_configs(&narrower, &lifted), ["modelgate.reload.allow"]);
    }
}
