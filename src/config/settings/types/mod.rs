//! The types of a valid configuration. Invalid states cannot be represented.
//!
//! The modules of `settings` create them, and the code outside `config` reads them. `model` covers `model_list`,
//! `routing` LiteLLM's router, `gateway` the block `modelgate`, and `doors` its listeners for other proxies, and `proofs` what it must prove. The other types are about callers and their
//! permissions.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

mod credential;
mod doors;
mod gateway;
mod model;
mod proofs;
mod routing;

use crate::config::effect::Ignored;
use crate::config::error::Warning;
use crate::config::yaml::lines::Lines;
use crate::names::{ClaimPath, ModelName, Role};
use crate::routes::RoutePattern;

pub use credential::{
    AwsCredentials, EntraClient, GoogleCredentials, ServiceAccount, UpstreamCredential, VertexPlace,
};
pub use doors::{Authzen, Convention, ExtAuthz, ForwardAuth, SocketAddress, TlsFiles, WithoutBody};
pub use gateway::{
    AdminAuth, AdminListen, Cors, DecisionLog, DeniedModel, GatewaySettings, Masked, Mode, PassedMembers,
    References, Upstream, UpstreamHeaders, UpstreamModels,
};
pub use model::{Deployment, Model, Provider};
pub use proofs::{AllowedChange, ReloadRules, RequiredInvariants};
pub use routing::{FailurePolicy, Fallback, RouterSettings, Routing};

/// A valid configuration, read by [`Config::load`] or [`Config::parse`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The name of the file in diagnostics and policy annotations.
    pub file: String,
    /// The position of each key in the file.
    pub lines: Lines,
    /// `general_settings.litellm_jwtauth`; `None` unless `enable_jwt_auth` is true.
    pub jwt: Option<JwtAuth>,
    /// `general_settings.role_permissions`, in order; `None` when the key is absent.
    pub role_permissions: Option<Vec<RolePermission>>,
    /// `modelgate.role_permissions`, in order; `None` when the key is absent.
    pub token_roles: Option<Vec<TokenRole>>,
    /// `general_settings.enforce_rbac` (R8). The key of the same name in `litellm_jwtauth` is a different one.
    pub require_identity: bool,
    /// `general_settings.master_key`.
    pub master_key: Option<SecretString>,
    /// `model_list`, in order. Several entries may share a name.
    pub models: Vec<Model>,
    /// The top-level list `teams`, in order.
    pub teams: Vec<Team>,
    /// `router_settings`, and the routing keys of `litellm_settings`.
    pub router: RouterSettings,
    /// The block `modelgate`.
    pub gateway: GatewaySettings,
    /// LiteLLM's keys without effect here. Keys that change answers come first.
    pub ignored: Vec<Ignored>,
    /// Warnings, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// `general_settings.litellm_jwtauth`, under LiteLLM's names.
#[derive(Clone, Debug)]
pub struct JwtAuth {
    /// R1.1; default: `litellm_proxy_admin`.
    pub admin_jwt_scope: String,
    /// R5.
    pub admin_allowed_routes: Vec<RoutePattern>,
    /// R1.2.
    pub team_id_jwt_field: Option<ClaimPath>,
    /// R1.2.
    pub team_id_default: Option<String>,
    /// R6: undeclared teams exist without restrictions.
    pub team_id_upsert: bool,
    /// R6.
    pub team_ids_jwt_field: Option<ClaimPath>,
    /// R6.3.
    pub team_alias_jwt_field: Option<ClaimPath>,
    /// R6; `None` when not configured.
    pub team_allowed_routes: Option<Vec<RoutePattern>>,
    /// R6.4.
    pub enforce_team_based_model_access: bool,
    /// R1.3, R4.
    pub user_id_jwt_field: Option<ClaimPath>,
    /// R4, R7.
    pub user_email_jwt_field: Option<ClaimPath>,
    /// R7.
    pub user_allowed_email_domain: Option<String>,
    /// R1.3.
    pub user_roles_jwt_field: Option<ClaimPath>,
    /// R1.3.
    pub user_allowed_roles: Vec<String>,
    /// R1.4.
    pub roles_jwt_field: Option<ClaimPath>,
    /// R1.4.
    pub role_mappings: Vec<RoleMapping>,
    /// R4.
    pub object_id_jwt_field: Option<ClaimPath>,
    /// R2.
    pub enforce_rbac: bool,
    /// `modelgate.strict`: closes LiteLLM's permissive defaults.
    pub strict: bool,
    /// R3: active if true and `scope_mappings` is not empty.
    pub enforce_scope_based_access: bool,
    /// R3, in order.
    pub scope_mappings: Vec<ScopeMapping>,
    /// The rules of token verification.
    pub tokens: TokenRules,
}

/// The rules of token verification, and the sources of keys.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// `JWT_PUBLIC_KEY_URL`: JWKS or OIDC discovery documents, by `https:`, `http:` or `file:`.
    pub key_urls: Vec<Url>,
    /// `JWT_AUDIENCE`; `None`: any audience.
    pub audience: Option<String>,
    /// `JWT_ISSUER`; `None`: any issuer.
    pub issuer: Option<String>,
    /// `issuers`, in order, each issuer once. If the list is not empty, tokens of other issuers are refused, except for
    /// the issuer in `issuer` (D9).
    pub issuers: Vec<Issuer>,
    /// The provider for tokens that are not JWTs; `None`: such tokens are refused.
    pub opaque: Option<OpaqueTokens>,
    /// `modelgate.leeway`: how long a token is accepted after its `exp`; default: 0.
    pub leeway: Duration,
    /// `modelgate.leeway`: how long a token is accepted before its `nbf` and `iat`; default: 5 s.
    pub early_leeway: Duration,
    /// `public_key_ttl`: how long fetched keys are used before they are fetched again; default: 600 s.
    pub public_key_ttl: Duration,
    /// `public_key_stale_ttl`, in `litellm_jwtauth` or `modelgate`: the additional time that the last good keys are
    /// used while the provider fails; default: 24 hours.
    pub public_key_stale_ttl: Duration,
    /// `modelgate.public_key_cooldown`: the minimum time between two fetches for an unknown key id; default: 30 s.
    pub public_key_cooldown: Duration,
}

/// An entry of `issuers`: the keys and rules for tokens of this issuer only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// The value of `iss`, compared exactly.
    pub issuer: String,
    /// `jwks_url`, or the default discovery document of the issuer.
    pub key_url: Url,
    /// `audience`: `aud` must contain one of these; `None` with `disable_audience_validation`: any audience.
    pub audience: Option<Vec<String>>,
    /// Like the three fields below, this overrides the key of the same name in [`JwtAuth`].
    pub team_id_jwt_field: Option<ClaimPath>,
    /// R6.
    pub team_ids_jwt_field: Option<ClaimPath>,
    /// R1.3, R4.
    pub user_id_jwt_field: Option<ClaimPath>,
    /// R4, R7.
    pub user_email_jwt_field: Option<ClaimPath>,
}

/// The provider that returns claims for tokens without claims.
#[derive(Clone, Debug)]
pub enum OpaqueTokens {
    /// `oidc_userinfo_enabled` (OpenID Connect Core section 5.3).
    Userinfo {
        /// `oidc_userinfo_endpoint`.
        endpoint: Url,
        /// `oidc_userinfo_cache_ttl`: how long an answer is cached; default: 300 s.
        cache_ttl: Duration,
    },
    /// `modelgate.introspection` (RFC 7662).
    Introspection {
        /// The introspection endpoint.
        endpoint: Url,
        /// The client id at the provider.
        client_id: String,
        /// The client secret at the provider.
        client_secret: SecretString,
        /// How long an answer is cached; default: 60 s.
        cache_ttl: Duration,
    },
}

/// An entry of `role_permissions` (R2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePermission {
    /// The role.
    pub role: Role,
    /// `None`: every model.
    pub models: Option<Vec<ModelName>>,
    /// `None`: only the routes that every caller may use (R9).
    pub routes: Option<Vec<RoutePattern>>,
}

/// An entry of `modelgate.role_permissions`: the grants and denials of a role name in the token.
///
/// Unlike an entry of [`RolePermission`], it grants only what it lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRole {
    /// The name in the token, unique in the list.
    pub role: String,
    /// The models, wildcards and access groups that it grants.
    pub models: Vec<String>,
    /// The models, wildcards and access groups that it denies, regardless of any grant.
    pub deny_models: Vec<String>,
    /// `None`: only the routes that every caller may use (R9).
    pub routes: Option<Vec<RoutePattern>>,
    /// The roles in the list that this role inherits grants and denials from.
    pub inherits: Vec<String>,
}

/// An entry of `role_mappings` (R1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleMapping {
    /// The name in the token.
    pub role: String,
    /// The role that it maps to.
    pub internal_role: Role,
}

/// An entry of `scope_mappings` (R3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeMapping {
    /// The scope in the token.
    pub scope: String,
    /// The models that it grants.
    pub models: Vec<ModelName>,
}

/// An entry of `teams` (R6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The id, unique in the list.
    pub team_id: String,
    /// The alias, which several teams may share.
    pub team_alias: Option<String>,
    /// The models, wildcards and access groups that it may use. If empty, it may use every model.
    pub models: Vec<String>,
    /// Whether the team is blocked. A blocked team may do nothing.
    pub blocked: bool,
    /// The organization of the team.
    pub organization_id: Option<String>,
}
