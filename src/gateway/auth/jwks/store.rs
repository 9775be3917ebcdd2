//! Every provider's keys, and the tokens that they verify.

use std::sync::{Arc, Weak};
use std::time::Instant;

use rustls::ClientConfig;
use url::Url;

use crate::authn::{Bearer, KeySet, Times, Token, VerifiedClaims};
use crate::config::TokenRules;

use super::fetch::{FetchLimits, Fetcher};
use super::files::{KeyFile, KeyFiles};
use super::group::{Case, Group, WantedKeys, groups, one_of};
use super::source::Source;
use crate::gateway::auth::error::AuthnError;
use crate::gateway::auth::stats::KeySource;
use crate::gateway::clock::Moment;

/// The keys of the configured providers, cached.
///
/// Keys younger than `public_key_ttl` are used as they are, without a lock and without waiting. Older ones are fetched
/// again by the first token that needs them; while the provider fails they serve for `public_key_stale_ttl` more. A token
/// waits only for providers whose keys it needs: one that another provider's keys verify waits for nobody.
///
/// Keys are bound to their issuer. An entry of `issuers` has its own, with their own cooldown, and those of
/// `JWT_PUBLIC_KEY_URL` are a group beside them; a token is judged by the keys of one group alone.
pub struct KeyStore {
    groups: Vec<Group>,
    fetcher: Arc<Fetcher>,
}

/// What it depends on that a token was verified, apart from the rules.
#[derive(Debug)]
pub(in crate::gateway) struct Proof {
    /// The position of its issuer's group.
    group: usize,
    /// The very set: keys that are fetched anew and differ are another one.
    keys: Weak<KeySet>,
    times: Times,
}

impl Proof {
    /// When the token ends, in seconds since 1970.
    pub(in crate::gateway) fn end(&self, rules: &TokenRules) -> f64 {
        self.times.end(rules.leeway)
    }
}

impl KeyStore {
    /// A store for these rules, with this idea of trust and limits. Nothing is fetched yet.
    #[must_use]
    pub fn with(rules: &TokenRules, tls: ClientConfig, limits: FetchLimits) -> Self {
        Self::of(rules, Arc::new(Fetcher::new(tls, limits)), |keys, url| {
            Source::new(url.clone(), keys.expected)
        })
    }

    /// A store for other rules that goes on with the keys of every issuer and URL which both have. `files` has the key
    /// sets that were read from `file:` URLs; they are never read again.
    pub(in crate::gateway) fn renewed(&self, rules: &TokenRules, files: &KeyFiles) -> Self {
        Self::of(rules, self.fetcher.clone(), |wanted, url| match files.get(url) {
            Some(KeyFile::Keys(keys)) => Source::fixed(url.clone(), Arc::clone(keys)),
            Some(KeyFile::Elsewhere(url)) => self.known(wanted, url),
            None => self.known(wanted, url),
        })
    }

    /// Keys are bound to their issuer, so those of another one's URL are not these.
    fn known(&self, wanted: WantedKeys<'_>, url: &Url) -> Arc<Source> {
        let group = self.groups.iter().find(|group| group.issuer() == wanted.entry);
        let source = group.and_then(|group| group.source(url, wanted.expected));
        source.unwrap_or_else(|| Source::new(url.clone(), wanted.expected))
    }

    fn of(
        rules: &TokenRules,
        fetcher: Arc<Fetcher>,
        source: impl Fn(WantedKeys<'_>, &Url) -> Arc<Source>,
    ) -> Self {
        let group = |wanted: WantedKeys<'_>| {
            let sources = wanted.urls.iter().map(|url| source(wanted, url)).collect();
            Group::new(wanted.entry, sources, &fetcher)
        };
        Self { groups: groups(rules).map(group).collect(), fetcher }
    }

    /// Fetches what is missing, from every provider at once, so that the first token need not wait.
    ///
    /// Returns whether every provider has usable keys now. What fails is logged and tried again when a token needs it.
    pub async fn warm_up(&self, rules: &TokenRules, now: Moment) -> bool {
        let refresh = |group: &Group| group.start_refreshes(false, rules, now.monotonic);
        let mut endings: Vec<_> = self.groups.iter().flat_map(refresh).collect();
        while one_of(&mut endings).await {}
        self.missing(rules, now.monotonic) == 0
    }

    /// What each provider's keys are, for metrics.
    pub(in crate::gateway) fn state(&self, now: Moment) -> Vec<KeySource> {
        self.groups.iter().flat_map(|group| group.state(now.monotonic)).collect()
    }

    /// How many providers have no usable keys.
    #[must_use]
    pub fn missing(&self, rules: &TokenRules, now: Instant) -> usize {
        self.groups.iter().map(|group| group.missing(rules, now)).sum()
    }

    /// Verifies a token with the keys of its issuer that are at hand, and only if those do not settle it, with newer ones.
    ///
    /// # Errors
    ///
    /// [`AuthnError`]: the token's fault, or no keys to judge it by.
    pub async fn verify(
        &self,
        bearer: &Bearer<'_>,
        rules: &TokenRules,
        now: Moment,
    ) -> Result<VerifiedClaims, AuthnError> {
        Ok(self.verified(bearer, rules, now).await?.0)
    }

    /// The same, with what it depends on.
    pub(in crate::gateway) async fn verified(
        &self,
        bearer: &Bearer<'_>,
        rules: &TokenRules,
        now: Moment,
    ) -> Result<(VerifiedClaims, Proof), AuthnError> {
        let token = Token::parse(bearer.expose())?;
        let entry = token.entry(rules)?;
        let issuer = entry.map(|entry| entry.issuer.as_str());
        // A store that was made for other rules may lack the issuer: then there are no keys to judge by.
        let position = self.groups.iter().position(|group| group.issuer() == issuer);
        let position = position.ok_or(AuthnError::KeysUnavailable)?;
        let group = self.groups.get(position).ok_or(AuthnError::KeysUnavailable)?;
        let (claims, keys) = group.verify(Case { token: &token, entry, rules }, now).await?;
        let times = Times::of(claims.as_map())?;
        Ok((claims, Proof { group: position, keys, times }))
    }

    /// Whether a token that this store has verified by these rules would be verified now as it was then: it is still valid,
    /// and the keys are still those of its provider and not too old. Anything else is to be verified anew.
    pub(in crate::gateway) fn holds(&self, proof: &Proof, rules: &TokenRules, now: Moment) -> bool {
        proof.times.check(rules.leeway, rules.early_leeway, now.wall).is_ok()
            && self
                .groups
                .get(proof.group)
                .is_some_and(|group| group.is_in_use(&proof.keys, rules, now.monotonic))
    }
}
