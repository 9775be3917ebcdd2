//! The providers' keys: fetched, cached, and served through outages.
//!
//! In come URLs of the configuration, and tokens. Out go keys, and what they verify. `fetch` trusts nothing on the way to a
//! key set, `source` is one URL, `group` the URLs of one issuer, `store` all of them. `files` has those of `file:` URLs.

mod discovery;
pub(in crate::gateway) mod fetch;
pub(in crate::gateway) mod files;
mod group;
mod source;
pub(in crate::gateway) mod store;

pub use fetch::FetchLimits;
pub use store::KeyStore;

pub use super::error::AuthnError;
pub use crate::gateway::clock::Moment;

#[cfg(test)]
mod tests;
