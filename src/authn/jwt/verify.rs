//! The verifier: the only door to [`VerifiedClaims`] that checks a token.

use std::sync::Arc;
use std::time::SystemTime;

use crate::config::{Issuer, TokenRules};

use super::token::{self, Token};
use crate::authn::bearer::Bearer;
use crate::authn::claim_rules::{self, ClaimRules};
use crate::authn::claims::VerifiedClaims;
use crate::authn::error::TokenError;
use crate::authn::keys::key_set::KeySet;

/// Verifies a token: its shape, its signature by a key of its issuer, then its claims.
///
/// `keys_of` gives the keys that are bound to an entry of `issuers`, or, without one, the keys of `JWT_PUBLIC_KEY_URL`.
///
/// # Errors
///
/// [`TokenError`] names the first check that failed; [`TokenError::UnknownKey`] may be cured by newer keys.
pub fn verify<'k>(
    bearer: &Bearer<'_>,
    keys_of: impl FnOnce(Option<&Issuer>) -> &'k [Arc<KeySet>],
    rules: &TokenRules,
    now: SystemTime,
) -> Result<VerifiedClaims, TokenError> {
    let token = Token::parse(bearer.expose())?;
    let entry = token.entry(rules)?;
    Ok(claims_of(&token, keys_of(entry), &ClaimRules::of(entry, rules), now)?.0)
}

/// Verifies a token that was parsed already, by the keys and the rules of its issuer. Says which of the sets it was.
pub(crate) fn claims_of(
    token: &Token<'_>,
    sets: &[Arc<KeySet>],
    rules: &ClaimRules<'_>,
    now: SystemTime,
) -> Result<(VerifiedClaims, usize), TokenError> {
    let (payload, set) = token.payload_verified_by(sets.iter().map(Arc::as_ref))?;
    let claims = token::claims_object(&payload)?;
    claim_rules::check(&claims, rules, now)?;
    Ok((VerifiedClaims::verified(claims), set))
}

/// Verifies the signature of a compact JWS and nothing else, and returns its payload, which need not be claims.
///
/// # Errors
///
/// [`TokenError`] for everything that [`verify`] would refuse before it looks at the claims.
pub fn verify_signature(compact: &str, keys: &KeySet) -> Result<Vec<u8>, TokenError> {
    Ok(Token::parse(compact)?.payload_verified_by([keys])?.0)
}

#[cfg(test)]
mod tests;
