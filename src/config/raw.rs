//! The file as LiteLLM names things. All of serde's derives are here; nothing leaves `config`.
//!
//! A struct's serde name is its block's name, by which `keys` decides on keys that are not its fields. A field of
//! type `Option` takes an empty value for an absent key; one that must not (because absence opens something) is
//! [`present`].

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(rename = "", deny_unknown_fields)]
pub(super) struct File {
    #[serde(default)]
    pub(super) general_settings: Option<GeneralSettings>,
    #[serde(default)]
    pub(super) model_list: Option<Vec<Model>>,
    /// Read by `environment`.
    #[serde(default, rename = "environment_variables")]
    pub(super) _environment_variables: IgnoredAny,
    #[serde(default)]
    pub(super) teams: Option<Vec<Team>>,
    #[serde(default)]
    pub(super) modelgate: Option<Modelgate>,
}

#[derive(Default, Deserialize)]
#[serde(rename = "general_settings", deny_unknown_fields)]
pub(super) struct GeneralSettings {
    #[serde(default)]
    pub(super) enable_jwt_auth: bool,
    #[serde(default)]
    pub(super) litellm_jwtauth: Option<JwtAuth>,
    #[serde(default, deserialize_with = "present")]
    pub(super) role_permissions: Option<Vec<RolePermission>>,
    #[serde(default)]
    pub(super) master_key: Option<String>,
    #[serde(default)]
    pub(super) enforce_rbac: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename = "litellm_jwtauth", deny_unknown_fields)]
pub(super) struct JwtAuth {
    #[serde(default, deserialize_with = "present")]
    pub(super) admin_jwt_scope: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) admin_allowed_routes: Option<Vec<String>>,
    #[serde(default)]
    pub(super) team_id_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) team_id_default: Option<String>,
    #[serde(default)]
    pub(super) team_ids_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) team_alias_jwt_field: Option<String>,
    #[serde(default, deserialize_with = "present")]
    pub(super) team_allowed_routes: Option<Vec<String>>,
    #[serde(default)]
    pub(super) enforce_team_based_model_access: bool,
    #[serde(default)]
    pub(super) user_id_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) user_email_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) user_allowed_email_domain: Option<String>,
    #[serde(default)]
    pub(super) user_roles_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) user_allowed_roles: Option<Vec<String>>,
    #[serde(default)]
    pub(super) roles_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) role_mappings: Option<Vec<RoleMapping>>,
    #[serde(default)]
    pub(super) object_id_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) enforce_rbac: bool,
    #[serde(default)]
    pub(super) enforce_scope_based_access: bool,
    #[serde(default)]
    pub(super) scope_mappings: Option<Vec<ScopeMapping>>,
    #[serde(default)]
    pub(super) public_key_ttl: Option<f64>,
    #[serde(default)]
    pub(super) public_key_stale_ttl: Option<f64>,
    #[serde(default)]
    pub(super) issuers: Option<Vec<Issuer>>,
    #[serde(default)]
    pub(super) oidc_userinfo_enabled: bool,
    #[serde(default)]
    pub(super) oidc_userinfo_endpoint: Option<String>,
    #[serde(default)]
    pub(super) oidc_userinfo_cache_ttl: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename = "issuers", deny_unknown_fields)]
pub(super) struct Issuer {
    pub(super) issuer: String,
    #[serde(default)]
    pub(super) jwks_url: Option<String>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(super) audience: Option<Vec<String>>,
    #[serde(default)]
    pub(super) disable_audience_validation: bool,
    #[serde(default)]
    pub(super) team_id_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) team_ids_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) user_id_jwt_field: Option<String>,
    #[serde(default)]
    pub(super) user_email_jwt_field: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename = "role_permissions", deny_unknown_fields)]
pub(super) struct RolePermission {
    pub(super) role: String,
    #[serde(default, deserialize_with = "present")]
    pub(super) models: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) routes: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename = "role_mappings", deny_unknown_fields)]
pub(super) struct RoleMapping {
    pub(super) role: String,
    pub(super) internal_role: String,
}

#[derive(Deserialize)]
#[serde(rename = "scope_mappings", deny_unknown_fields)]
pub(super) struct ScopeMapping {
    pub(super) scope: String,
    #[serde(default)]
    pub(super) models: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename = "teams", deny_unknown_fields)]
pub(super) struct Team {
    pub(super) team_id: String,
    #[serde(default)]
    pub(super) team_alias: Option<String>,
    #[serde(default)]
    pub(super) models: Option<Vec<String>>,
    #[serde(default)]
    pub(super) blocked: bool,
    #[serde(default)]
    pub(super) organization_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename = "model_list", deny_unknown_fields)]
pub(super) struct Model {
    #[serde(default)]
    pub(super) model_name: Option<String>,
    #[serde(default)]
    pub(super) model: Option<String>,
    pub(super) litellm_params: LitellmParams,
    #[serde(default)]
    pub(super) model_info: Option<ModelInfo>,
}

#[derive(Deserialize)]
#[serde(rename = "litellm_params", deny_unknown_fields)]
pub(super) struct LitellmParams {
    pub(super) model: String,
    #[serde(default)]
    pub(super) api_base: Option<String>,
    #[serde(default)]
    pub(super) base_url: Option<String>,
    #[serde(default)]
    pub(super) api_key: Option<String>,
    #[serde(default)]
    pub(super) api_version: Option<String>,
    #[serde(default)]
    pub(super) organization: Option<String>,
    #[serde(default)]
    pub(super) extra_headers: Option<BTreeMap<String, String>>,
    #[serde(default)]
    pub(super) timeout: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename = "model_info", deny_unknown_fields)]
pub(super) struct ModelInfo {
    #[serde(default)]
    pub(super) access_groups: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(rename = "modelgate", deny_unknown_fields)]
pub(super) struct Modelgate {
    #[serde(default)]
    pub(super) upstream: Option<Upstream>,
    #[serde(default)]
    pub(super) max_body_bytes: Option<u64>,
    #[serde(default)]
    pub(super) leeway: Option<f64>,
    #[serde(default)]
    pub(super) public_key_stale_ttl: Option<f64>,
    #[serde(default)]
    pub(super) public_key_cooldown: Option<f64>,
    #[serde(default)]
    pub(super) listen: Option<String>,
    #[serde(default)]
    pub(super) introspection: Option<Introspection>,
    #[serde(default)]
    pub(super) policies: Option<String>,
    #[serde(default)]
    pub(super) trusted_proxies: Option<Vec<String>>,
    #[serde(default, deserialize_with = "one_or_many")]
    pub(super) tests: Option<Vec<String>>,
    #[serde(default)]
    pub(super) strict: bool,
    #[serde(default, deserialize_with = "present")]
    pub(super) role_permissions: Option<Vec<TokenRole>>,
}

#[derive(Deserialize)]
#[serde(rename = "modelgate.role_permissions", deny_unknown_fields)]
pub(super) struct TokenRole {
    pub(super) role: String,
    #[serde(default, deserialize_with = "present")]
    pub(super) models: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) deny_models: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) routes: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present")]
    pub(super) inherits: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename = "introspection", deny_unknown_fields)]
pub(super) struct Introspection {
    pub(super) endpoint: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    #[serde(default)]
    pub(super) cache_ttl: Option<f64>,
}

#[derive(Deserialize)]
#[serde(rename = "upstream", deny_unknown_fields)]
pub(super) struct Upstream {
    pub(super) api_base: String,
    #[serde(default)]
    pub(super) api_key: Option<String>,
}

/// A value that must be there once its key is: an empty one is a wrong type.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A string, or a list of strings.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<String>>, D::Error> {
    struct OneOrMany;

    impl<'de> Visitor<'de> for OneOrMany {
        type Value = Option<Vec<String>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a string or a list")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_str<E>(self, one: &str) -> Result<Self::Value, E> {
            Ok(Some(vec![one.to_owned()]))
        }

        fn visit_seq<A: SeqAccess<'de>>(self, many: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(many)).map(Some)
        }
    }

    deserializer.deserialize_any(OneOrMany)
}
