//! The keys of one issuer, and the tokens that they verify.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use tokio::sync::watch;
use url::Url;

use crate::authn::{BorrowedClaims, ClaimRules, KeySet, Token, TokenError, Validity, claims_of};
use crate::config::{Issuer, TokenRules};

use super::fetch::Fetcher;
use super::source::{Cause, Freshness, Source};
use crate::gateway::auth::error::AuthnError;
use crate::gateway::auth::stats::KeySource;
use crate::gateway::clock::Timestamp;

/// The providers that publish the keys of one entry of `issuers`, or those of `JWT_PUBLIC_KEY_URL`.
pub(super) struct Group {
    /// `None`: the global keys.
    issuer: Option<String>,
    sources: Vec<Arc<Source>>,
    fetcher: Arc<Fetcher>,
}

/// A group of keys in a configuration.
#[derive(Clone, Copy)]
pub(super) struct WantedKeys<'r> {
    /// The entry of `issuers`; `None`: `JWT_PUBLIC_KEY_URL`.
    pub(super) entry: Option<&'r str>,
    /// The required issuer of a discovery document; `None`: not configured.
    pub(super) expected: Option<&'r str>,
    pub(super) urls: &'r [Url],
}

/// The groups in a configuration: the global one, then one for each entry of `issuers`.
pub(super) fn groups(rules: &TokenRules) -> impl Iterator<Item = WantedKeys<'_>> {
    let bound = rules.issuers.iter().map(|entry| {
        let issuer = Some(entry.issuer.as_str());
        WantedKeys { entry: issuer, expected: issuer, urls: std::slice::from_ref(&entry.key_url) }
    });
    let global = WantedKeys { entry: None, expected: rules.issuer.as_deref(), urls: &rules.key_urls };
    std::iter::once(global).chain(bound)
}

/// A token and the rules that it is verified by.
#[derive(Clone, Copy)]
pub(super) struct Case<'c> {
    pub(super) token: &'c Token<'c>,
    pub(super) entry: Option<&'c Issuer>,
    pub(super) rules: &'c TokenRules,
}

/// A verified token.
pub(super) struct Verified<R> {
    /// What was read of its claims.
    pub(super) read: R,
    pub(super) validity: Validity,
    /// The id of the key set that verified it. The token is invalid once that set is gone.
    pub(super) keys: Option<u64>,
}

impl Case<'_> {
    fn judge<R>(
        &self,
        sets: &[Arc<KeySet>],
        now: Timestamp,
        read: &impl Fn(&BorrowedClaims<'_>) -> R,
    ) -> Result<Verified<R>, TokenError> {
        let rules = ClaimRules::of(self.entry, self.rules);
        let verified = claims_of(self.token, sets, &rules, now.wall, read)?;
        let keys = sets.get(verified.set).map(|keys| keys.id());
        Ok(Verified { read: verified.read, validity: verified.times.validity(), keys })
    }
}

/// Completes when a refresh has ended.
pub(super) type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Group {
    pub(super) fn new(issuer: Option<&str>, sources: Vec<Arc<Source>>, fetcher: &Arc<Fetcher>) -> Self {
        Self { issuer: issuer.map(str::to_owned), sources, fetcher: fetcher.clone() }
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The source that fetches keys of this issuer from this URL, including its current keys.
    pub(super) fn source(&self, url: &Url, expected: Option<&str>) -> Option<Arc<Source>> {
        self.sources.iter().find(|source| source.is_for(url, expected)).cloned()
    }

    pub(super) fn state(&self, now: Instant) -> impl Iterator<Item = KeySource> {
        self.sources.iter().map(move |source| source.state(self.issuer(), now))
    }

    /// The number of providers without usable keys.
    pub(super) fn missing(&self, rules: &TokenRules, now: Instant) -> usize {
        self.sources.iter().filter(|source| !source.is_usable(rules, now)).count()
    }

    /// Whether these keys, which once verified a token, would still verify it. As in `verify`, a failing provider is
    /// asked again in the background.
    pub(super) fn is_in_use(&self, keys: u64, rules: &TokenRules, now: Instant) -> bool {
        let mut is_in_use = false;
        self.read_usable(rules, now, |usable| is_in_use |= usable.id() == keys);
        is_in_use
    }

    /// Verifies a token with the current keys. If those cannot decide, waits for newer keys.
    pub(super) async fn verify<R>(
        &self,
        case: Case<'_>,
        now: Timestamp,
        read: &impl Fn(&BorrowedClaims<'_>) -> R,
    ) -> Result<Verified<R>, AuthnError> {
        match case.judge(&self.usable(case.rules, now.monotonic), now, read) {
            Err(error) if error.depends_on_keys() => {
                // Boxed, since it is rarely needed.
                Box::pin(self.verify_with_newer(case, error, now, read)).await
            }
            result => Ok(result?),
        }
    }

    async fn verify_with_newer<R>(
        &self,
        case: Case<'_>,
        mut error: TokenError,
        now: Timestamp,
        read: &impl Fn(&BorrowedClaims<'_>) -> R,
    ) -> Result<Verified<R>, AuthnError> {
        let rules = case.rules;
        let unknown = matches!(error, TokenError::UnknownKey { .. });
        if !unknown && self.missing(rules, now.monotonic) == 0 {
            return Err(error.into());
        }
        let started = Instant::now();
        let mut endings = self.start_refreshes(unknown, rules, now.monotonic);
        // The first round sees the result of a refresh that has just ended. Each additional round waits for a refresh.
        // Keys that were fetched after the token arrived are recent enough for it, even if a busy machine continues
        // late.
        loop {
            match case.judge(&self.usable(rules, now.monotonic), now.after(started.elapsed()), read) {
                Err(newer) if newer.depends_on_keys() => error = newer,
                result => return Ok(result?),
            }
            if !one_of(&mut endings).await {
                break;
            }
        }
        let unknown = matches!(error, TokenError::UnknownKey { .. });
        if unknown && self.missing(rules, now.monotonic) > 0 {
            Err(AuthnError::KeysUnavailable)
        } else {
            Err(error.into())
        }
    }

    /// The keys that may be used now. A failing provider is asked again in the background.
    fn usable(&self, rules: &TokenRules, now: Instant) -> Vec<Arc<KeySet>> {
        let mut sets = Vec::with_capacity(self.sources.len());
        self.read_usable(rules, now, |keys| sets.push(Arc::clone(keys)));
        sets
    }

    /// The same without asking a provider.
    fn read_usable(&self, rules: &TokenRules, now: Instant, mut read: impl FnMut(&Arc<KeySet>)) {
        for source in &self.sources {
            let freshness = source.read(rules, now, |keys, freshness| {
                read(keys);
                freshness
            });
            if freshness == Some(Freshness::Stale) {
                source.refresh(Cause::Age, rules.public_key_cooldown, now, &self.fetcher);
            }
        }
    }

    /// Starts or joins the refreshes that are due. These are the refreshes of all sources without usable keys. If a
    /// token's key is unknown, the other sources are refreshed too.
    pub(super) fn start_refreshes(&self, unknown: bool, rules: &TokenRules, now: Instant) -> Vec<Ending> {
        let refresh = |source: &Arc<Source>| {
            let cause = match source.is_usable(rules, now) {
                false => Cause::Age,
                true if unknown => Cause::UnknownKey,
                true => return None,
            };
            source.refresh(cause, rules.public_key_cooldown, now, &self.fetcher).map(ending)
        };
        self.sources.iter().filter_map(refresh).collect()
    }
}

fn ending(mut running: watch::Receiver<()>) -> Ending {
    // No value is ever sent. The only change is that the sender is dropped.
    Box::pin(async move { while running.changed().await.is_ok() {} })
}

/// Waits for the first refresh to end and removes it from the list. Returns false if the list is empty.
pub(super) async fn one_of(endings: &mut Vec<Ending>) -> bool {
    if endings.is_empty() {
        return false;
    }
    poll_fn(|context| match endings.iter_mut().position(|ending| ending.as_mut().poll(context).is_ready()) {
        Some(ended) => {
            drop(endings.swap_remove(ended));
            Poll::Ready(())
        }
        None => Poll::Pending,
    })
    .await;
    true
}
