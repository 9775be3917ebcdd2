//! The operator's YAML: read, checked, and turned into plain types.
//!
//! `yaml` reads text into a tree with positions, `de` reads the tree into `raw`, which holds LiteLLM's key names one
//! to one, and the modules named after blocks turn that into this module's [`Config`], which is what the rest of the
//! crate uses. Nothing outside `config` sees serde or YAML. `keys` and `litellm` decide what becomes of keys that are
//! not ours.

mod access_words;
mod aliases;
mod azure;
mod base_url;
mod context;
mod credentials;
mod de;
mod decision_log;
mod deployment;
mod destination;
mod effect;
mod endpoint;
mod environment;
mod error;
mod features;
mod gateway;
mod issuers;
mod jwt;
mod key_warnings;
mod keys;
mod known_keys;
mod left_out;
mod limits;
mod lines;
mod litellm;
mod load;
mod model;
mod models;
mod opaque;
mod openings;
mod path;
mod permissions;
mod problem;
mod provider;
mod raw;
mod request_defaults;
mod router;
mod routes;
#[cfg(feature = "cli")]
mod schema;
mod secrets;
mod strict;
mod suggest;
mod syntax;
mod teams;
mod token_roles;
mod tokens;
mod types;
mod yaml;

#[cfg(test)]
pub(crate) mod tests;

pub use base_url::BaseUrl;
pub use destination::Destination;
pub use effect::{Effect, Ignored};
pub use error::{ConfigError, Located, Warning};
pub use issuers::ClaimFields;
pub use limits::Limits;
pub use lines::Lines;
pub use model::{Deployment, Model, Provider};
pub use problem::{Caution, Problem};
pub use router::{Fallback, RouterSettings, Routing};
pub use types::{
    AdminListen, Config, DecisionLog, GatewaySettings, Issuer, JwtAuth, Masked, Mode, OpaqueTokens,
    RoleMapping, RolePermission, ScopeMapping, Team, TlsFiles, TokenRole, TokenRules, Upstream,
    UpstreamModels,
};

#[cfg(feature = "cli")]
pub use schema::json_schema;

#[cfg(feature = "gateway")]
pub(crate) use endpoint::place;
#[cfg(feature = "gateway")]
pub(crate) use known_keys::is_request_parameter;
pub(crate) use load::read as read_text;
#[cfg(feature = "gateway")]
pub(crate) use provider::provider_of;
pub(crate) use strict::StrictFile;

pub use crate::routes::RoutePattern;
