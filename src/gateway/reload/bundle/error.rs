//! The reasons why a bundle of policies is refused.

/// The reason why a bundle is refused. The policies of the previous bundle stay.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// It cannot be fetched.
    #[error("`{url}` cannot be fetched: {reason}")]
    Fetch {
        /// The bundle or its signature.
        url: String,
        /// The reason.
        reason: String,
    },
    /// Plain HTTP without a signature does not authenticate the bundle.
    #[error("policies from `{0}` need `https:`, or a key in `modelgate.policies_key`")]
    Plain(String),
    /// The signature does not match the configured key.
    #[error("the signature of `{0}` does not verify with `modelgate.policies_key`")]
    Signature(String),
    /// The file is not a bundle of policies.
    #[error("the bundle is refused: {0}")]
    Contents(String),
    /// The bundle is older than an accepted one, or has no version after a bundle with one.
    #[error("the bundle is refused: {0}")]
    Version(String),
    /// The bundle cannot be written to disk.
    #[error("the bundle cannot be unpacked: {0}")]
    Io(#[from] std::io::Error),
}
