//! What metrics can be told of the providers' keys and of opaque tokens.

use std::time::Duration;

/// A provider's keys.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct KeySource {
    /// Whose tokens they are for; `None`: those of `JWT_PUBLIC_KEY_URL`.
    pub(in crate::gateway) issuer: Option<String>,
    /// Where they come from, without secrets.
    pub(in crate::gateway) provider: String,
    /// Since they were fetched; `None` if they never were.
    pub(in crate::gateway) age: Option<Duration>,
    pub(in crate::gateway) keys: usize,
    pub(in crate::gateway) fetches: u64,
    pub(in crate::gateway) failures: u64,
}

/// What is known of opaque tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::gateway) struct OpaqueStats {
    pub(in crate::gateway) entries: usize,
    pub(in crate::gateway) asking: usize,
    pub(in crate::gateway) hits: u64,
    pub(in crate::gateway) misses: u64,
}
