//! The claims of a verified token.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

#[cfg(feature = "gateway")]
use crate::json::Object;

/// The claims of a token whose signature, issuer, audience and times were verified.
///
/// Only this crate's verifier creates one, or code that explicitly vouches for the token. `Debug` shows only the number
/// of claims, because providers also put keys into claims.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct VerifiedClaims(Arc<Map<String, Value>>);

impl VerifiedClaims {
    /// Trusts claims that another proxy or library verified.
    ///
    /// The caller of this function is responsible for the signature, the issuer, the audience and the times of the
    /// token.
    #[must_use]
    pub fn dangerous_trust(claims: Map<String, Value>) -> Self {
        Self(Arc::new(claims))
    }

    /// For the verifier, after all checks.
    #[cfg(feature = "gateway")]
    pub(super) fn verified(claims: Map<String, Value>) -> Self {
        Self(Arc::new(claims))
    }

    /// The claims, shared.
    #[cfg(feature = "gateway")]
    pub(crate) fn shared(&self) -> Arc<Map<String, Value>> {
        self.0.clone()
    }

    /// The claims, borrowed.
    #[cfg(feature = "gateway")]
    pub(crate) fn borrowed(&self) -> BorrowedClaims<'_> {
        BorrowedClaims(Object::of_map(&self.0))
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

/// Verified claims that borrow from the token. Most tokens are identified once, and their claims are not needed after
/// that, so they are copied only if they are kept.
#[cfg(feature = "gateway")]
pub(crate) struct BorrowedClaims<'t>(Object<'t>);

#[cfg(feature = "gateway")]
impl<'t> BorrowedClaims<'t> {
    /// For the verifier, after all checks.
    pub(super) fn verified(claims: Object<'t>) -> Self {
        Self(claims)
    }

    pub(crate) fn as_object(&self) -> &Object<'t> {
        &self.0
    }

    pub(crate) fn to_owned(&self) -> VerifiedClaims {
        VerifiedClaims::verified(self.0.to_map())
    }
}
