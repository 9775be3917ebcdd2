//! From a credential to claims, as far as that waits for the network; `crate::authn` does the judging.
//!
//! In come bearer tokens. Out go verified claims, or why there are none. `jwks` fetches and keeps the providers' keys,
//! `opaque` asks about tokens that are no JWTs, `verifier` chooses between the two, and `token_cache` spares the signatures
//! of tokens that were verified before.

pub(super) mod error;
pub mod jwks;
pub(super) mod opaque;
pub(super) mod stats;
pub(super) mod token_cache;
pub(super) mod verifier;
