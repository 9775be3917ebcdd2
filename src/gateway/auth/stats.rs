//! The state of the providers' keys and of opaque tokens, for metrics.

use std::time::Duration;

/// A provider's keys.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct KeySource {
    /// The issuer; `None`: `JWT_PUBLIC_KEY_URL`.
    pub(in crate::gateway) issuer: Option<String>,
    /// The URL without secrets.
    pub(in crate::gateway) provider: String,
    /// The age of the keys; `None` if they were never fetched.
    pub(in crate::gateway) age: Option<Duration>,
    pub(in crate::gateway) keys: usize,
    pub(in crate::gateway) fetches: u64,
    pub(in crate::gateway) failures: u64,
}

/// The state of the cache of opaque tokens.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::gateway) struct OpaqueStats {
    pub(in crate::gateway) entries: usize,
    pub(in crate::gateway) asking: usize,
    pub(in crate::gateway) hits: u64,
    pub(in crate::gateway) misses: u64,
}
