//! The operator's YAML: read, checked, and turned into plain types.
//!
//! `yaml` reads text into a tree with positions, `raw` holds LiteLLM's key names one to one, and this module's
//! [`Config`] is what the rest of the crate uses. Nothing outside `config` sees serde or YAML.

mod types;

pub use types::{
    Config, Deployment, GatewaySettings, JwtAuth, Lines, Model, Provider, RoleMapping, RolePermission,
    RoutePattern, ScopeMapping, Team, TokenRules, Upstream,
};
