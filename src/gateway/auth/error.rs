//! Why a token was not accepted, whatever kind of token it is.

use crate::authn::TokenError;

/// Why a token was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthnError {
    /// The token is to blame.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No key fits the token, but a provider that may have it could not be asked.
    #[error("a provider's keys are unavailable")]
    KeysUnavailable,
    /// The provider could not be asked about an opaque token, or did not answer as it should.
    #[error("the provider could not be asked about the token")]
    ProviderUnavailable,
}

impl AuthnError {
    /// A short name for logs and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(error) => error.reason(),
            Self::KeysUnavailable => "keys_unavailable",
            Self::ProviderUnavailable => "provider_unavailable",
        }
    }
}
