//! From a credential to claims, whatever kind of token it is.

use super::keys::fetch::{FetchLimits, native_tls};
use super::keys::files::KeyFiles;
use super::keys::{AuthnError, KeyStore, Moment};
use super::observe::{Cache, KeySource};
use super::opaque::{self, OpaqueStore};
use crate::authn::{Bearer, VerifiedClaims, is_opaque};
use crate::config::TokenRules;

/// Verifies tokens: a JWT by the keys of its issuer, any other by what its provider says, if one is configured.
pub struct TokenVerifier {
    keys: KeyStore,
    opaque: OpaqueStore,
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
        Ok(Self { keys, opaque: OpaqueStore::new(tls) })
    }

    /// A verifier for other rules, which goes on with the keys of every issuer and URL that both have.
    ///
    /// What was said of opaque tokens is kept while the same provider is asked in the same way.
    pub(super) fn renewed(&self, before: &TokenRules, rules: &TokenRules, files: &KeyFiles) -> Self {
        let opaque = if opaque::same(before.opaque.as_ref(), rules.opaque.as_ref()) {
            self.opaque.clone()
        } else {
            self.opaque.emptied()
        };
        Self { keys: self.keys.renewed(rules, files), opaque }
    }

    /// Fetches keys, as [`KeyStore::warm_up`] does.
    pub async fn warm_up(&self, rules: &TokenRules) -> bool {
        self.keys.warm_up(rules, Moment::now()).await
    }

    /// What is known of keys and tokens now, for metrics.
    pub(super) fn state(&self) -> (Vec<KeySource>, Cache) {
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
}
