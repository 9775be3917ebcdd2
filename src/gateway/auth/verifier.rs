//! From a credential to claims, whatever kind of token it is.

use std::sync::Arc;

use super::error::AuthnError;
use super::jwks::KeyStore;
use super::jwks::fetch::{FetchLimits, native_tls};
use super::jwks::files::KeyFiles;
use super::opaque::{self, OpaqueStore};
use super::stats::{KeySource, OpaqueStats};
use super::token_cache::TokenCache;
use crate::authn::{Bearer, Times, VerifiedClaims, is_opaque};
use crate::config::TokenRules;
use crate::gateway::clock::Moment;
use crate::identity::Caller;

/// Verifies tokens: a JWT by the keys of its issuer, any other by what its provider says, if one is configured.
pub struct TokenVerifier {
    keys: KeyStore,
    opaque: OpaqueStore,
    /// Of one generation: a renewed verifier knows none.
    known: TokenCache,
}

impl TokenVerifier {
    /// A verifier for these rules that trusts the certificates which this machine trusts. Nobody is asked yet.
    ///
    /// # Errors
    ///
    /// When TLS can't be set up at all.
    pub fn new(rules: &TokenRules) -> Result<Self, rustls::Error> {
        let tls = native_tls()?;
        let keys = KeyStore::with(rules, tls.clone(), FetchLimits::default());
        Ok(Self { keys, opaque: OpaqueStore::new(tls), known: TokenCache::new() })
    }

    /// A verifier for other rules, which goes on with the keys of every issuer and URL that both have.
    ///
    /// What was said of opaque tokens is kept while the same provider is asked in the same way.
    pub(in crate::gateway) fn renewed(
        &self,
        before: &TokenRules,
        rules: &TokenRules,
        files: &KeyFiles,
    ) -> Self {
        let opaque = if opaque::same(before.opaque.as_ref(), rules.opaque.as_ref()) {
            self.opaque.clone()
        } else {
            self.opaque.emptied()
        };
        Self { keys: self.keys.renewed(rules, files), opaque, known: TokenCache::new() }
    }

    /// Fetches keys, as [`KeyStore::warm_up`] does.
    pub async fn warm_up(&self, rules: &TokenRules) -> bool {
        self.keys.warm_up(rules, Moment::now()).await
    }

    /// What is known of keys and tokens now, for metrics.
    pub(in crate::gateway) fn state(&self) -> (Vec<KeySource>, OpaqueStats) {
        (self.keys.state(Moment::now()), self.opaque.state())
    }

    /// Verifies a token now.
    ///
    /// # Errors
    ///
    /// [`AuthnError`]: the token's fault, or nobody to judge it by.
    pub async fn verify(
        &self,
        bearer: &Bearer<'_>,
        rules: &TokenRules,
    ) -> Result<VerifiedClaims, AuthnError> {
        let now = Moment::now();
        match &rules.opaque {
            Some(provider) if is_opaque(bearer) => self.opaque.verify(bearer, provider, rules, now).await,
            _ => self.keys.verify(bearer, rules, now).await,
        }
    }

    /// Whose token this is and when it ends, if it is a JWT that [`Self::caller`] has verified before, by the same rules, and would now. It
    /// need not have been looked at: it is known if it is every byte of one that was.
    pub(in crate::gateway) fn known(
        &self,
        presented: &[u8],
        rules: &TokenRules,
        now: Moment,
    ) -> Option<(Arc<Caller>, f64)> {
        self.known.caller(presented, &self.keys, rules, now)
    }

    /// Verifies a token now, and says whose it is and when it ends, in seconds since 1970. `rules` and `identify` are the same for each of them.
    pub(in crate::gateway) async fn caller(
        &self,
        bearer: &Bearer<'_>,
        rules: &TokenRules,
        identify: impl FnOnce(&VerifiedClaims) -> Caller,
    ) -> Result<(Arc<Caller>, f64), AuthnError> {
        if rules.opaque.is_some() && is_opaque(bearer) {
            let claims = self.verify(bearer, rules).await?;
            return Ok((Arc::new(identify(&claims)), Times::of(claims.as_map())?.end(rules.leeway)));
        }
        self.known.verify(bearer, &self.keys, rules, Moment::now(), identify).await
    }
}
