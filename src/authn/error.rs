//! Which check a token failed.

use super::algorithm;
use super::json::JsonError;

/// Why a token is refused: the check that failed and what it expected, never the token, its signature or a key.
///
/// What the token itself named (an algorithm, a key id) is shortened and reduced to characters that RFC 6750 allows in
/// `error_description`, so a message can go into a log or a header as it is. Messages name the configured issuer and
/// audience.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three base64url parts: no JSON Web Token at all.
    #[error("malformed JWT: expected three base64url parts")]
    Shape,
    /// Base64url with bits to spare, or of an impossible length (RFC 4648 section 3.5).
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
        /// What is wrong with it.
        source: JsonError,
    },
    /// `alg` is missing, or names an algorithm that is never accepted, such as `none`, `HS256` or `ES512`.
    #[error("algorithm `{name}` is not accepted, expected one of {}", algorithm::names())]
    Algorithm {
        /// What `alg` says.
        name: String,
    },
    /// A header member that changes what the token means: `crit`, `b64`, `enc`, `zip`.
    #[error("header member `{name}` is not accepted")]
    HeaderMember {
        /// The member.
        name: &'static str,
    },
    /// `kid` is not a string, or a very long one.
    #[error("the key id is not a string of at most {} bytes", algorithm::MAX_KEY_ID_BYTES)]
    KeyId,
    /// No key has this id, or, without an id, no key fits the algorithm. Fetching the keys again may help.
    #[error("no key is known for key id `{}`", .kid.as_deref().unwrap_or("(none)"))]
    UnknownKey {
        /// The token's `kid`.
        kid: Option<String>,
    },
    /// The token names no key, and several would fit.
    #[error("the token names no key, and more than one fits its algorithm")]
    AmbiguousKey,
    /// The key that the token names is for other algorithms.
    #[error("the key is not for algorithm `{name}`")]
    AlgorithmMismatch {
        /// The token's `alg`.
        name: &'static str,
    },
    /// The signature is not the key's.
    #[error("the signature does not verify")]
    Signature,
    /// A claim that must be there is not.
    #[error("claim `{claim}` is missing")]
    ClaimMissing {
        /// The claim.
        claim: &'static str,
    },
    /// A claim of another type or out of range.
    #[error("claim `{claim}` is not {expected}")]
    ClaimType {
        /// The claim.
        claim: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// `nbf` or `iat` is still to come.
    #[error("the token is not valid yet: claim `{claim}` is in the future")]
    NotYetValid {
        /// The claim.
        claim: &'static str,
    },
    /// `iss` is another issuer's.
    #[error("claim `iss` is not the issuer `{expected}`")]
    Issuer {
        /// The configured issuer.
        expected: String,
    },
    /// `iss` is in no entry of `issuers`, and not the global issuer (D9).
    #[error("claim `iss` names no issuer that is configured")]
    UnknownIssuer,
    /// The provider that was asked about an opaque token does not vouch for it.
    #[error("the provider does not accept the token")]
    NotAccepted,
    /// `aud` does not name us.
    #[error("claim `aud` does not contain the audience `{expected}`")]
    Audience {
        /// The configured audience; of several, each between backticks of its own.
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

    /// Whether the token might still be good under a key that is not at hand.
    pub(crate) fn depends_on_keys(&self) -> bool {
        matches!(
            self,
            Self::UnknownKey { .. } | Self::AmbiguousKey | Self::AlgorithmMismatch { .. } | Self::Signature
        )
    }
}
