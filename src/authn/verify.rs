//! The verifier: the only door to [`VerifiedClaims`] that checks a token.

use std::sync::Arc;
use std::time::SystemTime;

use crate::config::TokenRules;

use super::bearer::Bearer;
use super::claim_rules;
use super::claims::VerifiedClaims;
use super::error::TokenError;
use super::key_set::KeySet;
use super::token::{self, Token};

/// Verifies a token: its shape, its signature by a key of one of the sets, then its claims.
///
/// # Errors
///
/// [`TokenError`] names the first check that failed; [`TokenError::UnknownKey`] may be cured by newer keys.
pub fn verify(
    bearer: &Bearer<'_>,
    sets: &[Arc<KeySet>],
    rules: &TokenRules,
    now: SystemTime,
) -> Result<VerifiedClaims, TokenError> {
    claims_of(&Token::parse(bearer.expose())?, sets, rules, now)
}

/// Verifies a token that was parsed already.
pub(crate) fn claims_of(
    token: &Token<'_>,
    sets: &[Arc<KeySet>],
    rules: &TokenRules,
    now: SystemTime,
) -> Result<VerifiedClaims, TokenError> {
    let payload = token.payload_verified_by(sets.iter().map(Arc::as_ref))?;
    let claims = token::claims_object(&payload)?;
    claim_rules::check(&claims, rules, now)?;
    Ok(VerifiedClaims::verified(claims))
}

/// Verifies the signature of a compact JWS and nothing else, and returns its payload, which need not be claims.
///
/// # Errors
///
/// [`TokenError`] for everything that [`verify`] would refuse before it looks at the claims.
pub fn verify_signature(compact: &str, keys: &KeySet) -> Result<Vec<u8>, TokenError> {
    Token::parse(compact)?.payload_verified_by([keys])
}

#[cfg(test)]
mod tests;
