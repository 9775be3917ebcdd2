//! The reasons why keys cannot be fetched.

use http::StatusCode;

use crate::authn::{JsonError, KeySetError};

/// The reason why a provider's answer cannot be used. It contains nothing from the answer except the reasons why keys
/// were refused.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum FetchError {
    #[error("the response did not complete in time")]
    Timeout,
    #[error("{0}")]
    Connection(String),
    #[error("reading the file: {0}")]
    File(#[from] std::io::Error),
    #[error("the answer has status {}, expected 200", .0.as_u16())]
    Status(StatusCode),
    #[error("the response has a content encoding that was not requested")]
    Encoding,
    #[error("the document is larger than allowed")]
    TooLarge,
    #[error("the document is not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    #[error("the document has neither `keys` nor `jwks_uri`")]
    NoKeys,
    #[error(
        "the discovery document belongs to the issuer `{found}`, not `{expected}`, so its keys are not \
         used; if the document is right, set JWT_ISSUER, or `issuer` of the entry, to the issuer that \
         tokens name"
    )]
    Issuer { found: String, expected: String },
    #[error("`jwks_uri` is not a URL, or is less safe than the URL of the document")]
    JwksUri,
    #[error(transparent)]
    KeySet(#[from] KeySetError),
    #[error("keys cannot be fetched from this URL")]
    Scheme,
    #[error("the URL has a user or a password, which are not sent")]
    Credentials,
}
