//! Parses untrusted sets of public keys (RFC 7517).
//!
//! Input: a JWKS document. Output: a [`KeySet`](key_set::KeySet) of the keys that are sound and can verify signatures,
//! with the reason for each refused key.

mod jwk;
pub(super) mod key_set;
pub(super) mod refusal;
mod rsa;
