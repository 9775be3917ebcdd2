//! Identifies the caller: rules R1 and R4, and the teams that the token claims (R6).
//!
//! Input: verified claims and the token settings of the configuration. Output: a [`Caller`], with the reason for each
//! of its roles. The engine handles the parts that depend on the request, such as a header that selects a team.

mod cached;
mod caller;
mod claim;
mod membership;
mod overage;
mod profile;
mod roles;
mod tags;
mod token_team;

pub use caller::Caller;
#[cfg(feature = "cli")]
pub(crate) use caller::entity_id;
#[cfg(feature = "gateway")]
pub(crate) use membership::Membership;
pub(crate) use profile::{Profile, TEXTS};
pub use roles::Reason;

#[cfg(test)]
mod tests;
