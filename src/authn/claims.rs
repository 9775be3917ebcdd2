//! The claims of a token, once somebody vouches for them.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

/// The claims of a token whose signature, issuer, audience and times were verified.
///
/// Only the verifier of this crate makes one, or a caller who says in so many words that it verified the token itself.
/// `Debug` says how many there are, and nothing of them: providers put keys into claims too.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct VerifiedClaims(Arc<Map<String, Value>>);

impl VerifiedClaims {
    /// Vouches for claims that were verified elsewhere, by another proxy or library.
    ///
    /// Whoever calls this answers for the signature, the issuer, the audience and the times of the token.
    #[must_use]
    pub fn dangerous_trust(claims: Map<String, Value>) -> Self {
        Self(Arc::new(claims))
    }

    /// For the verifier, once every check has passed.
    #[cfg(feature = "gateway")]
    pub(super) fn verified(claims: Map<String, Value>) -> Self {
        Self(Arc::new(claims))
    }

    /// The claims, to keep.
    #[cfg(feature = "gateway")]
    pub(crate) fn shared(&self) -> Arc<Map<String, Value>> {
        self.0.clone()
    }

    /// The claims.
    #[must_use]
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedClaims({} claims)", self.0.len())
    }
}
