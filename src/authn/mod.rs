//! Turns a token into [`VerifiedClaims`].
//!
//! [`Bearer`] is the caller's credential, [`KeySet`] holds a provider's keys, and [`verify`] checks a token against
//! them. Everything here is pure and synchronous. The gateway fetches the keys.

mod claims;

#[cfg(feature = "gateway")]
mod algorithm;
#[cfg(feature = "gateway")]
mod bearer;
#[cfg(feature = "gateway")]
mod claim_rules;
#[cfg(feature = "gateway")]
mod error;
#[cfg(feature = "gateway")]
mod json;
#[cfg(feature = "gateway")]
mod jwt;
#[cfg(feature = "gateway")]
mod keys;
#[cfg(feature = "gateway")]
mod opaque;
#[cfg(feature = "gateway")]
mod sanitize;
#[cfg(feature = "gateway")]
#[cfg(test)]
pub(crate) mod testing;

#[cfg(feature = "gateway")]
pub(crate) use claims::BorrowedClaims;
pub use claims::VerifiedClaims;

#[cfg(feature = "gateway")]
pub use bearer::{Bearer, BearerError, CREDENTIAL_HEADERS, MAX_BEARER_BYTES, is_master_key};
#[cfg(feature = "gateway")]
pub(crate) use bearer::{is_credential_header, is_jwt_shaped, is_secret};
#[cfg(feature = "gateway")]
pub use error::TokenError;
#[cfg(feature = "gateway")]
pub use json::JsonError;
#[cfg(feature = "gateway")]
pub use jwt::verify::{verify, verify_signature};
#[cfg(feature = "gateway")]
pub use keys::key_set::{KeySet, KeySetError, RefusedKey};
#[cfg(feature = "gateway")]
pub use keys::refusal::KeyRefusal;

#[cfg(feature = "gateway")]
pub(crate) use claim_rules::{ClaimRules, Times, Validity, check as check_claims};
#[cfg(feature = "gateway")]
pub(crate) use json::object as json_object;
#[cfg(feature = "gateway")]
pub(crate) use jwt::token::Token;
#[cfg(feature = "gateway")]
pub(crate) use jwt::verify::claims_of;
#[cfg(feature = "gateway")]
pub(crate) use opaque::{AnswerError, Assertion, is_opaque};
