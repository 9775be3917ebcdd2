//! Tokens that were verified, with the callers that they belong to.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use crate::authn::{Bearer, VerifiedClaims};
use crate::cache::Cache;
use crate::config::TokenRules;
use crate::identity::Caller;

use super::error::AuthnError;
use super::jwks::store::{KeyStore, Proof};
use crate::gateway::clock::Moment;

/// At about 4 KiB for a token of the usual length.
const CAPACITY: usize = 4096;
/// Longer tokens are verified each time.
const MAX_BYTES: usize = 4 * 1024;

/// The good tokens of one generation, found by every byte of them.
///
/// They spare the signature and nothing else: a token whose time has come or whose keys are not in use any more is verified
/// like one that nobody has seen. Bad ones are not kept, so that nobody can push good ones out with garbage.
pub(in crate::gateway) struct TokenCache(Cache<Compact<Box<[u8]>>, CachedToken>);

/// A token as it was sent. It is compared as a whole, and hashed by its end: that is the signature, which differs wherever
/// anything else does.
#[derive(PartialEq, Eq)]
struct Compact<B>(B);

/// No signature is shorter: the shortest are those of elliptic curves, of 86 characters.
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

    /// Whose token this is and when it ends, if it was verified before and would be now.
    pub(in crate::gateway) fn caller(
        &self,
        presented: &[u8],
        store: &KeyStore,
        rules: &TokenRules,
        now: Moment,
    ) -> Option<(Arc<Caller>, f64)> {
        let known = |_: &_, known: &CachedToken| {
            let holds = store.holds(&known.proof, rules, now);
            holds.then(|| (known.caller.clone(), known.proof.end(rules)))
        };
        self.0.get(&Compact(presented), |Compact(kept)| **kept == *presented, known)?
    }

    /// Verifies a token, and remembers whose it is. Says when it ends.
    pub(in crate::gateway) async fn verify(
        &self,
        bearer: &Bearer<'_>,
        store: &KeyStore,
        rules: &TokenRules,
        now: Moment,
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
