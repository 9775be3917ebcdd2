//! Every provider's keys, and the tokens that they verify.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant, SystemTime};

use rustls::ClientConfig;
use tokio::sync::watch;
use url::Url;

use crate::authn::{Bearer, KeySet, Token, TokenError, VerifiedClaims, claims_of};
use crate::config::TokenRules;

use super::fetch::{FetchLimits, Fetcher, native_tls};
use super::source::{Cause, Freshness, Source, Usable};

/// The keys of the configured providers, cached.
///
/// Keys younger than `public_key_ttl` are used as they are, without a lock and without waiting. Older ones are fetched
/// again by the first token that needs them; while the provider fails they serve for `public_key_stale_ttl` more. A token
/// waits only for providers whose keys it needs: one that another provider's keys verify waits for nobody.
pub struct KeyStore {
    sources: Vec<Arc<Source>>,
    fetcher: Arc<Fetcher>,
}

/// The time, by both of the machine's clocks: dates in tokens need the one, ages of keys the other.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The time of day.
    pub wall: SystemTime,
    /// The time that never jumps.
    pub monotonic: Instant,
}

impl Moment {
    /// The time now.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: SystemTime::now(), monotonic: Instant::now() }
    }

    /// The time a while later.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        Self { wall: self.wall + elapsed, monotonic: self.monotonic + elapsed }
    }
}

/// Why a token was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthnError {
    /// The token is to blame.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No key fits the token, but a provider that may have it could not be asked.
    #[error("a provider's keys are unavailable")]
    KeysUnavailable,
}

impl AuthnError {
    /// A short name for logs and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(error) => error.reason(),
            Self::KeysUnavailable => "keys_unavailable",
        }
    }
}

/// Ends when a refresh has.
type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

impl KeyStore {
    /// A store for these URLs that trusts the certificates which this machine trusts. Nothing is fetched yet.
    ///
    /// # Errors
    ///
    /// When TLS can't be set up at all.
    pub fn new(urls: &[Url]) -> Result<Self, rustls::Error> {
        Ok(Self::with(urls, native_tls()?, FetchLimits::default()))
    }

    /// A store with its own idea of trust and limits.
    #[must_use]
    pub fn with(urls: &[Url], tls: ClientConfig, limits: FetchLimits) -> Self {
        let sources = urls.iter().cloned().map(Source::new).collect();
        Self { sources, fetcher: Arc::new(Fetcher::new(tls, limits)) }
    }

    /// Whether the store is for exactly these URLs, so that a new configuration can go on with it and its keys.
    #[must_use]
    pub fn is_for(&self, urls: &[Url]) -> bool {
        self.sources.iter().map(|source| source.url()).eq(urls)
    }

    /// Fetches what is missing, from every provider at once, so that the first token need not wait.
    ///
    /// Returns whether every provider has usable keys now. What fails is logged and tried again when a token needs it.
    pub async fn warm_up(&self, rules: &TokenRules, now: Moment) -> bool {
        let mut endings = self.start_refreshes(false, rules, now.monotonic);
        while one_of(&mut endings).await {}
        self.missing(rules, now.monotonic) == 0
    }

    /// How many providers have no usable keys.
    #[must_use]
    pub fn missing(&self, rules: &TokenRules, now: Instant) -> usize {
        self.sources.iter().filter(|source| matches!(source.usable(rules, now), Usable::AfterRefresh)).count()
    }

    /// Verifies a token with the keys at hand, and only if those do not settle it, with newer ones.
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
        let token = Token::parse(bearer.expose())?;
        match claims_of(&token, &self.usable(rules, now.monotonic), rules, now.wall) {
            Err(error) if error.depends_on_keys() => self.verify_with_newer(&token, error, rules, now).await,
            settled => Ok(settled?),
        }
    }

    async fn verify_with_newer(
        &self,
        token: &Token<'_>,
        mut error: TokenError,
        rules: &TokenRules,
        now: Moment,
    ) -> Result<VerifiedClaims, AuthnError> {
        let unknown = matches!(error, TokenError::UnknownKey { .. });
        if !unknown && self.missing(rules, now.monotonic) == 0 {
            return Err(error.into());
        }
        let started = Instant::now();
        let mut endings = self.start_refreshes(unknown, rules, now.monotonic);
        // The first round finds what a refresh brought that ended just now; each further one waits for a refresh.
        loop {
            let now = now.after(started.elapsed());
            match claims_of(token, &self.usable(rules, now.monotonic), rules, now.wall) {
                Err(newer) if newer.depends_on_keys() => error = newer,
                settled => return Ok(settled?),
            }
            if !one_of(&mut endings).await {
                break;
            }
        }
        let unknown = matches!(error, TokenError::UnknownKey { .. });
        if unknown && self.missing(rules, now.after(started.elapsed()).monotonic) > 0 {
            Err(AuthnError::KeysUnavailable)
        } else {
            Err(error.into())
        }
    }

    /// The keys that may be used now. A provider that fails is asked again meanwhile.
    fn usable(&self, rules: &TokenRules, now: Instant) -> Vec<Arc<KeySet>> {
        let mut sets = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            if let Usable::Now(keys, freshness) = source.usable(rules, now) {
                sets.push(keys);
                if freshness == Freshness::Stale {
                    source.refresh(Cause::Age, rules.public_key_cooldown, now, &self.fetcher);
                }
            }
        }
        sets
    }

    /// Starts or joins the refreshes that are due: of every source without usable keys, and if a token's key is unknown,
    /// of the others too.
    fn start_refreshes(&self, unknown: bool, rules: &TokenRules, now: Instant) -> Vec<Ending> {
        let refresh = |source: &Arc<Source>| {
            let cause = match source.usable(rules, now) {
                Usable::AfterRefresh => Cause::Age,
                Usable::Now(..) if unknown => Cause::UnknownKey,
                Usable::Now(..) => return None,
            };
            source.refresh(cause, rules.public_key_cooldown, now, &self.fetcher).map(ending)
        };
        self.sources.iter().filter_map(refresh).collect()
    }
}

fn ending(mut running: watch::Receiver<()>) -> Ending {
    // Nothing is ever sent: the only change is that the sender goes away.
    Box::pin(async move { while running.changed().await.is_ok() {} })
}

/// Waits for the first of the refreshes to end and drops it from the list; false when there is none left.
async fn one_of(endings: &mut Vec<Ending>) -> bool {
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
