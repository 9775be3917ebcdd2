//! Reasons to refuse a token.

use super::algorithm;
use super::json::JsonError;

/// The check that a token failed, and the expected value. An error never contains the token, its signature or a key.
///
/// Values from the token (an algorithm, a key id) are shortened and reduced to characters that RFC 6750 allows in
/// `error_description`, so a message can be logged or sent in a header. Messages name the configured issuer and
/// audience.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The token does not consist of three base64url parts, so it is not a JSON Web Token.
    #[error("malformed JWT: expected three base64url parts")]
    Shape,
    /// A part is base64url with unused bits set, or has an impossible length (RFC 4648 section 3.5).
    #[error("the token's {part} is not strict base64url")]
    Encoding {
        /// `header`, `payload` or `signature`.
        part: &'static str,
    },
    /// The header or the claims are not one strict JSON object.
    #[error("the token's {part} is not acceptable JSON: {source}")]
    Json {
        /// `header` or `payload`.
        part: &'static str,
        /// The JSON error.
        source: JsonError,
    },
    /// `alg` is missing, or names an algorithm that is never accepted, such as `none`, `HS256` or `ES512`.
    #[error("algorithm `{name}` is not accepted, expected one of {}", algorithm::names())]
    Algorithm {
        /// The value of `alg`.
        name: String,
    },
    /// The header contains a member that changes the meaning of the token: `crit`, `b64`, `enc`, `zip`.
    #[error("header member `{name}` is not accepted")]
    HeaderMember {
        /// The member.
        name: &'static str,
    },
    /// `kid` is not a string, or is too long.
    #[error("the key id is not a string of at most {} bytes", algorithm::MAX_KEY_ID_BYTES)]
    KeyId,
    /// No key has this id. For a token without an id, no key matches the algorithm. Fetching the keys again may help.
    #[error("no key is known for key id `{}`", .kid.as_deref().unwrap_or("(none)"))]
    UnknownKey {
        /// The token's `kid`.
        kid: Option<String>,
    },
    /// The token names no key, and several keys match.
    #[error("the token has no key id, and several keys fit its algorithm")]
    AmbiguousKey,
    /// The named key is for other algorithms.
    #[error("the key is not for algorithm `{name}`")]
    AlgorithmMismatch {
        /// The token's `alg`.
        name: &'static str,
    },
    /// The signature does not match the key.
    #[error("the signature does not verify")]
    Signature,
    /// A required claim is missing.
    #[error("claim `{claim}` is missing")]
    ClaimMissing {
        /// The claim.
        claim: &'static str,
    },
    /// A claim has another type, or is out of range.
    #[error("claim `{claim}` is not {expected}")]
    ClaimType {
        /// The claim.
        claim: &'static str,
        /// The expected type.
        expected: &'static str,
    },
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is in the future.
    #[error("the token is not valid yet: claim `{claim}` is in the future")]
    NotYetValid {
        /// The claim.
        claim: &'static str,
    },
    /// `iss` names another issuer.
    #[error("claim `iss` is not the issuer `{expected}`")]
    Issuer {
        /// The configured issuer.
        expected: String,
    },
    /// `iss` is in no entry of `issuers` and is not the global issuer (D9).
    #[error("claim `iss` names an issuer that is not configured")]
    UnknownIssuer,
    /// The provider of an opaque token does not accept it.
    #[error("the provider does not accept the token")]
    NotAccepted,
    /// `aud` does not contain the expected audience.
    #[error("claim `aud` does not contain the audience `{expected}`")]
    Audience {
        /// The expected audience. Several audiences have backticks each.
        expected: String,
    },
}

impl TokenError {
    /// A short name for logs and metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Shape => "token_shape",
            Self::Encoding { .. } => "token_encoding",
            Self::Json { .. } => "token_json",
            Self::Algorithm { .. } => "token_algorithm",
            Self::HeaderMember { .. } => "token_header_member",
            Self::KeyId => "token_key_id",
            Self::UnknownKey { .. } => "token_unknown_key",
            Self::AmbiguousKey => "token_ambiguous_key",
            Self::AlgorithmMismatch { .. } => "token_algorithm_mismatch",
            Self::Signature => "token_signature",
            Self::ClaimMissing { .. } => "claim_missing",
            Self::ClaimType { .. } => "claim_type",
            Self::Expired => "token_expired",
            Self::NotYetValid { .. } => "token_not_yet_valid",
            Self::Issuer { .. } => "token_issuer",
            Self::UnknownIssuer => "token_unknown_issuer",
            Self::NotAccepted => "token_not_accepted",
            Self::Audience { .. } => "token_audience",
        }
    }

    /// Whether other keys could make the token valid.
    pub(crate) fn depends_on_keys(&self) -> bool {
        matches!(
            self,
            Self::UnknownKey { .. } | Self::AmbiguousKey | Self::AlgorithmMismatch { .. } | Self::Signature
        )
    }
}
