//! Why a bundle of policies is not taken up.

/// Why a bundle is not taken up. What was unpacked before stays in place.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It cannot be fetched.
    #[error("`{url}` cannot be fetched: {reason}")]
    Fetch {
        /// The bundle or its signature.
        url: String,
        /// Why not.
        reason: String,
    },
    /// Nothing vouches for what comes by plain HTTP.
    #[error("policies from `{0}` need `https:`, or a key in `modelgate.policies_key`")]
    Plain(String),
    /// The signature is not that of the configured key.
    #[error("the signature of `{0}` does not verify by `modelgate.policies_key`")]
    Signature(String),
    /// It is no bundle of policies.
    #[error("the bundle is refused: {0}")]
    Contents(String),
    /// It is older than one that was accepted, or says no version after one that did.
    #[error("the bundle is refused: {0}")]
    Version(String),
    /// It cannot be written down.
    #[error("the bundle cannot be unpacked: {0}")]
    Io(#[from] std::io::Error),
}
