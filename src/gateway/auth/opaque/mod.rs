//! Verifies opaque tokens: asks the provider about them, and caches its answers.
//!
//! Input: tokens that are not JWTs. Output: the provider's claims, which are checked against the rules for each
//! request. `request` builds the requests to a provider.

mod request;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::header::CONTENT_TYPE;
use http::{Response, StatusCode};
use hyper::body::Incoming;
use rustls::ClientConfig;
use tokio::sync::{Semaphore, watch};

use super::error::AuthnError;
use super::jwks::fetch::{FetchLimits, Fetcher};
use super::jwks::fetch_error::FetchError;
use super::stats::OpaqueStats;
use crate::authn::{AnswerError, Assertion, Bearer, TokenError, VerifiedClaims};
use crate::config::{OpaqueTokens, TokenRules};
use crate::gateway::clock::Timestamp;
pub(in crate::gateway) use request::same;
use request::{Fingerprint, Query};

/// The time limit is that of key sets. An answer about one token is smaller than a key set.
const LIMITS: FetchLimits = FetchLimits { timeout: Duration::from_secs(5), max_bytes: 64 * 1024 };
const MAX_KNOWN: usize = 10_000;
/// The maximum number of concurrent requests to a provider. Additional tokens do not wait and get 503. Anyone can send
/// random text that looks like a token, and this limit protects the provider.
const MAX_ASKING: usize = 256;

/// The cached answers of providers about opaque tokens.
///
/// Only positive answers are cached. A negative answer costs the provider a request each time. But if negative answers
/// were cached, anyone could evict the positive ones, and a token that the provider does not know yet could be refused
/// later.
#[derive(Clone)]
pub(super) struct OpaqueStore {
    shared: Arc<Shared>,
}

struct Shared {
    fetcher: Arc<Fetcher>,
    slots: Arc<Semaphore>,
    tokens: Mutex<Tokens>,
    hits: AtomicU64,
    misses: AtomicU64,
}

type Outcome = Result<Arc<Assertion>, AuthnError>;
type Pending = watch::Receiver<Option<Outcome>>;

#[derive(Default)]
struct Tokens {
    known: HashMap<Fingerprint, Known>,
    asking: HashMap<Fingerprint, Pending>,
}

struct Known {
    assertion: Arc<Assertion>,
    /// The time when the provider was asked.
    at: Instant,
    ttl: Duration,
}

impl Known {
    fn serves(&self, ttl: Duration, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < ttl
    }
}

impl OpaqueStore {
    pub(in crate::gateway) fn new(tls: ClientConfig) -> Self {
        Self::with(Arc::new(Fetcher::new(tls, LIMITS)))
    }

    /// An empty store with the same client.
    pub(super) fn emptied(&self) -> Self {
        Self::with(self.shared.fetcher.clone())
    }

    fn with(fetcher: Arc<Fetcher>) -> Self {
        let (slots, tokens) = (Arc::new(Semaphore::new(MAX_ASKING)), Mutex::default());
        let (hits, misses) = Default::default();
        Self { shared: Arc::new(Shared { fetcher, slots, tokens, hits, misses }) }
    }

    /// The state of the cache, for metrics.
    pub(in crate::gateway) fn state(&self) -> OpaqueStats {
        let (hits, misses) = (&self.shared.hits, &self.shared.misses);
        let tokens = self.shared.tokens();
        OpaqueStats {
            entries: tokens.known.len(),
            asking: tokens.asking.len(),
            hits: hits.load(Ordering::Relaxed),
            misses: misses.load(Ordering::Relaxed),
        }
    }

    /// Asks the provider about a token, and checks its answer against the rules.
    ///
    /// The rules are checked for each request. So a cached token expires with its `exp`, and a new configuration
    /// applies to it.
    pub(in crate::gateway) async fn verify(
        &self,
        bearer: &Bearer<'_>,
        provider: &OpaqueTokens,
        rules: &TokenRules,
        now: Timestamp,
    ) -> Result<VerifiedClaims, AuthnError> {
        let started = Instant::now();
        let assertion = match self.shared.find(bearer, provider, now.monotonic)? {
            Found::Known(assertion) => assertion,
            Found::Pending(mut pending) => {
                let outcome = pending.wait_for(Option::is_some).await;
                // The asking task ends without a message only if it has panicked.
                outcome
                    .ok()
                    .and_then(|outcome| outcome.clone())
                    .unwrap_or(Err(AuthnError::ProviderUnavailable))?
            }
        };
        Ok(assertion.verify(rules, now.after(started.elapsed()).wall)?)
    }
}

enum Found {
    Known(Arc<Assertion>),
    Pending(Pending),
}

impl Shared {
    /// Returns the cached answer, or a channel that all waiting requests share.
    fn find(
        self: &Arc<Self>,
        bearer: &Bearer<'_>,
        provider: &OpaqueTokens,
        now: Instant,
    ) -> Result<Found, AuthnError> {
        let (fingerprint, ttl) = (request::fingerprint(provider, bearer), request::cache_ttl(provider));
        let mut tokens = self.tokens();
        if let Some(known) = tokens.known.get(&fingerprint).filter(|known| known.serves(ttl, now)) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return Ok(Found::Known(known.assertion.clone()));
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        // A task that has panicked leaves a channel without a sender.
        let asking = tokens.asking.get(&fingerprint);
        if let Some(pending) = asking.filter(|pending| pending.has_changed().is_ok()) {
            return Ok(Found::Pending(pending.clone()));
        }
        let unavailable = AuthnError::ProviderUnavailable;
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| unavailable.clone())?;
        let query = Query::new(provider, bearer).ok_or(unavailable)?;
        let (answered, pending) = watch::channel(None);
        tokens.asking.insert(fingerprint, pending.clone());
        let shared = self.clone();
        // This is a separate task, so a caller that disconnects does not stop it for the others.
        tokio::spawn(async move {
            let outcome = shared.ask(query).await;
            shared.settle(fingerprint, &outcome, now, ttl);
            answered.send_replace(Some(outcome));
            drop(slot);
        });
        Ok(Found::Pending(pending))
    }

    async fn ask(&self, query: Query) -> Outcome {
        let place = query.place.clone();
        match self.fetcher.in_time(self.answer(query)).await {
            Ok(Some(assertion)) => Ok(Arc::new(assertion)),
            Ok(None) => Err(TokenError::NotAccepted.into()),
            Err(error) => {
                tracing::warn!(provider = place, %error, "asking about a token failed");
                Err(AuthnError::ProviderUnavailable)
            }
        }
    }

    /// Returns the provider's claims for the token; `None` if the provider does not accept it.
    async fn answer(&self, query: Query) -> Result<Option<Assertion>, AskError> {
        let response = self.fetcher.send(query.request).await?;
        if query.userinfo && matches!(response.status(), StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Ok(None);
        }
        let json = is_json(&response);
        let body = self.fetcher.body(response).await?;
        if !json {
            return Err(AskError::ContentType);
        }
        Ok(if query.userinfo {
            Some(Assertion::from_userinfo(&body)?)
        } else {
            Assertion::from_introspection(&body)?
        })
    }

    fn settle(&self, fingerprint: Fingerprint, outcome: &Outcome, at: Instant, ttl: Duration) {
        let mut tokens = self.tokens();
        tokens.asking.remove(&fingerprint);
        let Ok(assertion) = outcome else { return };
        if tokens.known.len() >= MAX_KNOWN {
            tokens.known.retain(|_, known| known.serves(known.ttl, at));
        }
        if tokens.known.len() >= MAX_KNOWN {
            let oldest = tokens.known.iter().min_by_key(|(_, known)| known.at).map(|(oldest, _)| *oldest);
            oldest.map(|oldest| tokens.known.remove(&oldest));
        }
        tokens.known.insert(fingerprint, Known { assertion: assertion.clone(), at, ttl });
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A signed answer (`application/jwt`) is refused, because its signature is not verified here.
fn is_json(response: &Response<Incoming>) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).map(|kind| kind.as_bytes());
    let kind = kind.and_then(|kind| kind.split(|b| *b == b';').next()).unwrap_or_default();
    kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
}

/// The reason why a provider's answer cannot be used. No reason contains the token or the answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Answer(#[from] AnswerError),
    #[error("the answer is not `application/json`")]
    ContentType,
}

#[cfg(test)]
mod tests;
