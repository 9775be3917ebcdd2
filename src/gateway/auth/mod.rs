//! Turns a credential into claims. This module does the network work, and `crate::authn` verifies.
//!
//! Input: bearer tokens. Output: verified claims, or the reason why there are none. `jwks` fetches and caches the
//! providers' keys. `opaque` asks providers about tokens that are not JWTs. `verifier` chooses between the two.
//! `token_cache` skips the signatures of tokens that were verified before.

pub(super) mod error;
pub mod jwks;
pub(super) mod opaque;
pub(super) mod stats;
pub(super) mod token_cache;
pub(super) mod verifier;
