//! Caches verified tokens with their callers.

use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use foldhash::quality::RandomState;
use quick_cache::sync::{Cache as WeighedCache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::authn::{Bearer, BorrowedClaims};
use crate::cache::Cache;
use crate::config::TokenRules;
use crate::identity::{Caller, Membership};

use super::error::AuthnError;
use super::jwks::store::{KeyStore, Proof};
use crate::gateway::clock::Timestamp;

/// The approximate memory for all tokens, enough for about 40,000.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The memory of a usual token: its entry, its caller, and the small allocations of that.
const USUAL_BYTES: usize = 400;
/// Longer tokens are verified each time.
const MAX_TOKEN_BYTES: usize = 4 * 1024;
/// The number of tokens in frequent use.
const FREQUENT: usize = 512;
/// One of so many uses of other tokens makes a token a frequent one. Tokens that are used evenly then do not displace each
/// other with each request.
const PROMOTED: u32 = 8;
/// The number of different memberships that callers share.
const MEMBERSHIPS: usize = 1024;

/// The valid tokens of one generation.
///
/// A token is found by the SHA-256 of all its bytes, which takes a tenth of the memory of the token. A few tokens in
/// frequent use are also kept as they were sent, because comparing bytes is faster than hashing them.
///
/// The cache only skips signatures. A token that has expired, or whose keys are no longer used, is verified like a new
/// one. Invalid tokens are not cached, so they cannot evict valid ones. Tokens that are used once do not evict those that
/// are used again.
pub(in crate::gateway) struct TokenCache {
    frequent: Cache<Compact<Box<[u8]>>, KnownToken>,
    known: WeighedCache<Digest, KnownToken, Weight, RandomState>,
    memberships: Cache<Arc<Membership>, ()>,
    uses: AtomicU32,
}

/// The SHA-256 of a token.
type Digest = [u8; SHA256_OUTPUT_LEN];

/// A token that is not in the cache, and the key under which it can be stored.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct UnknownToken(Option<Digest>);

/// A token as it was sent. It is compared as a whole, but hashed by its end. The end is the signature, which differs if
/// anything else does.
#[derive(PartialEq, Eq)]
struct Compact<B>(B);

/// The shortest signatures are those of elliptic curves, with 86 characters.
const HASHED: usize = 64;

#[derive(Clone)]
struct KnownToken {
    caller: Arc<Caller>,
    proof: Proof,
    bytes: u32,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Digest, KnownToken> for Weight {
    fn weight(&self, _: &Digest, token: &KnownToken) -> u64 {
        u64::from(token.bytes)
    }
}

/// What a token is verified by, at a time.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Verification<'v> {
    pub(in crate::gateway) store: &'v KeyStore,
    pub(in crate::gateway) rules: &'v TokenRules,
    pub(in crate::gateway) now: Timestamp,
    /// Whether the claims of callers are needed after they were identified.
    pub(in crate::gateway) keeps_claims: bool,
}

impl KnownToken {
    fn valid(&self, by: Verification<'_>) -> Option<(Arc<Caller>, f64)> {
        let is_whole = !by.keeps_claims || self.caller.has_claims();
        let holds = is_whole && by.store.holds(&self.proof, by.rules, by.now);
        holds.then(|| (Arc::clone(&self.caller), self.proof.end(by.rules)))
    }
}

impl TokenCache {
    pub(in crate::gateway) fn new() -> Self {
        Self::with_capacity(MAX_BYTES)
    }

    pub(super) fn with_capacity(bytes: usize) -> Self {
        let tokens = (bytes / USUAL_BYTES).max(1);
        // An error means that a required option is missing. The default limits are valid, too.
        let options = OptionsBuilder::new()
            .estimated_items_capacity(tokens)
            .weight_capacity(bytes as u64)
            // The hashes of evicted tokens take as much memory as entries.
            .ghost_allocation(0.1)
            .build();
        let known = match options {
            Ok(options) => WeighedCache::with_options(
                options,
                Weight,
                RandomState::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => WeighedCache::with(
                tokens,
                bytes as u64,
                Weight,
                RandomState::default(),
                DefaultLifecycle::default(),
            ),
        };
        Self {
            frequent: Cache::with_capacity(FREQUENT.min(tokens)),
            known,
            memberships: Cache::with_capacity(MEMBERSHIPS),
            uses: AtomicU32::new(0),
        }
    }

    /// Returns the token's caller and expiry, if the token was verified before and is still valid.
    pub(in crate::gateway) fn caller(
        &self,
        presented: &[u8],
        by: Verification<'_>,
    ) -> Result<(Arc<Caller>, f64), UnknownToken> {
        if presented.len() > MAX_TOKEN_BYTES {
            return Err(UnknownToken(None));
        }
        let is_asked_for = |Compact(kept): &Compact<Box<[u8]>>| **kept == *presented;
        let found = self.frequent.get(&Compact(presented), is_asked_for, |_, known| known.valid(by));
        if let Some(valid) = found.flatten() {
            return Ok(valid);
        }
        let mut key = Digest::default();
        key.copy_from_slice(digest(&SHA256, presented).as_ref());
        let known = self.known.get(&key).ok_or(UnknownToken(Some(key)))?;
        let valid = known.valid(by).ok_or(UnknownToken(Some(key)))?;
        if self.uses.fetch_add(1, Ordering::Relaxed).is_multiple_of(PROMOTED) {
            self.frequent.insert(Compact(presented.into()), known);
        }
        Ok(valid)
    }

    /// Verifies a token that [`Self::caller`] does not know, and caches its caller. Returns the expiry.
    pub(in crate::gateway) async fn verify(
        &self,
        bearer: &Bearer<'_>,
        UnknownToken(key): UnknownToken,
        by: Verification<'_>,
        identify: impl Fn(&BorrowedClaims<'_>) -> Caller,
    ) -> Result<(Arc<Caller>, f64), AuthnError> {
        let (mut caller, proof) = by.store.verified(bearer, by.rules, by.now, &identify).await?;
        let mut bytes = USUAL_BYTES + caller.bytes();
        if by.keeps_claims {
            // Each claim is a value with its name.
            bytes += 4 * bearer.expose().len();
        }
        bytes += self.share_membership(&mut caller);
        let (caller, end) = (Arc::new(caller), proof.end(by.rules));
        if let (Some(key), Ok(bytes)) = (key, u32::try_from(bytes)) {
            self.known.insert(key, KnownToken { caller: Arc::clone(&caller), proof, bytes });
        }
        // A signature takes as long as several requests with known tokens. Those go first now.
        tokio::task::yield_now().await;
        Ok((caller, end))
    }

    /// Replaces the membership by an equal one of another caller. Returns the memory that it takes, if there was none.
    fn share_membership(&self, caller: &mut Caller) -> usize {
        let known = self.memberships.get(
            &*caller.membership,
            |known| *known == caller.membership,
            |known, ()| Arc::clone(known),
        );
        if let Some(known) = known {
            caller.membership = known;
            return 0;
        }
        self.memberships.insert(Arc::clone(&caller.membership), ());
        caller.membership.bytes()
    }
}

impl<B: Deref<Target = [u8]>> Hash for Compact<B> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.0.last_chunk::<HASHED>().map_or(&*self.0, |end| end));
    }
}
