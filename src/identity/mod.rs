//! Who the caller is: rules R1 and R4, and the teams that the token claims (R6).
//!
//! Verified claims and the token settings of the configuration come in. A [`Caller`] leaves, with what gave it each of its
//! roles. What the request itself says, such as a header that selects a team, is left to the engine.

mod caller;
mod claim;
mod kept;
mod overage;
mod profile;
mod roles;
mod tags;
mod token_team;

pub use caller::Caller;
#[cfg(feature = "cli")]
pub(crate) use caller::entity_id;
#[cfg(feature = "cli")]
pub(crate) use claim::scope;
pub(crate) use profile::{Profile, TEXTS};
pub use roles::Reason;

#[cfg(test)]
mod tests;
