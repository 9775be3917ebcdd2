//! The reasons why a token is refused, for all kinds of tokens.

use crate::authn::TokenError;

/// The reason why a token was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthnError {
    /// The token itself is invalid.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// No key matches the token, but a provider that may have the key cannot be reached.
    #[error("a provider's keys are unavailable")]
    KeysUnavailable,
    /// The provider of an opaque token cannot be reached, or its answer is invalid.
    #[error("the provider could not be asked about the token")]
    ProviderUnavailable,
}

impl AuthnError {
    /// The short name for logs and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Token(error) => error.reason(),
            Self::KeysUnavailable => "keys_unavailable",
            Self::ProviderUnavailable => "provider_unavailable",
        }
    }
}
