//! Tokens that were verified, with the callers that they belong to.

use std::sync::Arc;

use crate::authn::{Bearer, VerifiedClaims};
use crate::config::TokenRules;
use crate::identity::Caller;
use crate::memo::Memo;

use super::store::{AuthnError, KeyStore, Moment, Proof};

/// At about 4 KiB for a token of the usual length.
const CAPACITY: usize = 4096;
/// Longer tokens are verified each time.
const MAX_BYTES: usize = 4 * 1024;

/// The good tokens of one generation, found by every byte of them.
///
/// They spare the signature and nothing else: a token whose time has come or whose keys are not in use any more is verified
/// like one that nobody has seen. Bad ones are not kept, so that nobody can push good ones out with garbage.
pub(in crate::gateway) struct KnownTokens(Memo<Box<str>, Known>);

struct Known {
    caller: Arc<Caller>,
    proof: Proof,
}

impl KnownTokens {
    pub(in crate::gateway) fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    pub(super) fn with_capacity(tokens: usize) -> Self {
        Self(Memo::with_capacity(tokens))
    }

    /// Whose token this is, if it was verified before and would be now.
    pub(in crate::gateway) fn caller(
        &self,
        bearer: &Bearer<'_>,
        store: &KeyStore,
        rules: &TokenRules,
        now: Moment,
    ) -> Option<Arc<Caller>> {
        let token = bearer.expose();
        let known =
            |_: &_, known: &Known| store.holds(&known.proof, rules, now).then(|| known.caller.clone());
        self.0.get(token, |known| **known == *token, known)?
    }

    /// Verifies a token, and remembers whose it is.
    pub(in crate::gateway) async fn verify(
        &self,
        bearer: &Bearer<'_>,
        store: &KeyStore,
        rules: &TokenRules,
        now: Moment,
        identify: impl FnOnce(&VerifiedClaims) -> Caller,
    ) -> Result<Arc<Caller>, AuthnError> {
        let (claims, proof) = store.verified(bearer, rules, now).await?;
        let caller = Arc::new(identify(&claims));
        if bearer.expose().len() <= MAX_BYTES {
            self.0.insert(bearer.expose().into(), Known { caller: caller.clone(), proof });
        }
        Ok(caller)
    }
}
