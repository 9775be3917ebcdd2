//! The providers' keys: fetched, cached, and served through outages.

mod discovery;
pub(super) mod fetch;
pub(super) mod files;
mod group;
mod known;
mod source;
mod store;

pub use fetch::FetchLimits;
pub(super) use known::KnownTokens;
pub use store::{AuthnError, KeyStore, Moment};

#[cfg(test)]
mod tests;
