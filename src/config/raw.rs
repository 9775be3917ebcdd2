//! The file as LiteLLM names things. All of serde's derives are here; nothing leaves `config`.
//!
//! A struct's serde name is its block's name, by which `keys` decides on keys that are not its fields. A field of
//! type `Option` takes an empty value for an absent key; one that must not (because absence opens something) is
//! [`present`].

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{IgnoredAny, SeqAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

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
    pub(super) master_key: Option<String>,
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
    #[serde(default)]
    pub(super) team_id_jwt_field: Option<String>,
    /// The team of tokens without one (R1).
    #[serde(default)]
    pub(super) team_id_default: Option<String>,
    /// The claim with the ids of all teams (R6).
    #[serde(default)]
    pub(super) team_ids_jwt_field: Option<String>,
    /// The claim with the alias of the team (R6).
    #[serde(default)]
    pub(super) team_alias_jwt_field: Option<String>,
    /// Routes that callers with a team may call (R6).
    #[serde(default, deserialize_with = "present")]
    pub(super) team_allowed_routes: Option<Vec<String>>,
    /// Whether a caller needs a team (R6).
    #[serde(default)]
    pub(super) enforce_team_based_model_access: bool,
    /// The claim with the id of the user; a token that has it is an internal user (R1).
    #[serde(default)]
    pub(super) user_id_jwt_field: Option<String>,
    /// The claim with the email of the user.
    #[serde(default)]
    pub(super) user_email_jwt_field: Option<String>,
    /// The domain that the email must be of (R7).
    #[serde(default)]
    pub(super) user_allowed_email_domain: Option<String>,
    /// The claim with the roles that `user_allowed_roles` lists (R1).
    #[serde(default)]
    pub(super) user_roles_jwt_field: Option<String>,
    /// The roles whose tokens are internal users (R1).
    #[serde(default)]
    pub(super) user_allowed_roles: Option<Vec<String>>,
    /// The claim with the roles that `role_mappings` maps (R1).
    #[serde(default)]
    pub(super) roles_jwt_field: Option<String>,
    /// Which roles of tokens are which of LiteLLM's (R1), in order.
    #[serde(default)]
    pub(super) role_mappings: Option<Vec<RoleMapping>>,
    /// The claim with the id of the team or the user, whichever the caller is (R4).
    #[serde(default)]
    pub(super) object_id_jwt_field: Option<String>,
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
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::schema::OneOrMany>"))]
    pub(super) audience: Option<Vec<String>>,
    /// Whether a token for anybody will do.
    #[serde(default)]
    pub(super) disable_audience_validation: bool,
    /// Goes before the key of the same name in `litellm_jwtauth`.
    #[serde(default)]
    pub(super) team_id_jwt_field: Option<String>,
    /// Goes before the key of the same name in `litellm_jwtauth`.
    #[serde(default)]
    pub(super) team_ids_jwt_field: Option<String>,
    /// Goes before the key of the same name in `litellm_jwtauth`.
    #[serde(default)]
    pub(super) user_id_jwt_field: Option<String>,
    /// Goes before the key of the same name in `litellm_jwtauth`.
    #[serde(default)]
    pub(super) user_email_jwt_field: Option<String>,
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
    pub(super) api_key: Option<String>,
    /// Azure's `api-version`.
    #[serde(default)]
    pub(super) api_version: Option<String>,
    /// OpenAI's organization.
    #[serde(default)]
    pub(super) organization: Option<String>,
    /// Headers for every request to the upstream.
    #[serde(default)]
    pub(super) extra_headers: Option<BTreeMap<String, String>>,
    /// For how many seconds an answer is waited for.
    #[serde(default)]
    pub(super) timeout: Option<f64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "model_info", deny_unknown_fields)]
pub(super) struct ModelInfo {
    /// Names under which teams, roles and policies may list it with others.
    #[serde(default)]
    pub(super) access_groups: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "modelgate", deny_unknown_fields)]
pub(super) struct Modelgate {
    /// A proxy for everything that no deployment serves.
    #[serde(default)]
    pub(super) upstream: Option<Upstream>,
    /// The largest request body; 32 MiB unless set.
    #[serde(default)]
    pub(super) max_body_bytes: Option<u64>,
    /// By how many seconds clocks may differ; 0 unless set.
    #[serde(default)]
    pub(super) leeway: Option<f64>,
    /// The same as in `litellm_jwtauth`, and not in both.
    #[serde(default)]
    pub(super) public_key_stale_ttl: Option<f64>,
    /// The shortest time between two fetches for unknown keys, in seconds; 30 unless set.
    #[serde(default)]
    pub(super) public_key_cooldown: Option<f64>,
    /// Where to listen; 127.0.0.1:4000 unless set.
    #[serde(default)]
    pub(super) listen: Option<String>,
    /// The operators' listener; 127.0.0.1:4001 unless set, and `off` for none.
    #[serde(default, deserialize_with = "text_or_off")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::schema::TextOrOff>"))]
    pub(super) admin: Option<String>,
    /// The certificate of the listener, which speaks TLS then.
    #[serde(default, deserialize_with = "present")]
    pub(super) tls: Option<Tls>,
    /// Who is asked about tokens that are no JWTs (RFC 7662).
    #[serde(default)]
    pub(super) introspection: Option<Introspection>,
    /// `enforce`, or `log_only`: denials are reported and not enforced.
    #[serde(default)]
    pub(super) mode: Option<String>,
    /// The directory of Cedar policies, relative to this file; or the URL of a bundle of them, a `.tar.gz`.
    #[serde(default)]
    pub(super) policies: Option<String>,
    /// The ed25519 public key that bundles of policies are signed with: 32 bytes in base64.
    #[serde(default)]
    pub(super) policies_key: Option<String>,
    /// How often a bundle of policies is asked for, in seconds.
    #[serde(default)]
    pub(super) policies_poll: Option<f64>,
    /// Networks and addresses whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub(super) trusted_proxies: Option<Vec<String>>,
    /// Files of cases, or directories of them, that must pass before this file is in force.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::schema::OneOrMany>"))]
    pub(super) tests: Option<Vec<String>>,
    /// Whether what LiteLLM leaves open is closed.
    #[serde(default)]
    pub(super) strict: bool,
    /// What the token's own roles open and deny.
    #[serde(default, deserialize_with = "present")]
    pub(super) role_permissions: Option<Vec<TokenRole>>,
    /// Where decisions are logged, and how.
    #[serde(default)]
    pub(super) decision_log: Option<DecisionLog>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "decision_log", deny_unknown_fields)]
pub(super) struct DecisionLog {
    /// Whether lines go to standard output.
    #[serde(default)]
    pub(super) stdout: bool,
    /// The file that lines are appended to, relative to this one.
    #[serde(default)]
    pub(super) file: Option<String>,
    /// How large the file may grow before it is rotated; 100 MiB unless set.
    #[serde(default)]
    pub(super) max_bytes: Option<u64>,
    /// How many rotated files are kept; 10 unless set.
    #[serde(default)]
    pub(super) keep: Option<u64>,
    /// The share of allowed requests that is logged; all unless set.
    #[serde(default)]
    pub(super) sample_allowed: Option<f64>,
    /// Fields whose values are replaced.
    #[serde(default, deserialize_with = "present")]
    pub(super) mask: Option<Vec<String>>,
    /// Whether each line proves the one before it.
    #[serde(default)]
    pub(super) chain: bool,
    /// Whether a line has all that `replay` needs, claims too.
    #[serde(default)]
    pub(super) replayable: bool,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "modelgate.role_permissions", deny_unknown_fields)]
pub(super) struct TokenRole {
    /// The token's name for it.
    pub(super) role: String,
    /// The models, wildcards and access groups that it opens; none unless set.
    #[serde(default, deserialize_with = "present")]
    pub(super) models: Option<Vec<String>>,
    /// Those that nobody with the role may use, whatever else opens them.
    #[serde(default, deserialize_with = "present")]
    pub(super) deny_models: Option<Vec<String>>,
    /// The routes that it may call; those of LLM APIs unless set.
    #[serde(default, deserialize_with = "present")]
    pub(super) routes: Option<Vec<String>>,
    /// Roles of this list whose permissions and denials it has too.
    #[serde(default, deserialize_with = "present")]
    pub(super) inherits: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "tls", deny_unknown_fields)]
pub(super) struct Tls {
    /// The file of the certificate and those above it, in PEM.
    pub(super) certificate: String,
    /// The file of its key, in PEM.
    pub(super) key: String,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "introspection", deny_unknown_fields)]
pub(super) struct Introspection {
    /// Where tokens are asked about.
    pub(super) endpoint: String,
    /// Our name at the provider.
    pub(super) client_id: String,
    /// Our secret there; best `os.environ/NAME`.
    pub(super) client_secret: String,
    /// For how many seconds an answer serves; 60 unless set.
    #[serde(default)]
    pub(super) cache_ttl: Option<f64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "upstream", deny_unknown_fields)]
pub(super) struct Upstream {
    /// Its base URL; a request's whole path is appended.
    pub(super) api_base: String,
    /// Its credential; best `os.environ/NAME`.
    #[serde(default)]
    pub(super) api_key: Option<String>,
}

/// A value that must be there once its key is: an empty one is a wrong type.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A string, or YAML 1.1's `off`, which is a boolean to some readers.
fn text_or_off<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    struct TextOrOff;

    impl Visitor<'_> for TextOrOff {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an address or `off`")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<Self::Value, E> {
            if on { Err(E::invalid_value(Unexpected::Bool(on), &self)) } else { Ok(Some("off".to_owned())) }
        }

        fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
            Ok(Some(text.to_owned()))
        }
    }

    deserializer.deserialize_any(TextOrOff)
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
