//! Sets of public keys (RFC 7517), read without trust in who published them.
//!
//! In comes a JWKS document. Out goes a [`KeySet`](key_set::KeySet) of the keys that are sound and fit to verify signatures, with the
//! reason for each that is not.

mod jwk;
pub(super) mod key_set;
pub(super) mod refusal;
mod rsa;
