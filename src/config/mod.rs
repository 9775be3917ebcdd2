//! Reads the operator's YAML, checks it, and converts it into plain types.
//!
//! Input: the text of a file. `yaml` parses it into a tree with positions. `litellm` reads the tree into `raw`, which
//! has LiteLLM's key names. `settings` converts that into [`Config`] for the rest of the crate. Only `config` uses
//! serde and YAML. Output: a complete configuration, or every problem with its position.

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
    AdminAuth, AdminListen, AllowedChange, Authzen, AwsCredentials, Config, Convention, Cors, DecisionLog,
    DeniedModel, Deployment, EntraClient, ExtAuthz, FailurePolicy, Fallback, ForwardAuth, GatewaySettings,
    GoogleCredentials, Issuer, JwtAuth, Masked, Mode, Model, OpaqueTokens, PassedMembers, Provider,
    References, ReloadRules, RequiredInvariants, RoleMapping, RolePermission, RouterSettings, Routing,
    ScopeMapping, ServiceAccount, SocketAddress, Team, TlsFiles, TokenRole, TokenRules, Upstream,
    UpstreamCredential, UpstreamHeaders, UpstreamModels, VertexPlace, WithoutBody,
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
pub(crate) use settings::models::cloud::google_key;
#[cfg(feature = "gateway")]
pub(crate) use settings::models::provider::provider_of;
pub(crate) use strict::StrictFile;

pub use crate::routes::RoutePattern;
