//! Typed settings for the rest of the crate.
//!
//! Input: the structs of `raw`. Output: the types in `types`, or a problem with its position for each invalid value.
//! Each module is named after the block that it reads. `context` knows the positions of keys and collects the findings.

pub(super) mod base_url;
pub(super) mod context;
pub(super) mod endpoint;
pub(super) mod features;
pub(super) mod gateway;
pub(super) mod jwt;
pub(super) mod limits;
pub(super) mod models;
pub(super) mod permissions;
pub(super) mod permissive_defaults;
mod routes;
pub(super) mod teams;
pub(super) mod token_roles;
pub(super) mod tokens;
pub(super) mod types;
