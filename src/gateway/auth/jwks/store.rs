//! The keys of all providers, and the tokens that they verify.

use std::sync::Arc;
use std::time::Instant;

use rustls::ClientConfig;
use url::Url;

use crate::authn::{Bearer, BorrowedClaims, Token, Validity, VerifiedClaims};
use crate::config::TokenRules;

use super::fetch::{FetchLimits, Fetcher};
use super::files::{KeyFile, KeyFiles};
use super::group::{Case, Group, WantedKeys, groups, one_of};
use super::source::Source;
use crate::gateway::auth::error::AuthnError;
use crate::gateway::auth::stats::KeySource;
use crate::gateway::clock::Timestamp;

/// The keys of the configured providers, cached.
///
/// Keys younger than `public_key_ttl` are used without a lock and without waiting. The first token that needs older
/// keys fetches them again. While the provider fails, old keys stay usable for an additional `public_key_stale_ttl`. A
/// token waits only for providers whose keys it needs. If the keys of another provider verify it, it does not wait.
///
/// Keys are bound to their issuer. Each entry of `issuers` has its own group with its own cooldown, and
/// `JWT_PUBLIC_KEY_URL` has a separate group. A token is verified with the keys of one group only.
pub struct KeyStore {
    groups: Vec<Group>,
    fetcher: Arc<Fetcher>,
}

/// Everything that the result of a verification depends on, except for the rules.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Proof {
    /// The position of its issuer's group.
    group: u32,
    /// The id of the key set. If keys are fetched again and differ, they are another set.
    keys: u64,
    validity: Validity,
}

impl Proof {
    /// The expiry of the token, in seconds since 1970.
    pub(in crate::gateway) fn end(&self, rules: &TokenRules) -> f64 {
        self.validity.end(rules.leeway)
    }
}

impl KeyStore {
    /// A store for these rules, with these TLS roots and limits. It fetches nothing yet.
    #[must_use]
    pub fn with(rules: &TokenRules, tls: ClientConfig, limits: FetchLimits) -> Self {
        Self::of(rules, Arc::new(Fetcher::new(tls, limits)), |keys, url| {
            Source::new(url.clone(), keys.expected)
        })
    }

    /// A store for other rules. It keeps the keys of every issuer and URL that both rules have. `files` has the key
    /// sets that were read from `file:` URLs, which are not read again.
    pub(in crate::gateway) fn renewed(&self, rules: &TokenRules, files: &KeyFiles) -> Self {
        Self::of(rules, self.fetcher.clone(), |wanted, url| match files.get(url) {
            Some(KeyFile::Keys(keys)) => Source::fixed(url.clone(), Arc::clone(keys)),
            Some(KeyFile::Elsewhere(url)) => self.known(wanted, url),
            None => self.known(wanted, url),
        })
    }

    /// Keys are bound to their issuer, so the same URL under another issuer has other keys.
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

    /// Fetches missing keys from all providers concurrently, so that the first token does not wait.
    ///
    /// Returns whether every provider has usable keys now. Failures are logged, and tried again when a token needs the
    /// keys.
    pub async fn warm_up(&self, rules: &TokenRules, now: Timestamp) -> bool {
        let refresh = |group: &Group| group.start_refreshes(false, rules, now.monotonic);
        let mut endings: Vec<_> = self.groups.iter().flat_map(refresh).collect();
        while one_of(&mut endings).await {}
        self.missing(rules, now.monotonic) == 0
    }

    /// The state of each provider's keys, for metrics.
    pub(in crate::gateway) fn state(&self, now: Timestamp) -> Vec<KeySource> {
        self.groups.iter().flat_map(|group| group.state(now.monotonic)).collect()
    }

    /// The number of providers without usable keys.
    #[must_use]
    pub fn missing(&self, rules: &TokenRules, now: Instant) -> usize {
        self.groups.iter().map(|group| group.missing(rules, now)).sum()
    }

    /// Verifies a token with its issuer's current keys. If those cannot decide, waits for newer keys.
    ///
    /// # Errors
    ///
    /// [`AuthnError`]: the token is invalid, or there are no keys to verify it.
    pub async fn verify(
        &self,
        bearer: &Bearer<'_>,
        rules: &TokenRules,
        now: Timestamp,
    ) -> Result<VerifiedClaims, AuthnError> {
        Ok(self.verified(bearer, rules, now, &|claims: &BorrowedClaims<'_>| claims.to_owned()).await?.0)
    }

    /// The same. Returns what `read` returns for the claims, and what the verification depends on.
    pub(in crate::gateway) async fn verified<R>(
        &self,
        bearer: &Bearer<'_>,
        rules: &TokenRules,
        now: Timestamp,
        read: &impl Fn(&BorrowedClaims<'_>) -> R,
    ) -> Result<(R, Proof), AuthnError> {
        let token = Token::parse(bearer.expose())?;
        let entry = token.entry(rules)?;
        let issuer = entry.map(|entry| entry.issuer.as_str());
        // A store for other rules may lack the issuer. Then there are no keys to verify the token.
        let position = self.groups.iter().position(|group| group.issuer() == issuer);
        let position = position.ok_or(AuthnError::KeysUnavailable)?;
        let group = self.groups.get(position).ok_or(AuthnError::KeysUnavailable)?;
        let verified = group.verify(Case { token: &token, entry, rules }, now, read).await?;
        let (keys, group) =
            (verified.keys.zip(u32::try_from(position).ok())).ok_or(AuthnError::KeysUnavailable)?;
        Ok((verified.read, Proof { group, keys, validity: verified.validity }))
    }

    /// Whether a token that this store verified by these rules is still verified. The token must not have expired, and
    /// the provider must have the same keys, which are not too old. Otherwise the token must be verified again.
    pub(in crate::gateway) fn holds(&self, proof: &Proof, rules: &TokenRules, now: Timestamp) -> bool {
        let Ok(position) = usize::try_from(proof.group) else { return false };
        let is_in_use = |group: &Group| group.is_in_use(proof.keys, rules, now.monotonic);
        proof.validity.holds(rules.leeway, rules.early_leeway, now.wall)
            && self.groups.get(position).is_some_and(is_in_use)
    }
}
