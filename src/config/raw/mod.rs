//! The file as LiteLLM names things. All of serde's derives are here; nothing leaves `config`.
//!
//! A struct's serde name is its block's name, by which `keys` decides on keys that are not its fields. A field of
//! type `Option` takes an empty value for an absent key; one that must not (because absence opens something) is
//! [`present`].

mod doors;
mod ours;
mod proofs;
pub(super) mod shapes;

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;

pub(super) use doors::{AdminAuth, Authzen, ExtAuthz, ForwardAuth, Tls};
pub(super) use ours::{
    Cors, DecisionLog, DeniedModel, Introspection, Limits, Modelgate, TokenRole, Upstream,
};
pub(super) use proofs::{Invariants, InvariantsBlock, Reload};
use shapes::{one_or_many, present};

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "", deny_unknown_fields)]
pub(super) struct File {
    /// Authentication, and the permissions of roles.
    #[serde(default)]
    pub(super) general_settings: Option<GeneralSettings>,
    /// The models that callers may request, and the upstream of each.
    #[serde(default)]
    pub(super) model_list: Option<Vec<Model>>,
    /// Values for `os.environ/NAME`. A variable of the process overrides the one of the same name.
    #[serde(default, rename = "environment_variables")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<BTreeMap<String, serde_json::Value>>"))]
    // Read by `environment`.
    pub(super) _environment_variables: IgnoredAny,
    /// The teams that tokens may name (R6).
    #[serde(default)]
    pub(super) teams: Option<Vec<Team>>,
    /// modelgate's own settings.
    #[serde(default)]
    pub(super) modelgate: Option<Modelgate>,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "general_settings", deny_unknown_fields)]
pub(super) struct GeneralSettings {
    /// Accept tokens. Default: `false`.
    #[serde(default)]
    pub(super) enable_jwt_auth: bool,
    /// Which claims are read from tokens, and how tokens are verified.
    #[serde(default)]
    pub(super) litellm_jwtauth: Option<JwtAuth>,
    /// The models and routes of each of LiteLLM's roles (R2). If several entries name one role, the first one counts.
    #[serde(default, deserialize_with = "present")]
    pub(super) role_permissions: Option<Vec<RolePermission>>,
    /// The master key. It permits every route. Prefer `os.environ/NAME`. Default: the variable `LITELLM_MASTER_KEY`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) master_key: Option<SecretString>,
    /// Require a user id or a team of each caller (R8). `litellm_jwtauth` has another key of the same name. Default:
    /// `false`.
    #[serde(default)]
    pub(super) enforce_rbac: bool,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "litellm_jwtauth", deny_unknown_fields)]
pub(super) struct JwtAuth {
    /// The scope of admins (R1). Default: `litellm_proxy_admin`.
    #[serde(default, deserialize_with = "present")]
    pub(super) admin_jwt_scope: Option<String>,
    /// The routes that admins may call (R5): paths, route groups, and prefixes that end in `*`.
    #[serde(default, deserialize_with = "present")]
    pub(super) admin_allowed_routes: Option<Vec<String>>,
    /// The claim with the team's id (R1).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_id_jwt_field: Option<Vec<String>>,
    /// The team of a token that names none (R1).
    #[serde(default)]
    pub(super) team_id_default: Option<String>,
    /// Accept teams that `teams` does not declare, without restrictions (R6). Default: `false`.
    #[serde(default)]
    pub(super) team_id_upsert: bool,
    /// The claim with the ids of all teams of the caller (R6).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_ids_jwt_field: Option<Vec<String>>,
    /// The claim with the team's alias (R6).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_alias_jwt_field: Option<Vec<String>>,
    /// The routes that callers with a team may call (R6).
    #[serde(default, deserialize_with = "present")]
    pub(super) team_allowed_routes: Option<Vec<String>>,
    /// Require a team of each caller (R6). Default: `false`.
    #[serde(default)]
    pub(super) enforce_team_based_model_access: bool,
    /// The claim with the user's id. A token with this claim has the role `internal_user` (R1).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) user_id_jwt_field: Option<Vec<String>>,
    /// The claim with the user's email.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) user_email_jwt_field: Option<Vec<String>>,
    /// The required domain of the user's email (R7).
    #[serde(default)]
    pub(super) user_allowed_email_domain: Option<String>,
    /// The claim with roles that are compared with `user_allowed_roles` (R1).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) user_roles_jwt_field: Option<Vec<String>>,
    /// A token with one of these roles has the role `internal_user` (R1).
    #[serde(default)]
    pub(super) user_allowed_roles: Option<Vec<String>>,
    /// The claim with roles that `role_mappings` maps (R1).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) roles_jwt_field: Option<Vec<String>>,
    /// Maps roles of tokens to LiteLLM's roles (R1). The first match counts.
    #[serde(default)]
    pub(super) role_mappings: Option<Vec<RoleMapping>>,
    /// The claim with the team's id if the caller is a team, or the user's id if the caller is a user (R4).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) object_id_jwt_field: Option<Vec<String>>,
    /// Enforce `role_permissions`. If `false`, they do not restrict any token. Default: `false`.
    #[serde(default)]
    pub(super) enforce_rbac: bool,
    /// Enforce `scope_mappings` (R3). Default: `false`.
    #[serde(default)]
    pub(super) enforce_scope_based_access: bool,
    /// The models that each scope permits (R3).
    #[serde(default)]
    pub(super) scope_mappings: Option<Vec<ScopeMapping>>,
    /// Seconds until fetched keys are fetched again. Default: 600.
    #[serde(default)]
    pub(super) public_key_ttl: Option<f64>,
    /// Additional seconds that fetched keys are used while the provider fails. Default: 86400 (one day).
    #[serde(default)]
    pub(super) public_key_stale_ttl: Option<f64>,
    /// The accepted issuers of tokens, each with its keys and audience.
    #[serde(default)]
    pub(super) issuers: Option<Vec<Issuer>>,
    /// Verify tokens that are not JWTs at the userinfo endpoint. Default: `false`.
    #[serde(default)]
    pub(super) oidc_userinfo_enabled: bool,
    /// The URL of the userinfo endpoint.
    #[serde(default)]
    pub(super) oidc_userinfo_endpoint: Option<String>,
    /// Seconds that a response of the userinfo endpoint is cached. Default: 300.
    #[serde(default)]
    pub(super) oidc_userinfo_cache_ttl: Option<f64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "issuers", deny_unknown_fields)]
pub(super) struct Issuer {
    /// The claim `iss`, compared exactly.
    pub(super) issuer: String,
    /// The URL of the issuer's keys. Default: the one in its discovery document.
    #[serde(default)]
    pub(super) jwks_url: Option<String>,
    /// The accepted audiences. The claim `aud` must contain one of them.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) audience: Option<Vec<String>>,
    /// Accept any audience. Default: `false`.
    #[serde(default)]
    pub(super) disable_audience_validation: bool,
    /// Overrides the key of the same name in `litellm_jwtauth`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_id_jwt_field: Option<Vec<String>>,
    /// Overrides the key of the same name in `litellm_jwtauth`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_ids_jwt_field: Option<Vec<String>>,
    /// Overrides the key of the same name in `litellm_jwtauth`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) user_id_jwt_field: Option<Vec<String>>,
    /// Overrides the key of the same name in `litellm_jwtauth`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) user_email_jwt_field: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "role_permissions", deny_unknown_fields)]
pub(super) struct RolePermission {
    /// One of LiteLLM's roles.
    pub(super) role: String,
    /// The models that the role may use. Default: all.
    #[serde(default, deserialize_with = "present")]
    pub(super) models: Option<Vec<String>>,
    /// The routes that the role may call: paths, route groups, and prefixes that end in `*`. Default: no
    /// restriction.
    #[serde(default, deserialize_with = "present")]
    pub(super) routes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "role_mappings", deny_unknown_fields)]
pub(super) struct RoleMapping {
    /// The role in the token.
    pub(super) role: String,
    /// LiteLLM's role for it.
    pub(super) internal_role: String,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "scope_mappings", deny_unknown_fields)]
pub(super) struct ScopeMapping {
    /// The scope in the token.
    pub(super) scope: String,
    /// The models that the scope permits.
    #[serde(default)]
    pub(super) models: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "teams", deny_unknown_fields)]
pub(super) struct Team {
    /// The team's id, as in tokens.
    pub(super) team_id: String,
    /// Another name of the team.
    #[serde(default)]
    pub(super) team_alias: Option<String>,
    /// The models, wildcards and access groups that the team may use. Default: all. An empty list also means all.
    #[serde(default)]
    pub(super) models: Option<Vec<String>>,
    /// Deny every request of the team. Default: `false`.
    #[serde(default)]
    pub(super) blocked: bool,
    /// The organization of the team.
    #[serde(default)]
    pub(super) organization_id: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "model_list", deny_unknown_fields)]
pub(super) struct Model {
    /// The name that callers request. `*` matches any characters.
    #[serde(default)]
    pub(super) model_name: Option<String>,
    /// Another name of `model_name`.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// The upstream of the model.
    pub(super) litellm_params: LitellmParams,
    /// Additional data of the model.
    #[serde(default)]
    pub(super) model_info: Option<ModelInfo>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "litellm_params", deny_unknown_fields)]
pub(super) struct LitellmParams {
    /// The model's name at the upstream, as `provider/name`.
    pub(super) model: String,
    /// The base URL of the upstream. Default: the provider's endpoint.
    #[serde(default)]
    pub(super) api_base: Option<String>,
    /// Another name of `api_base`.
    #[serde(default)]
    pub(super) base_url: Option<String>,
    /// The credential for the upstream. Prefer `os.environ/NAME`. Default: the provider's variable, such as
    /// `OPENAI_API_KEY`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) api_key: Option<SecretString>,
    /// Azure's `api-version`.
    #[serde(default)]
    pub(super) api_version: Option<String>,
    /// The organization at OpenAI.
    #[serde(default)]
    pub(super) organization: Option<String>,
    /// Headers to add to each request to the upstream.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<BTreeMap<String, String>>"))]
    pub(super) extra_headers: Option<BTreeMap<String, SecretString>>,
    /// Seconds until the response must begin. Default: `modelgate.limits.upstream_first_byte_timeout`.
    #[serde(default)]
    pub(super) timeout: Option<f64>,
    /// The provider. Overrides the prefix of `model`.
    #[serde(default)]
    pub(super) custom_llm_provider: Option<String>,
    /// Send requests to the LiteLLM proxy at `LITELLM_PROXY_API_BASE`. Default: `false`.
    #[serde(default)]
    pub(super) use_litellm_proxy: bool,
    /// The name of an entry of `credential_list`. It provides the keys that are absent here.
    #[serde(default)]
    pub(super) litellm_credential_name: Option<String>,
    /// A token of Entra ID, instead of `api_key`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) azure_ad_token: Option<SecretString>,
    /// The tenant of `client_id` in Entra ID.
    #[serde(default)]
    pub(super) tenant_id: Option<String>,
    /// The client id of modelgate in Entra ID.
    #[serde(default)]
    pub(super) client_id: Option<String>,
    /// The client secret. Prefer `os.environ/NAME`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) client_secret: Option<SecretString>,
    /// The scope of tokens of Entra ID. Default: `https://cognitiveservices.azure.com/.default`.
    #[serde(default)]
    pub(super) azure_scope: Option<String>,
    /// The access key of AWS, for `bedrock/…`. Default: `AWS_ACCESS_KEY_ID`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) aws_access_key_id: Option<SecretString>,
    /// The secret key of AWS. Prefer `os.environ/NAME`. Default: `AWS_SECRET_ACCESS_KEY`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) aws_secret_access_key: Option<SecretString>,
    /// The session token of temporary keys of AWS. Default: `AWS_SESSION_TOKEN`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) aws_session_token: Option<SecretString>,
    /// The region of AWS. Default: `AWS_REGION_NAME`, `AWS_REGION`, `AWS_DEFAULT_REGION`, then `us-west-2`.
    #[serde(default)]
    pub(super) aws_region_name: Option<String>,
    /// The endpoint of Bedrock's runtime. Default: the one of the region.
    #[serde(default)]
    pub(super) aws_bedrock_runtime_endpoint: Option<String>,
    /// The id of the model at Bedrock, such as the ARN of an inference profile. Overrides the name in `model`.
    #[serde(default)]
    pub(super) model_id: Option<String>,
    /// The project of Google Cloud, for `vertex_ai/…`. Default: `VERTEXAI_PROJECT`, then the project of the key.
    #[serde(default, deserialize_with = "shapes::text_or_number")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::TextOrNumber>"))]
    pub(super) vertex_project: Option<String>,
    /// The location of Google Cloud. Default: `VERTEXAI_LOCATION`, then `us-central1`.
    #[serde(default)]
    pub(super) vertex_location: Option<String>,
    /// The key of a service account: its JSON, or the path of its file. Default: `GOOGLE_APPLICATION_CREDENTIALS`.
    #[serde(default, deserialize_with = "shapes::text_or_json")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<serde_json::Value>"))]
    pub(super) vertex_credentials: Option<SecretString>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "model_info", deny_unknown_fields)]
pub(super) struct ModelInfo {
    /// Names of groups of models. Teams, roles and policies can list a group instead of its models.
    #[serde(default)]
    pub(super) access_groups: Option<Vec<String>>,
    /// LiteLLM's id of the deployment. Requests cannot use it as a model name.
    #[serde(default, deserialize_with = "shapes::text_or_number")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::TextOrNumber>"))]
    pub(super) id: Option<String>,
}
