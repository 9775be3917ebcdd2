//! The operator's YAML: read, checked, and turned into plain types.
//!
//! In comes the text of a file. `yaml` reads it into a tree with positions, `litellm` reads the tree into `raw`, which holds
//! LiteLLM's key names one to one, and `settings` turns that into [`Config`], which is what the rest of the crate uses.
//! Nothing outside `config` sees serde or YAML. Out goes a whole configuration, or every problem with its place.

mod effect;
mod error;
mod litellm;
mod load;
mod problem;
mod raw;
#[cfg(feature = "cli")]
mod schema;
mod settings;
mod strict;
mod suggest;
mod yaml;

#[cfg(test)]
pub(crate) mod tests;

pub use effect::{Effect, Ignored};
pub use error::{ConfigError, Located, Warning};
pub use problem::{Caution, Problem};
pub use settings::base_url::BaseUrl;
pub use settings::limits::Limits;
pub use settings::models::destination::Destination;
pub use settings::tokens::issuers::ClaimFields;
pub use settings::types::{
    AdminListen, Config, Cors, DecisionLog, DeniedModel, Deployment, Fallback, GatewaySettings, Issuer,
    JwtAuth, Masked, Mode, Model, OpaqueTokens, PassedMembers, Provider, RoleMapping, RolePermission,
    RouterSettings, Routing, ScopeMapping, Team, TlsFiles, TokenRole, TokenRules, Upstream, UpstreamHeaders,
    UpstreamModels,
};
pub use yaml::lines::Lines;

#[cfg(feature = "cli")]
pub use schema::json_schema;

#[cfg(feature = "gateway")]
pub(crate) use litellm::known_keys::is_request_parameter;
pub(crate) use load::read as read_text;
#[cfg(feature = "gateway")]
pub(crate) use settings::endpoint::place;
#[cfg(feature = "gateway")]
pub(crate) use settings::models::provider::provider_of;
pub(crate) use strict::StrictFile;

pub use crate::routes::RoutePattern;
