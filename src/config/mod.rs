//! The operator's YAML: read, checked, and turned into plain types.
//!
//! `yaml` reads text into a tree with positions, `de` reads the tree into `raw`, which holds LiteLLM's key names one
//! to one, and the modules named after blocks turn that into this module's [`Config`], which is what the rest of the
//! crate uses. Nothing outside `config` sees serde or YAML. `keys` and `litellm` decide what becomes of keys that are
//! not ours.

mod context;
mod de;
mod decision_log;
mod endpoint;
mod environment;
mod error;
mod gateway;
mod issuers;
mod jwt;
mod keys;
mod limits;
mod lines;
mod litellm;
mod load;
mod models;
mod opaque;
mod openings;
mod path;
mod permissions;
mod problem;
mod provider;
mod raw;
mod routes;
#[cfg(feature = "cli")]
mod schema;
mod secrets;
mod strict;
mod suggest;
mod teams;
mod token_roles;
mod tokens;
mod types;
mod yaml;

#[cfg(test)]
pub(crate) mod tests;

pub use error::{ConfigError, Located, Warning};
pub use issuers::ClaimFields;
pub use limits::Limits;
pub use lines::Lines;
pub use problem::{Caution, Problem};
pub use types::{
    AdminListen, Config, DecisionLog, Deployment, GatewaySettings, Issuer, JwtAuth, Masked, Mode, Model,
    OpaqueTokens, PassedMembers, Provider, RoleMapping, RolePermission, ScopeMapping, Team, TlsFiles,
    TokenRole, TokenRules, Upstream,
};

#[cfg(feature = "cli")]
pub use schema::json_schema;

#[cfg(feature = "gateway")]
pub(crate) use endpoint::place;
pub(crate) use load::read as read_text;
pub(crate) use strict::StrictFile;

pub use crate::routes::RoutePattern;
