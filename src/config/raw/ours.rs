//! `modelgate`, our own block.

use secrecy::SecretString;
use serde::Deserialize;

use super::shapes::{one_or_many, present, text_or_off};

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "modelgate", deny_unknown_fields)]
pub(in crate::config) struct Modelgate {
    /// A proxy for everything that no deployment serves.
    #[serde(default)]
    pub(in crate::config) upstream: Option<Upstream>,
    /// The largest request body; 32 MiB unless set.
    #[serde(default)]
    pub(in crate::config) max_body_bytes: Option<u64>,
    /// By how many seconds clocks may differ; 0 for `exp`, and 5 for `nbf` and `iat`, unless set.
    #[serde(default)]
    pub(in crate::config) leeway: Option<f64>,
    /// The same as in `litellm_jwtauth`, and not in both.
    #[serde(default)]
    pub(in crate::config) public_key_stale_ttl: Option<f64>,
    /// The shortest time between two fetches for unknown keys, in seconds; 30 unless set.
    #[serde(default)]
    pub(in crate::config) public_key_cooldown: Option<f64>,
    /// Where to listen; 127.0.0.1:4000 unless set.
    #[serde(default)]
    pub(in crate::config) listen: Option<String>,
    /// The operators' listener; 127.0.0.1:4001 unless set, and `off` for none.
    #[serde(default, deserialize_with = "text_or_off")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::shapes::TextOrOff>"))]
    pub(in crate::config) admin: Option<String>,
    /// Names that the admin listener may be called by, beside `localhost` and its address; `.name` stands for all below it.
    #[serde(default)]
    pub(in crate::config) admin_hosts: Option<Vec<String>>,
    /// `hide`, the default, or `pass`: whether callers see headers of answers that tell of upstreams.
    #[serde(default)]
    pub(in crate::config) upstream_headers: Option<String>,
    /// The certificate of the listener, which speaks TLS then.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) tls: Option<Tls>,
    /// Who is asked about tokens that are no JWTs (RFC 7662).
    #[serde(default)]
    pub(in crate::config) introspection: Option<Introspection>,
    /// `enforce`, or `log_only`: denials are reported and not enforced.
    #[serde(default)]
    pub(in crate::config) mode: Option<String>,
    /// The directory of Cedar policies, relative to this file; or the URL of a bundle of them, a `.tar.gz`.
    #[serde(default)]
    pub(in crate::config) policies: Option<String>,
    /// The ed25519 public key that bundles of policies are signed with: 32 bytes in base64.
    #[serde(default)]
    pub(in crate::config) policies_key: Option<String>,
    /// How often a bundle of policies is asked for, in seconds.
    #[serde(default)]
    pub(in crate::config) policies_poll: Option<f64>,
    /// Networks and addresses whose `X-Forwarded-For` is believed.
    #[serde(default)]
    pub(in crate::config) trusted_proxies: Option<Vec<String>>,
    /// Files of cases, or directories of them, that must pass before this file is in force.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::shapes::OneOrMany>"))]
    pub(in crate::config) tests: Option<Vec<String>>,
    /// What LiteLLM would do by this file and modelgate does not, on purpose: `guardrails`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::shapes::OneOrMany>"))]
    pub(in crate::config) ignore: Option<Vec<String>>,
    /// Whether what LiteLLM leaves open is closed.
    #[serde(default)]
    pub(in crate::config) strict: bool,
    /// What the token's own roles open and deny.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) role_permissions: Option<Vec<TokenRole>>,
    /// Which routes are open beside LiteLLM's.
    #[serde(default)]
    pub(in crate::config) routes: Option<Routes>,
    /// Where decisions are logged, and how.
    #[serde(default)]
    pub(in crate::config) decision_log: Option<DecisionLog>,
    /// How much of everything, and how long.
    #[serde(default)]
    pub(in crate::config) limits: Option<Limits>,
    /// How denials of a model are answered.
    #[serde(default)]
    pub(in crate::config) denied_model: Option<DeniedModel>,
    /// The web pages that browsers let call the gateway; none unless set.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) cors: Option<Cors>,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "denied_model", deny_unknown_fields)]
pub(in crate::config) struct DeniedModel {
    /// The status: 403 unless set, or 404.
    #[serde(default)]
    pub(in crate::config) status: Option<u64>,
    /// The `code` of the error, such as `model_not_found`; that of the rule unless set.
    #[serde(default)]
    pub(in crate::config) code: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "cors", deny_unknown_fields)]
pub(in crate::config) struct Cors {
    /// The origins of the pages, such as `https://chat.example.com`.
    pub(in crate::config) origins: Vec<String>,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "limits", deny_unknown_fields)]
pub(in crate::config) struct Limits {
    /// The largest head of a request, in bytes; 64 KiB unless set.
    #[serde(default)]
    pub(in crate::config) header_bytes: Option<u64>,
    /// The most headers of a request; 100 unless set.
    #[serde(default)]
    pub(in crate::config) headers: Option<u64>,
    /// The most connections of callers; 10,000 unless set.
    #[serde(default)]
    pub(in crate::config) connections: Option<u64>,
    /// The most requests in flight; 10,000 unless set.
    #[serde(default)]
    pub(in crate::config) requests: Option<u64>,
    /// The most requests in flight of one caller; 1,000 unless set.
    #[serde(default)]
    pub(in crate::config) requests_per_caller: Option<u64>,
    /// The most bytes of all bodies that are being read, judged and sent on; 512 MiB unless set.
    #[serde(default)]
    pub(in crate::config) body_bytes_in_flight: Option<u64>,
    /// How deep JSON may be nested; 127 unless set, which is the most.
    #[serde(default)]
    pub(in crate::config) json_depth: Option<u64>,
    /// The most requests in flight of one HTTP/2 connection; 256 unless set.
    #[serde(default)]
    pub(in crate::config) streams_per_connection: Option<u64>,
    /// How many seconds a request's head may take; 10 unless set.
    #[serde(default)]
    pub(in crate::config) header_timeout: Option<f64>,
    /// How many seconds a request's body may take, and one more for each 64 KiB of it; 30 unless set.
    #[serde(default)]
    pub(in crate::config) body_timeout: Option<f64>,
    /// For how many seconds a connection stays open without a request; 120 unless set.
    #[serde(default)]
    pub(in crate::config) idle_timeout: Option<f64>,
    /// For how many seconds a caller may take nothing of its answer; 30 unless set.
    #[serde(default)]
    pub(in crate::config) write_timeout: Option<f64>,
    /// How many seconds connecting to an upstream may take; 10 unless set.
    #[serde(default)]
    pub(in crate::config) upstream_connect_timeout: Option<f64>,
    /// How many seconds an upstream's answer may take to begin; 600 unless set. `litellm_params.timeout` goes before it.
    #[serde(default)]
    pub(in crate::config) upstream_first_byte_timeout: Option<f64>,
    /// How many seconds an upstream's answer may take to end; 3600 unless set.
    #[serde(default)]
    pub(in crate::config) upstream_total_timeout: Option<f64>,
    /// For how many seconds requests in flight go on after the signal to stop; 30 unless set.
    #[serde(default)]
    pub(in crate::config) drain_timeout: Option<f64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "decision_log", deny_unknown_fields)]
pub(in crate::config) struct DecisionLog {
    /// Whether lines go to standard output.
    #[serde(default)]
    pub(in crate::config) stdout: bool,
    /// The file that lines are appended to, relative to this one.
    #[serde(default)]
    pub(in crate::config) file: Option<String>,
    /// How large the file may grow before it is rotated; 100 MiB unless set.
    #[serde(default)]
    pub(in crate::config) max_bytes: Option<u64>,
    /// How many rotated files are kept; 10 unless set.
    #[serde(default)]
    pub(in crate::config) keep: Option<u64>,
    /// The share of allowed requests that is logged; all unless set.
    #[serde(default)]
    pub(in crate::config) sample_allowed: Option<f64>,
    /// Fields whose values are replaced.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) mask: Option<Vec<String>>,
    /// Whether each line proves the one before it.
    #[serde(default)]
    pub(in crate::config) chain: bool,
    /// Whether a line has all that `replay` needs, claims too.
    #[serde(default)]
    pub(in crate::config) replayable: bool,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "modelgate.role_permissions", deny_unknown_fields)]
pub(in crate::config) struct TokenRole {
    /// The token's name for it.
    pub(in crate::config) role: String,
    /// The models, wildcards and access groups that it opens; none unless set.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) models: Option<Vec<String>>,
    /// Those that nobody with the role may use, whatever else opens them.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) deny_models: Option<Vec<String>>,
    /// The routes that it may call; those of LLM APIs unless set.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) routes: Option<Vec<String>>,
    /// Roles of this list whose permissions and denials it has too.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) inherits: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "tls", deny_unknown_fields)]
pub(in crate::config) struct Tls {
    /// The file of the certificate and those above it, in PEM.
    pub(in crate::config) certificate: String,
    /// The file of its key, in PEM.
    pub(in crate::config) key: String,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "routes", deny_unknown_fields)]
pub(in crate::config) struct Routes {
    /// `open`, or `closed`: the routes that the SDKs have and LiteLLM's groups do not.
    #[serde(default)]
    pub(in crate::config) sdk: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "introspection", deny_unknown_fields)]
pub(in crate::config) struct Introspection {
    /// Where tokens are asked about.
    pub(in crate::config) endpoint: String,
    /// Our name at the provider.
    pub(in crate::config) client_id: String,
    /// Our secret there; best `os.environ/NAME`.
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub(in crate::config) client_secret: SecretString,
    /// For how many seconds an answer serves; 60 unless set.
    #[serde(default)]
    pub(in crate::config) cache_ttl: Option<f64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "upstream", deny_unknown_fields)]
pub(in crate::config) struct Upstream {
    /// Its base URL; a request's whole path is appended.
    pub(in crate::config) api_base: String,
    /// Its credential; best `os.environ/NAME`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(in crate::config) api_key: Option<SecretString>,
    /// `unlisted`, unless set: it serves what no deployment of `model_list` does. `all`: it serves every model.
    #[serde(default, rename = "for")]
    pub(in crate::config) serves: Option<String>,
    /// Which members of request bodies go on: `openai`, those of providers' APIs, unless set; `all`, LiteLLM's own too; or a list
    /// of members that go on besides.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::shapes::OneOrMany>"))]
    pub(in crate::config) pass: Option<Vec<String>>,
}
