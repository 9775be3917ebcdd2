//! Caches verified tokens with their callers.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use crate::authn::{Bearer, VerifiedClaims};
use crate::cache::Cache;
use crate::config::TokenRules;
use crate::identity::Caller;

use super::error::AuthnError;
use super::jwks::store::{KeyStore, Proof};
use crate::gateway::clock::Timestamp;

/// An entry for a token of usual length takes about 4 KiB.
const CAPACITY: usize = 4096;
/// Longer tokens are verified each time.
const MAX_BYTES: usize = 4 * 1024;

/// The valid tokens of one generation, found by all their bytes.
///
/// The cache only skips signatures. A token that has expired, or whose keys are no longer used, is verified like a new
/// one. Invalid tokens are not cached, so they cannot evict valid ones.
pub(in crate::gateway) struct TokenCache(Cache<Compact<Box<[u8]>>, CachedToken>);

/// A token as it was sent. It is compared as a whole, but hashed by its end. The end is the signature, which differs if
/// anything else does.
#[derive(PartialEq, Eq)]
struct Compact<B>(B);

/// The shortest signatures are those of elliptic curves, with 86 characters.
const HASHED: usize = 64;

struct CachedToken {
    caller: Arc<Caller>,
    proof: Proof,
}

impl TokenCache {
    pub(in crate::gateway) fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    pub(super) fn with_capacity(tokens: usize) -> Self {
        Self(Cache::with_capacity(tokens))
    }

    /// Returns the token's caller and expiry, if the token was verified before and is still valid.
    pub(in crate::gateway) fn caller(
        &self,
        presented: &[u8],
        store: &KeyStore,
        rules: &TokenRules,
        now: Timestamp,
    ) -> Option<(Arc<Caller>, f64)> {
        let known = |_: &_, known: &CachedToken| {
            let holds = store.holds(&known.proof, rules, now);
            holds.then(|| (known.caller.clone(), known.proof.end(rules)))
        };
        self.0.get(&Compact(presented), |Compact(kept)| **kept == *presented, known)?
    }

    /// Verifies a token, and caches its caller. Returns the expiry.
    pub(in crate::gateway) async fn verify(
        &self,
        bearer: &Bearer<'_>,
        store: &KeyStore,
        rules: &TokenRules,
        now: Timestamp,
        identify: impl FnOnce(&VerifiedClaims) -> Caller,
    ) -> Result<(Arc<Caller>, f64), AuthnError> {
        let (claims, proof) = store.verified(bearer, rules, now).await?;
        let (caller, end) = (Arc::new(identify(&claims)), proof.end(rules));
        if bearer.expose().len() <= MAX_BYTES {
            self.0.insert(
                Compact(bearer.expose().as_bytes().into()),
                CachedToken { caller: caller.clone(), proof },
            );
        }
        Ok((caller, end))
    }
}

impl<B: Deref<Target = [u8]>> Hash for Compact<B> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.last_chunk::<HASHED>().map_or(&*self.0, |end| end));
    }
}
