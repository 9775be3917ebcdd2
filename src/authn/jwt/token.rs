//! Parses a compact JWS (RFC 7515 section 7.1) without verifying it.

use base64_simd::URL_SAFE_NO_PAD;

use crate::config::{Issuer, TokenRules};
use crate::json::{Json, Object};

use crate::authn::algorithm::{self, MAX_KEY_ID_BYTES, Named};
use crate::authn::claim_rules;
use crate::authn::error::TokenError;
use crate::authn::json;
use crate::authn::keys::key_set::{Found, KeySet};
use crate::authn::sanitize::sanitize;

/// Header members that change the meaning of the rest: extensions that must be understood (RFC 7515 section 4.1.11), an
/// unencoded payload (RFC 7797), encryption and compression (RFC 7516).
///
/// `jwk`, `jku`, `x5c` and `x5u` are not listed, because they are never read.
const REFUSED_MEMBERS: [&str; 4] = ["crit", "b64", "enc", "zip"];

/// A token with a parsed header. Nothing is verified.
pub(crate) struct Token<'t> {
    signed: &'t str,
    payload: &'t str,
    signature: Vec<u8>,
    algorithm: &'static Named,
    kid: Option<String>,
}

impl<'t> Token<'t> {
    /// Parses the header of a compact JWS.
    pub(crate) fn parse(compact: &'t str) -> Result<Self, TokenError> {
        let (header, payload, signature) = three_parts(compact).ok_or(TokenError::Shape)?;
        let signed = compact.get(..header.len() + 1 + payload.len()).ok_or(TokenError::Shape)?;
        let header = decode(header, "header")?;
        let header = json::borrowed(&header).map_err(|source| TokenError::Json { part: "header", source })?;
        if let Some(name) = REFUSED_MEMBERS.into_iter().find(|name| header.has(name)) {
            return Err(TokenError::HeaderMember { name });
        }
        let name = header.get("alg").and_then(Json::as_str).unwrap_or_default();
        let algorithm =
            algorithm::named(name).ok_or_else(|| TokenError::Algorithm { name: sanitize(name) })?;
        let kid = match header.get("kid") {
            None => None,
            Some(Json::Text(kid)) if kid.len() <= MAX_KEY_ID_BYTES => Some(kid.as_ref().to_owned()),
            Some(_) => return Err(TokenError::KeyId),
        };
        Ok(Self { signed, payload, signature: decode(signature, "signature")?, algorithm, kid })
    }

    /// The entry of `issuers` that the unverified claims name. `None` selects the global keys and rules.
    ///
    /// Nothing is trusted yet. The selected rules compare `iss` again, in the payload with the verified signature.
    pub(crate) fn entry<'r>(&self, rules: &'r TokenRules) -> Result<Option<&'r Issuer>, TokenError> {
        if rules.issuers.is_empty() {
            return Ok(None);
        }
        claim_rules::entry(&claims_object(&decode(self.payload, "payload")?)?, rules)
    }

    /// Returns the payload and the key set, if the key that the token names made the signature.
    ///
    /// Each set offers at most one key. Two providers may use the same key id, so after a failure in one set the other
    /// sets are tried.
    pub(crate) fn payload_verified_by<'k>(
        &self,
        sets: impl IntoIterator<Item = &'k KeySet>,
    ) -> Result<(Vec<u8>, usize), TokenError> {
        let (name, algorithm) = *self.algorithm;
        let (mut mismatch, mut several, mut forged) = (false, false, false);
        for (position, set) in sets.into_iter().enumerate() {
            match set.find(self.kid.as_deref(), algorithm) {
                Found::Key(key) if key.verifies(algorithm, self.signed.as_bytes(), &self.signature) => {
                    return Ok((decode(self.payload, "payload")?, position));
                }
                Found::Key(_) => forged = true,
                Found::OtherAlgorithm => mismatch = true,
                Found::Several => several = true,
                Found::Nothing => {}
            }
        }
        Err(if forged {
            TokenError::Signature
        } else if mismatch {
            TokenError::AlgorithmMismatch { name }
        } else if several {
            TokenError::AmbiguousKey
        } else {
            TokenError::UnknownKey { kid: self.kid.as_deref().map(sanitize) }
        })
    }
}

/// Parses the claims of a payload.
pub(super) fn claims_object(payload: &[u8]) -> Result<Object<'_>, TokenError> {
    json::borrowed(payload).map_err(|source| TokenError::Json { part: "payload", source })
}

fn decode(encoded: &str, part: &'static str) -> Result<Vec<u8>, TokenError> {
    URL_SAFE_NO_PAD.decode_to_vec(encoded).map_err(|_| TokenError::Encoding { part })
}

fn three_parts(compact: &str) -> Option<(&str, &str, &str)> {
    let (header, rest) = compact.split_once('.')?;
    let (payload, signature) = rest.split_once('.')?;
    let is_allowed = |byte: u8| {
        let letter = byte | 0x20;
        letter.is_ascii_lowercase() | byte.is_ascii_digit() | (byte == b'-') | (byte == b'_')
    };
    // Without an early exit, the compiler checks many bytes at once.
    let is_base64url = |part: &str| part.bytes().fold(true, |all, byte| all & is_allowed(byte));
    (is_base64url(header) & is_base64url(payload) & is_base64url(signature))
        .then_some((header, payload, signature))
}
