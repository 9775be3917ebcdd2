//! The keys of one provider, as last fetched.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;
use url::Url;

use crate::authn::{KeySet, RefusedKey};
use crate::config::{TokenRules, place};

use super::fetch::Fetcher;
use crate::gateway::auth::stats::KeySource;

/// The minimum lifetime of keys, which overrides a shorter configured one. A lifetime shorter than a fetch would leave
/// no usable keys.
const MIN_TTL: Duration = Duration::from_secs(1);

/// A URL and the keys that it last returned.
pub(super) struct Source {
    url: Url,
    /// The required issuer of a discovery document at the URL.
    issuer: Option<String>,
    /// Whether the keys come from a file that was read with the configuration. Such keys change with the configuration
    /// only, not by age. The file may by now be one half of a refused change.
    fixed: bool,
    /// Every request reads this without a lock.
    loaded: ArcSwapOption<Loaded>,
    /// Whether the last fetch failed.
    failing: AtomicBool,
    refresh: Mutex<Refresh>,
    fetches: AtomicU64,
    failures: AtomicU64,
}

struct Loaded {
    keys: Arc<KeySet>,
    at: Instant,
}

#[derive(Default)]
struct Refresh {
    running: Option<watch::Receiver<()>>,
    attempted: Option<Instant>,
}

/// The freshness of keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    /// Too old but still usable, because the provider fails.
    Stale,
}

/// The reason for a refresh.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// There are no keys, or they are older than `public_key_ttl`.
    Age,
    /// A token names a key that is unknown.
    UnknownKey,
}

impl Source {
    pub(super) fn new(url: Url, issuer: Option<&str>) -> Arc<Self> {
        let issuer = issuer.map(str::to_owned);
        let (loaded, failing, refresh) = Default::default();
        let (fetches, failures) = Default::default();
        Arc::new(Self { url, issuer, fixed: false, loaded, failing, refresh, fetches, failures })
    }

    /// A source with fixed keys.
    pub(super) fn fixed(url: Url, keys: Arc<KeySet>) -> Arc<Self> {
        let (failing, refresh) = Default::default();
        let loaded = Arc::new(Loaded { keys, at: Instant::now() });
        let loaded = ArcSwapOption::new(Some(loaded));
        let (fetches, failures) = Default::default();
        let source = Self { url, issuer: None, fixed: true, loaded, failing, refresh, fetches, failures };
        Arc::new(source)
    }

    /// Whether another configuration can continue to use this source.
    pub(super) fn is_for(&self, url: &Url, issuer: Option<&str>) -> bool {
        !self.fixed && self.url == *url && self.issuer.as_deref() == issuer
    }

    /// The state of the keys, for metrics.
    pub(super) fn state(&self, issuer: Option<&str>, now: Instant) -> KeySource {
        let loaded = self.loaded.load();
        let loaded = loaded.as_ref();
        KeySource {
            issuer: issuer.map(str::to_owned),
            provider: self.to_string(),
            age: loaded.map(|loaded| now.saturating_duration_since(loaded.at)),
            keys: loaded.map_or(0, |loaded| loaded.keys.count()),
            fetches: self.fetches.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
        }
    }

    /// Whether there are usable keys at `now`, without asking the provider.
    pub(super) fn is_usable(&self, rules: &TokenRules, now: Instant) -> bool {
        self.read(rules, now, |_, _| ()).is_some()
    }

    /// Returns the result of `read` for the keys, if they are usable at `now`.
    pub(super) fn read<R>(
        &self,
        rules: &TokenRules,
        now: Instant,
        read: impl FnOnce(&Arc<KeySet>, Freshness) -> R,
    ) -> Option<R> {
        let loaded = self.loaded.load();
        let loaded = loaded.as_ref()?;
        Some(read(&loaded.keys, self.freshness(loaded, rules, now)?))
    }

    fn freshness(&self, loaded: &Loaded, rules: &TokenRules, now: Instant) -> Option<Freshness> {
        if self.fixed {
            return Some(Freshness::Fresh);
        }
        let (age, ttl) = (now.saturating_duration_since(loaded.at), rules.public_key_ttl.max(MIN_TTL));
        if age < ttl {
            return Some(Freshness::Fresh);
        }
        let is_stale = age < ttl.saturating_add(rules.public_key_stale_ttl);
        (is_stale && self.failing.load(Ordering::Acquire)).then_some(Freshness::Stale)
    }

    /// Joins the running refresh, or starts one if it is due. The receiver closes when the refresh has ended.
    ///
    /// The refresh runs as its own task, so a caller that disconnects does not stop it for the others.
    pub(super) fn refresh(
        self: &Arc<Self>,
        cause: Cause,
        cooldown: Duration,
        now: Instant,
        fetcher: &Arc<Fetcher>,
    ) -> Option<watch::Receiver<()>> {
        if self.fixed {
            return None;
        }
        let mut refresh = self.refresh.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = refresh.running.as_ref().filter(|running| running.has_changed().is_ok()) {
            return Some(running.clone());
        }
        let rested =
            refresh.attempted.is_none_or(|attempted| now.saturating_duration_since(attempted) >= cooldown);
        if !rested && (cause == Cause::UnknownKey || self.failing.load(Ordering::Acquire)) {
            return None;
        }
        let (ended, running) = watch::channel(());
        refresh.running = Some(running.clone());
        let (source, fetcher) = (self.clone(), fetcher.clone());
        tokio::spawn(async move {
            source.fetch(&fetcher, now).await;
            drop(ended);
        });
        Some(running)
    }

    async fn fetch(&self, fetcher: &Fetcher, now: Instant) {
        let started = Instant::now();
        let result = fetcher.key_set(&self.url, self.issuer.as_deref()).await;
        let at = now + started.elapsed();
        self.fetches.fetch_add(1, Ordering::Relaxed);
        match result {
            Ok(keys) => {
                self.report(&keys);
                let keys = self.unchanged(&keys).unwrap_or_else(|| Arc::new(keys));
                self.loaded.store(Some(Arc::new(Loaded { keys, at })));
                self.failing.store(false, Ordering::Release);
            }
            Err(error) => {
                tracing::warn!(provider = %self, %error, "fetching keys failed");
                self.failures.fetch_add(1, Ordering::Relaxed);
                self.failing.store(true, Ordering::Release);
            }
        }
        self.refresh.lock().unwrap_or_else(PoisonError::into_inner).attempted = Some(at);
    }

    /// Keeps the current set if the new one is equal. Tokens that it verified then stay verified.
    fn unchanged(&self, keys: &KeySet) -> Option<Arc<KeySet>> {
        let loaded = self.loaded.load();
        loaded.as_ref().filter(|loaded| loaded.keys.is_same(keys)).map(|loaded| loaded.keys.clone())
    }

    /// Logs unused keys once, until they change.
    fn report(&self, keys: &KeySet) {
        let before = self.loaded.load();
        let known: &[RefusedKey] = before.as_ref().map_or(&[], |loaded| loaded.keys.refused());
        for key in keys.refused().iter().filter(|key| !known.contains(key)) {
            let kid = key.kid.as_deref().unwrap_or("(none)");
            tracing::info!(provider = %self, kid, reason = %key.reason, "a published key is not used");
        }
    }
}

/// The URL without parts that may be secret.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        place(&self.url).fmt(f)
    }
}
