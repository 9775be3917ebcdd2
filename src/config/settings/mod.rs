//! Typed settings: what the rest of the crate uses of a configuration.
//!
//! In come the structs of `raw`. Out go those of `types`, or a problem with its place for each value that makes no sense. Each
//! module is named after the block that it reads. `context` knows where each key stands and collects what is found.

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
