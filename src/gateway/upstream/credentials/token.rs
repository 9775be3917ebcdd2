//! Keeps an access token, and replaces it before it expires.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::exchange;
use crate::config::UpstreamCredential;
use crate::gateway::auth::jwks::fetch::{FetchLimits, Fetcher, native_tls};
use crate::gateway::auth::jwks::fetch_error::FetchError;
use crate::gateway::http::error_response::Refusal;

const LIMITS: FetchLimits = FetchLimits { timeout: Duration::from_secs(10), max_bytes: 256 * 1024 };
/// A token is replaced when this much of its lifetime is left, or a quarter of it if that is shorter.
const REPLACED_BEFORE: Duration = Duration::from_secs(300);
/// A token is not sent in the last moments of its life: the upstream's clock may be ahead.
const UNUSED_BEFORE: Duration = Duration::from_secs(10);
/// The time after a failed exchange in which requests fail without another exchange.
const PAUSE: Duration = Duration::from_secs(1);

/// The tokens of one credential.
pub(in crate::gateway) struct TokenSource {
    credential: UpstreamCredential,
    /// `None`: TLS cannot be set up.
    fetcher: Option<Fetcher>,
    token: ArcSwapOption<Token>,
    /// Held while a token is fetched, so that there is one fetch at a time. It has the end of the pause after a failure.
    fetching: Mutex<Option<Instant>>,
}

struct Token {
    header: HeaderValue,
    replaced_from: Instant,
    unused_from: Instant,
}

impl TokenSource {
    pub(super) fn new(credential: &UpstreamCredential) -> Self {
        let tls = native_tls().inspect_err(|error| tracing::warn!(%error, "TLS cannot be set up")).ok();
        Self {
            credential: credential.clone(),
            fetcher: tls.map(|tls| Fetcher::new(tls, LIMITS)),
            token: ArcSwapOption::empty(),
            fetching: Mutex::default(),
        }
    }

    /// The header with a valid token. Only a request that finds none waits for it. The token is replaced in the background
    /// before it expires.
    pub(super) async fn bearer(self: &Arc<Self>) -> Result<HeaderValue, Refusal> {
        if let Some(header) = self.usable() {
            return Ok(header);
        }
        // A task of its own: a caller that goes away shall not stop what others wait for.
        let source = Arc::clone(self);
        let fetched = tokio::spawn(async move { source.fetched().await }).await;
        fetched.unwrap_or(Err(Refusal::NoUpstreamCredential))
    }

    /// The token, if it may be sent. Begins to replace it, if it is time.
    fn usable(self: &Arc<Self>) -> Option<HeaderValue> {
        let token = self.token.load();
        let token = token.as_ref()?;
        let now = Instant::now();
        if now >= token.unused_from {
            return None;
        }
        if now >= token.replaced_from && self.fetching.try_lock().is_ok() {
            let source = Arc::clone(self);
            tokio::spawn(async move { source.replace().await });
        }
        Some(token.header.clone())
    }

    async fn fetched(&self) -> Result<HeaderValue, Refusal> {
        let mut paused_until = self.fetching.lock().await;
        let now = Instant::now();
        // Another request may have waited for the same token.
        if let Some(token) = self.token.load().as_ref().filter(|token| now < token.unused_from) {
            return Ok(token.header.clone());
        }
        if paused_until.is_some_and(|until| now < until) {
            return Err(Refusal::NoUpstreamCredential);
        }
        self.fetch(&mut paused_until).await
    }

    async fn replace(&self) {
        // Another task fetches a token already.
        let Ok(mut paused_until) = self.fetching.try_lock() else { return };
        let now = Instant::now();
        let is_new = self.token.load().as_ref().is_some_and(|token| now < token.replaced_from);
        if !is_new && paused_until.is_none_or(|until| now >= until) {
            // The failure is in the log, and the old token is still valid.
            let _ = self.fetch(&mut paused_until).await;
        }
    }

    async fn fetch(&self, paused_until: &mut Option<Instant>) -> Result<HeaderValue, Refusal> {
        match self.exchange().await {
            Ok((header, lifetime)) => {
                let now = Instant::now();
                let token = Token {
                    header: header.clone(),
                    replaced_from: now + lifetime.saturating_sub(REPLACED_BEFORE.min(lifetime / 4)),
                    unused_from: now + lifetime.saturating_sub(UNUSED_BEFORE.min(lifetime / 4)),
                };
                self.token.store(Some(Arc::new(token)));
                *paused_until = None;
                Ok(header)
            }
            Err((host, reason)) => {
                *paused_until = Some(Instant::now() + PAUSE);
                tracing::warn!(host, "no access token for an upstream: {reason}");
                Err(Refusal::NoUpstreamCredential)
            }
        }
    }

    /// Exchanges the credential. Errors are the host and the reason.
    async fn exchange(&self) -> Result<(HeaderValue, Duration), (String, String)> {
        let (request, host) = exchange::request(&self.credential, SystemTime::now())
            .map_err(|reason| (String::new(), reason))?;
        let Some(fetcher) = &self.fetcher else { return Err((host, "TLS cannot be set up".to_owned())) };
        let answer = fetcher.in_time(async { fetcher.body(fetcher.send(request).await?).await }).await;
        let token =
            answer.map_err(|error: FetchError| error.to_string()).and_then(|answer| exchange::token(&answer));
        token.map_err(|reason| (host, reason))
    }
}
