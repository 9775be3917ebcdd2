//! The file as LiteLLM names things. All of serde's derives are here; nothing leaves `config`.
//!
//! A struct's serde name is its block's name, by which `keys` decides on keys that are not its fields. A field of
//! type `Option` takes an empty value for an absent key; one that must not (because absence opens something) is
//! [`present`].

mod ours;
pub(super) mod shapes;

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde::de::IgnoredAny;

pub(super) use ours::{
    Cors, DecisionLog, DeniedModel, Introspection, Limits, Modelgate, Tls, TokenRole, Upstream,
};
use shapes::{one_or_many, present};

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "", deny_unknown_fields)]
pub(super) struct File {
    /// Who gets in, and what roles may do.
    #[serde(default)]
    pub(super) general_settings: Option<GeneralSettings>,
    /// The models that callers may ask for, and where requests for them go.
    #[serde(default)]
    pub(super) model_list: Option<Vec<Model>>,
    /// Variables for `os.environ/NAME`, where the process has none of that name.
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
    /// Whether tokens are accepted.
    #[serde(default)]
    pub(super) enable_jwt_auth: bool,
    /// How tokens are read.
    #[serde(default)]
    pub(super) litellm_jwtauth: Option<JwtAuth>,
    /// What each of LiteLLM's roles may use and call (R2); the first entry of a role counts.
    #[serde(default, deserialize_with = "present")]
    pub(super) role_permissions: Option<Vec<RolePermission>>,
    /// The key of the admin for every route; best `os.environ/NAME`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) master_key: Option<SecretString>,
    /// Whether a caller needs a user id or a team (R8); not the key of the same name in `litellm_jwtauth`.
    #[serde(default)]
    pub(super) enforce_rbac: bool,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "litellm_jwtauth", deny_unknown_fields)]
pub(super) struct JwtAuth {
    /// The scope of admins (R1); `litellm_proxy_admin` unless set.
    #[serde(default, deserialize_with = "present")]
    pub(super) admin_jwt_scope: Option<String>,
    /// Routes, groups of routes and prefixes ending in `*` that admins may call (R5).
    #[serde(default, deserialize_with = "present")]
    pub(super) admin_allowed_routes: Option<Vec<String>>,
    /// The claim with the id of the team (R1).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_id_jwt_field: Option<Vec<String>>,
    /// The team of tokens without one (R1).
    #[serde(default)]
    pub(super) team_id_default: Option<String>,
    /// Whether a team that is not declared exists all the same, without any restriction (R6).
    #[serde(default)]
    pub(super) team_id_upsert: bool,
    /// The claim with the ids of all teams (R6).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_ids_jwt_field: Option<Vec<String>>,
    /// The claim with the alias of the team (R6).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_alias_jwt_field: Option<Vec<String>>,
    /// Routes that callers with a team may call (R6).
    #[serde(default, deserialize_with = "present")]
    pub(super) team_allowed_routes: Option<Vec<String>>,
    /// Whether a caller needs a team (R6).
    #[serde(default)]
    pub(super) enforce_team_based_model_access: bool,
    /// The claim with the id of the user; a token that has it is an internal user (R1).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) user_id_jwt_field: Option<Vec<String>>,
    /// The claim with the email of the user.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) user_email_jwt_field: Option<Vec<String>>,
    /// The domain that the email must be of (R7).
    #[serde(default)]
    pub(super) user_allowed_email_domain: Option<String>,
    /// The claim with the roles that `user_allowed_roles` lists (R1).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) user_roles_jwt_field: Option<Vec<String>>,
    /// The roles whose tokens are internal users (R1).
    #[serde(default)]
    pub(super) user_allowed_roles: Option<Vec<String>>,
    /// The claim with the roles that `role_mappings` maps (R1).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) roles_jwt_field: Option<Vec<String>>,
    /// Which roles of tokens are which of LiteLLM's (R1), in order.
    #[serde(default)]
    pub(super) role_mappings: Option<Vec<RoleMapping>>,
    /// The claim with the id of the team or the user, whichever the caller is (R4).
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) object_id_jwt_field: Option<Vec<String>>,
    /// Whether `role_permissions` count; without it every token may use every model.
    #[serde(default)]
    pub(super) enforce_rbac: bool,
    /// Whether `scope_mappings` count (R3).
    #[serde(default)]
    pub(super) enforce_scope_based_access: bool,
    /// Which scopes open which models (R3).
    #[serde(default)]
    pub(super) scope_mappings: Option<Vec<ScopeMapping>>,
    /// For how many seconds fetched keys are used without asking again; 600 unless set.
    #[serde(default)]
    pub(super) public_key_ttl: Option<f64>,
    /// For how many more seconds they serve while the provider fails; a day unless set.
    #[serde(default)]
    pub(super) public_key_stale_ttl: Option<f64>,
    /// The issuers of tokens, each with its keys and audience.
    #[serde(default)]
    pub(super) issuers: Option<Vec<Issuer>>,
    /// Whether tokens that are no JWTs are shown to the userinfo endpoint.
    #[serde(default)]
    pub(super) oidc_userinfo_enabled: bool,
    /// Where that is.
    #[serde(default)]
    pub(super) oidc_userinfo_endpoint: Option<String>,
    /// For how many seconds an answer serves; 300 unless set.
    #[serde(default)]
    pub(super) oidc_userinfo_cache_ttl: Option<f64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "issuers", deny_unknown_fields)]
pub(super) struct Issuer {
    /// What `iss` says, compared exactly.
    pub(super) issuer: String,
    /// Where its keys are; its discovery document unless set.
    #[serde(default)]
    pub(super) jwks_url: Option<String>,
    /// What `aud` must contain one of.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) audience: Option<Vec<String>>,
    /// Whether a token for anybody will do.
    #[serde(default)]
    pub(super) disable_audience_validation: bool,
    /// Goes before the key of the same name in `litellm_jwtauth`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_id_jwt_field: Option<Vec<String>>,
    /// Goes before the key of the same name in `litellm_jwtauth`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) team_ids_jwt_field: Option<Vec<String>>,
    /// Goes before the key of the same name in `litellm_jwtauth`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::OneOrMany>"))]
    pub(super) user_id_jwt_field: Option<Vec<String>>,
    /// Goes before the key of the same name in `litellm_jwtauth`.
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
    /// The models that it may use; all if the key is absent.
    #[serde(default, deserialize_with = "present")]
    pub(super) models: Option<Vec<String>>,
    /// The routes that it may call: paths, groups of routes, prefixes ending in `*`.
    #[serde(default, deserialize_with = "present")]
    pub(super) routes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "role_mappings", deny_unknown_fields)]
pub(super) struct RoleMapping {
    /// The role in the token.
    pub(super) role: String,
    /// Which of LiteLLM's roles that is.
    pub(super) internal_role: String,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "scope_mappings", deny_unknown_fields)]
pub(super) struct ScopeMapping {
    /// The scope in the token.
    pub(super) scope: String,
    /// The models that it opens.
    #[serde(default)]
    pub(super) models: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "teams", deny_unknown_fields)]
pub(super) struct Team {
    /// The id in tokens.
    pub(super) team_id: String,
    /// Another name for it.
    #[serde(default)]
    pub(super) team_alias: Option<String>,
    /// The models, wildcards and access groups that it may use; all if there are none.
    #[serde(default)]
    pub(super) models: Option<Vec<String>>,
    /// Whether it may do nothing.
    #[serde(default)]
    pub(super) blocked: bool,
    /// The organization that it belongs to.
    #[serde(default)]
    pub(super) organization_id: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "model_list", deny_unknown_fields)]
pub(super) struct Model {
    /// The name that callers ask for; `*` stands for any characters.
    #[serde(default)]
    pub(super) model_name: Option<String>,
    /// The same, under the name that some of the documentation has.
    #[serde(default)]
    pub(super) model: Option<String>,
    /// Where requests for it go.
    pub(super) litellm_params: LitellmParams,
    /// What is known of it.
    #[serde(default)]
    pub(super) model_info: Option<ModelInfo>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "litellm_params", deny_unknown_fields)]
pub(super) struct LitellmParams {
    /// The upstream's name for it, with the provider before a slash.
    pub(super) model: String,
    /// The endpoint; the provider's own unless set.
    #[serde(default)]
    pub(super) api_base: Option<String>,
    /// Another name for `api_base`.
    #[serde(default)]
    pub(super) base_url: Option<String>,
    /// The upstream's credential; best `os.environ/NAME`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) api_key: Option<SecretString>,
    /// Azure's `api-version`.
    #[serde(default)]
    pub(super) api_version: Option<String>,
    /// OpenAI's organization.
    #[serde(default)]
    pub(super) organization: Option<String>,
    /// Headers for every request to the upstream.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<BTreeMap<String, String>>"))]
    pub(super) extra_headers: Option<BTreeMap<String, SecretString>>,
    /// For how many seconds an answer is waited for.
    #[serde(default)]
    pub(super) timeout: Option<f64>,
    /// The provider, in the place of the prefix of `model`.
    #[serde(default)]
    pub(super) custom_llm_provider: Option<String>,
    /// Whether another LiteLLM, at `LITELLM_PROXY_API_BASE`, serves it.
    #[serde(default)]
    pub(super) use_litellm_proxy: bool,
    /// An entry of `credential_list` with what is left out here.
    #[serde(default)]
    pub(super) litellm_credential_name: Option<String>,
    /// A token of Entra ID, in the place of `api_key`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) azure_ad_token: Option<SecretString>,
    /// The tenant of `client_id` in Entra ID.
    #[serde(default)]
    pub(super) tenant_id: Option<String>,
    /// Our name in Entra ID.
    #[serde(default)]
    pub(super) client_id: Option<String>,
    /// Our secret there; best `os.environ/NAME`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(super) client_secret: Option<SecretString>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "model_info", deny_unknown_fields)]
pub(super) struct ModelInfo {
    /// Names under which teams, roles and policies may list it with others.
    #[serde(default)]
    pub(super) access_groups: Option<Vec<String>>,
    /// LiteLLM's id of the deployment, which a request cannot ask for here.
    #[serde(default, deserialize_with = "shapes::text_or_number")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<shapes::TextOrNumber>"))]
    pub(super) id: Option<String>,
}
