//! The providers' keys. They are fetched, cached, and kept during outages.
//!
//! Input: URLs of the configuration, and tokens. Output: keys, and the claims that they verify. `fetch` reads a key set
//! without trusting the network. `source` handles one URL, `group` the URLs of one issuer, and `store` all groups.
//! `files` handles `file:` URLs.

mod discovery;
pub(in crate::gateway) mod fetch;
pub(in crate::gateway) mod fetch_error;
pub(in crate::gateway) mod files;
mod group;
mod source;
pub(in crate::gateway) mod store;

pub use fetch::FetchLimits;
pub use store::KeyStore;

pub use super::error::AuthnError;
pub use crate::gateway::clock::Timestamp;

#[cfg(test)]
mod tests;
