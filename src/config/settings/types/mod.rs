//! What a configuration says, in types that cannot say anything else.
//!
//! The modules of `settings` make them, and everything outside `config` reads them. `model` is about `model_list`, `routing`
//! about LiteLLM's router, `gateway` about our own block, and the rest about callers and what they may do.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

mod gateway;
mod model;
mod routing;

use crate::config::effect::Ignored;
use crate::config::error::Warning;
use crate::config::yaml::lines::Lines;
use crate::names::{ClaimPath, ModelName, Role};
use crate::routes::RoutePattern;

pub use gateway::{
    AdminListen, Cors, DecisionLog, DeniedModel, GatewaySettings, Masked, Mode, PassedMembers, TlsFiles,
    Upstream, UpstreamHeaders, UpstreamModels,
};
pub use model::{Deployment, Model, Provider};
pub use routing::{Fallback, RouterSettings, Routing};

/// A configuration that was read and checked, by [`Config::load`] or [`Config::parse`].
#[derive(Clone, Debug)]
pub struct Config {
    /// The file's name as diagnostics and policy annotations show it.
    pub file: String,
    /// Where each key of the file stands.
    pub lines: Lines,
    /// `general_settings.litellm_jwtauth`; `None` unless `enable_jwt_auth` is true.
    pub jwt: Option<JwtAuth>,
    /// `general_settings.role_permissions`, in order; `None` when the key is absent.
    pub role_permissions: Option<Vec<RolePermission>>,
    /// `modelgate.role_permissions`, in order; `None` when the key is absent.
    pub token_roles: Option<Vec<TokenRole>>,
    /// `general_settings.enforce_rbac` (R8); not to be confused with the key of `litellm_jwtauth`.
    pub require_identity: bool,
    /// `general_settings.master_key`.
    pub master_key: Option<SecretString>,
    /// `model_list`, in order. Several entries may share a name.
    pub models: Vec<Model>,
    /// The top-level list `teams`, in order.
    pub teams: Vec<Team>,
    /// `router_settings`, and what `litellm_settings` says of routing. Nothing is routed by it yet.
    pub router: RouterSettings,
    /// `modelgate`, our own block.
    pub gateway: GatewaySettings,
    /// Keys of LiteLLM that have no effect here, those first that change answers.
    pub ignored: Vec<Ignored>,
    /// What is allowed but probably not meant, in the order of the file.
    pub warnings: Vec<Warning>,
}

/// `general_settings.litellm_jwtauth`, under LiteLLM's names.
#[derive(Clone, Debug)]
pub struct JwtAuth {
    /// R1.1; `litellm_proxy_admin` unless set.
    pub admin_jwt_scope: String,
    /// R5.
    pub admin_allowed_routes: Vec<RoutePattern>,
    /// R1.2.
    pub team_id_jwt_field: Option<ClaimPath>,
    /// R1.2.
    pub team_id_default: Option<String>,
    /// R6: a team that is not declared exists without any restriction.
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
    /// `modelgate.strict`: what LiteLLM leaves open is closed.
    pub strict: bool,
    /// R3: in force when true and `scope_mappings` is not empty.
    pub enforce_scope_based_access: bool,
    /// R3, in order.
    pub scope_mappings: Vec<ScopeMapping>,
    /// How tokens are verified.
    pub tokens: TokenRules,
}

/// How tokens are verified, and where the keys come from.
#[derive(Clone, Debug)]
pub struct TokenRules {
    /// `JWT_PUBLIC_KEY_URL`: JWKS or OIDC discovery documents, by `https:`, `http:` or `file:`.
    pub key_urls: Vec<Url>,
    /// `JWT_AUDIENCE`; `None`: any.
    pub audience: Option<String>,
    /// `JWT_ISSUER`; `None`: any.
    pub issuer: Option<String>,
    /// `issuers`, in order, each issuer once. Where there are any, a token of another issuer is refused, unless `issuer`
    /// names that one (D9).
    pub issuers: Vec<Issuer>,
    /// Who is asked about tokens that are no JWTs; `None`: nobody, they are refused.
    pub opaque: Option<OpaqueTokens>,
    /// `modelgate.leeway`: for how long a token is accepted after its `exp`; 0 unless set.
    pub leeway: Duration,
    /// `modelgate.leeway`: for how long a token is accepted before its `nbf` and `iat`; 5 s unless set.
    pub early_leeway: Duration,
    /// `public_key_ttl`: how long fetched keys are used without asking again; 600 s unless set.
    pub public_key_ttl: Duration,
    /// `public_key_stale_ttl`, in `litellm_jwtauth` or `modelgate`: how long the last good keys serve beyond that
    /// while the provider fails; 24 hours unless set.
    pub public_key_stale_ttl: Duration,
    /// `modelgate.public_key_cooldown`: the shortest time between two fetches for one unknown key id; 30 s
    /// unless set.
    pub public_key_cooldown: Duration,
}

/// An entry of `issuers`: the keys and rules for the tokens of one issuer, and of no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    /// What `iss` says, compared exactly.
    pub issuer: String,
    /// `jwks_url`, or the issuer's discovery document.
    pub key_url: Url,
    /// `audience`: one of these must be in `aud`; `None` with `disable_audience_validation`: any.
    pub audience: Option<Vec<String>>,
    /// Goes before the key of the same name in [`JwtAuth`], as the three below.
    pub team_id_jwt_field: Option<ClaimPath>,
    /// R6.
    pub team_ids_jwt_field: Option<ClaimPath>,
    /// R1.3, R4.
    pub user_id_jwt_field: Option<ClaimPath>,
    /// R4, R7.
    pub user_email_jwt_field: Option<ClaimPath>,
}

/// How claims are found for a token that does not carry them.
#[derive(Clone, Debug)]
pub enum OpaqueTokens {
    /// `oidc_userinfo_enabled` (OpenID Connect Core section 5.3).
    Userinfo {
        /// `oidc_userinfo_endpoint`.
        endpoint: Url,
        /// `oidc_userinfo_cache_ttl`: how long an answer serves; 300 s unless set.
        cache_ttl: Duration,
    },
    /// `modelgate.introspection` (RFC 7662).
    Introspection {
        /// Where tokens are asked about.
        endpoint: Url,
        /// Our own name at the provider.
        client_id: String,
        /// Our own secret there.
        client_secret: SecretString,
        /// How long an answer serves; 60 s unless set.
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
    /// `None`: the floor alone (R9).
    pub routes: Option<Vec<RoutePattern>>,
}

/// An entry of `modelgate.role_permissions`: what a role of the token's own gives, and takes.
///
/// Unlike an entry of [`RolePermission`] it opens only what it lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRole {
    /// The name in the token, unique in the list.
    pub role: String,
    /// Models, wildcards and access groups that it opens.
    pub models: Vec<String>,
    /// Models, wildcards and access groups that nobody with this role may use, whatever else grants them.
    pub deny_models: Vec<String>,
    /// `None`: the floor alone (R9).
    pub routes: Option<Vec<RoutePattern>>,
    /// Roles of the list whose grants and denials this one has too.
    pub inherits: Vec<String>,
}

/// An entry of `role_mappings` (R1.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleMapping {
    /// The name in the token.
    pub role: String,
    /// The role that it gives.
    pub internal_role: Role,
}

/// An entry of `scope_mappings` (R3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeMapping {
    /// The scope in the token.
    pub scope: String,
    /// The models that it opens.
    pub models: Vec<ModelName>,
}

/// An entry of `teams` (R6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Team {
    /// The id, unique in the list.
    pub team_id: String,
    /// The alias; need not be unique.
    pub team_alias: Option<String>,
    /// The models, wildcards and access groups that it may use; empty: every model.
    pub models: Vec<String>,
    /// A blocked team may do nothing.
    pub blocked: bool,
    /// The organization that it belongs to.
    pub organization_id: Option<String>,
}
