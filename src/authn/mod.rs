//! From a token to [`VerifiedClaims`].

mod claims;

pub use claims::VerifiedClaims;
