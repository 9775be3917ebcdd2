//! Turns a credential into claims, for all kinds of tokens.

use std::sync::Arc;

use super::error::AuthnError;
use super::jwks::KeyStore;
use super::jwks::fetch::{FetchLimits, native_tls};
use super::jwks::files::KeyFiles;
use super::opaque::{self, OpaqueStore};
use super::stats::{KeySource, OpaqueStats};
use super::token_cache::{TokenCache, UnknownToken, Verification};
use crate::authn::{Bearer, BorrowedClaims, Times, VerifiedClaims, is_opaque};
use crate::config::TokenRules;
use crate::gateway::clock::Timestamp;
use crate::identity::Caller;

/// Verifies tokens: a JWT by the keys of its issuer, any other token by the provider's answer, if one is configured.
pub struct TokenVerifier {
    keys: KeyStore,
    opaque: OpaqueStore,
    /// The cache belongs to one generation. A renewed verifier starts with an empty one.
    known: TokenCache,
}

impl TokenVerifier {
    /// A verifier for these rules that trusts this machine's root certificates. It sends no request yet.
    ///
    /// # Errors
    ///
    /// TLS cannot be set up.
    pub fn new(rules: &TokenRules) -> Result<Self, rustls::Error> {
        let tls = native_tls()?;
        let keys = KeyStore::with(rules, tls.clone(), FetchLimits::default());
        Ok(Self { keys, opaque: OpaqueStore::new(tls), known: TokenCache::new() })
    }

    /// A verifier for other rules. It keeps the keys of every issuer and URL that both rules have.
    ///
    /// Cached answers about opaque tokens are kept if the requests to the provider are the same.
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
        self.keys.warm_up(rules, Timestamp::now()).await
    }

    /// The state of keys and tokens, for metrics.
    pub(in crate::gateway) fn state(&self) -> (Vec<KeySource>, OpaqueStats) {
        (self.keys.state(Timestamp::now()), self.opaque.state())
    }

    /// Verifies a token now.
    ///
    /// # Errors
    ///
    /// [`AuthnError`]: the token is invalid, or there are no keys to verify it.
    pub async fn verify(
        &self,
        bearer: &Bearer<'_>,
        rules: &TokenRules,
    ) -> Result<VerifiedClaims, AuthnError> {
        let now = Timestamp::now();
        match &rules.opaque {
            Some(provider) if is_opaque(bearer) => self.opaque.verify(bearer, provider, rules, now).await,
            _ => self.keys.verify(bearer, rules, now).await,
        }
    }

    /// Returns the caller and expiry of a JWT that [`Self::caller`] has verified before by the same rules, if it is
    /// still valid. The token needs no other check first, because it must equal the earlier one byte by byte.
    pub(in crate::gateway) fn known(
        &self,
        presented: &[u8],
        rules: &TokenRules,
        now: Timestamp,
        keeps_claims: bool,
    ) -> Result<(Arc<Caller>, f64), UnknownToken> {
        self.known.caller(presented, Verification { store: &self.keys, rules, now, keeps_claims })
    }

    /// Verifies a token now that [`Self::known`] does not know. Returns its caller and its expiry in seconds since 1970.
    /// `rules` and `identify` must be the same for each call.
    pub(in crate::gateway) async fn caller(
        &self,
        bearer: &Bearer<'_>,
        unknown: UnknownToken,
        rules: &TokenRules,
        keeps_claims: bool,
        identify: impl Fn(&BorrowedClaims<'_>) -> Caller,
    ) -> Result<(Arc<Caller>, f64), AuthnError> {
        if rules.opaque.is_some() && is_opaque(bearer) {
            let claims = self.verify(bearer, rules).await?;
            let claims = claims.borrowed();
            let validity = Times::of(claims.as_object())?.validity();
            return Ok((Arc::new(identify(&claims)), validity.end(rules.leeway)));
        }
        let by = Verification { store: &self.keys, rules, now: Timestamp::now(), keeps_claims };
        self.known.verify(bearer, unknown, by, identify).await
    }
}
