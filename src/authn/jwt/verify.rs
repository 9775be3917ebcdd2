//! Verifies tokens. Besides explicit trust, this is the only way to get [`VerifiedClaims`].

use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{Issuer, TokenRules};

use super::token::{self, Token};
use crate::authn::bearer::Bearer;
use crate::authn::claim_rules::{self, ClaimRules, Times};
use crate::authn::claims::{BorrowedClaims, VerifiedClaims};
use crate::authn::error::TokenError;
use crate::authn::keys::key_set::KeySet;

/// Verifies a token: first its form, then its signature with a key of its issuer, then its claims.
///
/// `keys_of` returns the keys of an entry of `issuers`, or the keys of `JWT_PUBLIC_KEY_URL` for `None`.
///
/// # Errors
///
/// [`TokenError`] names the first check that failed. After [`TokenError::UnknownKey`], newer keys may help.
pub fn verify<'k>(
    bearer: &Bearer<'_>,
    keys_of: impl FnOnce(Option<&Issuer>) -> &'k [Arc<KeySet>],
    rules: &TokenRules,
    now: SystemTime,
) -> Result<VerifiedClaims, TokenError> {
    let token = Token::parse(bearer.expose())?;
    let entry = token.entry(rules)?;
    let rules = ClaimRules::of(entry, rules);
    Ok(claims_of(&token, keys_of(entry), &rules, now, |claims| claims.to_owned())?.read)
}

/// A verified token.
pub(crate) struct Verified<R> {
    /// What was read of its claims.
    pub(crate) read: R,
    pub(crate) times: Times,
    /// The position of the key set that contained the key.
    pub(crate) set: usize,
}

/// Verifies a parsed token with the keys and rules of its issuer, and reads its claims.
pub(crate) fn claims_of<R>(
    token: &Token<'_>,
    sets: &[Arc<KeySet>],
    rules: &ClaimRules<'_>,
    now: SystemTime,
    read: impl FnOnce(&BorrowedClaims<'_>) -> R,
) -> Result<Verified<R>, TokenError> {
    let (payload, set) = token.payload_verified_by(sets.iter().map(Arc::as_ref))?;
    let claims = token::claims_object(&payload)?;
    let times = claim_rules::check(&claims, rules, now)?;
    Ok(Verified { read: read(&BorrowedClaims::verified(claims)), times, set })
}

/// Verifies only the signature of a compact JWS and returns its payload, which need not be claims.
///
/// # Errors
///
/// [`TokenError`] for every reason for which [`verify`] refuses a token before it checks the claims.
pub fn verify_signature(compact: &str, keys: &KeySet) -> Result<Vec<u8>, TokenError> {
    Ok(Token::parse(compact)?.payload_verified_by([keys])?.0)
}

#[cfg(test)]
mod tests;
