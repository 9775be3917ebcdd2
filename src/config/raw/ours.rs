//! `modelgate`, our own block.

use secrecy::SecretString;
use serde::Deserialize;

use super::doors::{AdminAuth, Authzen, ExtAuthz, ForwardAuth, Tls};
use super::proofs::{Invariants, Reload};
use super::shapes::{on_or_off, one_or_many, present, text_or_off};

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "modelgate", deny_unknown_fields)]
pub(in crate::config) struct Modelgate {
    /// A proxy for the models that no deployment serves.
    #[serde(default)]
    pub(in crate::config) upstream: Option<Upstream>,
    /// The maximum size of a request body in bytes. Default: 32 MiB.
    #[serde(default)]
    pub(in crate::config) max_body_bytes: Option<u64>,
    /// Accepted clock difference in seconds. Default: 0 for `exp`, 5 for `nbf` and `iat`.
    #[serde(default)]
    pub(in crate::config) leeway: Option<f64>,
    /// The same key as in `litellm_jwtauth`. Set only one of them.
    #[serde(default)]
    pub(in crate::config) public_key_stale_ttl: Option<f64>,
    /// Minimum seconds between two fetches that unknown keys cause. Default: 30.
    #[serde(default)]
    pub(in crate::config) public_key_cooldown: Option<f64>,
    /// The address of the listener. Default: 127.0.0.1:4000.
    #[serde(default)]
    pub(in crate::config) listen: Option<String>,
    /// The address of the admin listener, `unix:` and the path of a socket, or `off`. Default: 127.0.0.1:4001.
    #[serde(default, deserialize_with = "text_or_off")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::shapes::TextOrOff>"))]
    pub(in crate::config) admin: Option<String>,
    /// Who may use the admin listener. Default: everybody who reaches it, and it must be on a loopback address or a Unix socket.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) admin_auth: Option<AdminAuth>,
    /// Additional host names that the admin listener accepts. `.name` matches all names below `name`.
    #[serde(default)]
    pub(in crate::config) admin_hosts: Option<Vec<String>>,
    /// `hide` removes response headers that name an upstream. `pass` forwards them to callers. Default: `hide`.
    #[serde(default)]
    pub(in crate::config) upstream_headers: Option<String>,
    /// The certificate of the listener. Default: none, and the listener uses plain HTTP.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) tls: Option<Tls>,
    /// The introspection endpoint for tokens that are not JWTs (RFC 7662).
    #[serde(default)]
    pub(in crate::config) introspection: Option<Introspection>,
    /// `enforce`, or `log_only` to report denials without enforcing them. Default: `enforce`.
    #[serde(default)]
    pub(in crate::config) mode: Option<String>,
    /// The directory of Cedar policies, relative to this file, or the URL of a `.tar.gz` bundle of policies.
    #[serde(default)]
    pub(in crate::config) policies: Option<String>,
    /// The ed25519 public key that verifies policy bundles: 32 bytes in base64.
    #[serde(default)]
    pub(in crate::config) policies_key: Option<String>,
    /// Seconds between two requests for the policy bundle. Default: 30.
    #[serde(default)]
    pub(in crate::config) policies_poll: Option<f64>,
    /// Addresses and networks of proxies whose `X-Forwarded-For` is trusted.
    #[serde(default)]
    pub(in crate::config) trusted_proxies: Option<Vec<String>>,
    /// Files or directories of test cases that must pass before this configuration becomes active.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::shapes::OneOrMany>"))]
    pub(in crate::config) tests: Option<Vec<String>>,
    /// Invariants that must be proven before this configuration becomes active. A string is the directory. Default: none.
    #[serde(default, deserialize_with = "present")]
    #[cfg_attr(feature = "cli", schemars(with = "Invariants"))]
    pub(in crate::config) invariants: Option<Invariants>,
    /// The changes of rules that a reload may make.
    #[serde(default)]
    pub(in crate::config) reload: Option<Reload>,
    /// WebSockets of the realtime, Responses and live APIs: `on` or `off`. Default: `on`.
    #[serde(default, deserialize_with = "on_or_off")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::shapes::OnOrOff>"))]
    pub(in crate::config) websockets: Option<bool>,
    /// Features of LiteLLM in this file that modelgate may ignore: `guardrails`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::shapes::OneOrMany>"))]
    pub(in crate::config) ignore: Option<Vec<String>>,
    /// Replace LiteLLM's permissive defaults by denials. Default: `false`.
    #[serde(default)]
    pub(in crate::config) strict: bool,
    /// Permissions and denials by the role names in tokens.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) role_permissions: Option<Vec<TokenRole>>,
    /// Ids that stand for a model, such as those of assistants and batch files. `deny` denies them to callers whose models are
    /// restricted. `allow` does not judge them. `remember` judges them by the models of the request that created them, and denies
    /// other callers' ids. Default: `deny`.
    #[serde(default)]
    pub(in crate::config) references: Option<String>,
    /// Additional routes beside LiteLLM's.
    #[serde(default)]
    pub(in crate::config) routes: Option<Routes>,
    /// The decision log.
    #[serde(default)]
    pub(in crate::config) decision_log: Option<DecisionLog>,
    /// Limits and timeouts.
    #[serde(default)]
    pub(in crate::config) limits: Option<Limits>,
    /// The status and the code of denials of a model.
    #[serde(default)]
    pub(in crate::config) denied_model: Option<DeniedModel>,
    /// The web pages that browsers let call the gateway. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) cors: Option<Cors>,
    /// The listener for proxies that ask whether to forward a request. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) forward_auth: Option<ForwardAuth>,
    /// The listener for Envoy's external authorization filter. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) ext_authz: Option<ExtAuthz>,
    /// The listener for enforcement points that speak AuthZEN. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) authzen: Option<Authzen>,
}

#[derive(Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "denied_model", deny_unknown_fields)]
pub(in crate::config) struct DeniedModel {
    /// The status, `403` or `404`. Some clients tell their users more at a 404. Default: 403.
    #[serde(default)]
    pub(in crate::config) status: Option<u64>,
    /// The `code` of the error, such as `model_not_found`. Default: the code of the rule that denies.
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
    /// Maximum size of a request head in bytes. Default: 64 KiB.
    #[serde(default)]
    pub(in crate::config) header_bytes: Option<u64>,
    /// Maximum number of headers of a request. Default: 100.
    #[serde(default)]
    pub(in crate::config) headers: Option<u64>,
    /// Maximum number of connections of callers. Default: 10,000.
    #[serde(default)]
    pub(in crate::config) connections: Option<u64>,
    /// Maximum number of requests in flight. Default: 10,000.
    #[serde(default)]
    pub(in crate::config) requests: Option<u64>,
    /// Maximum number of requests in flight of one caller. Default: 1,000.
    #[serde(default)]
    pub(in crate::config) requests_per_caller: Option<u64>,
    /// Maximum bytes of all request bodies in flight. Default: 512 MiB, or `max_body_bytes` if that is larger.
    #[serde(default)]
    pub(in crate::config) body_bytes_in_flight: Option<u64>,
    /// Maximum nesting of JSON, at most 127. Default: 127.
    #[serde(default)]
    pub(in crate::config) json_depth: Option<u64>,
    /// Maximum number of requests in flight of one HTTP/2 connection. Default: 256.
    #[serde(default)]
    pub(in crate::config) streams_per_connection: Option<u64>,
    /// Maximum number of ids that `references: remember` keeps. Default: 100,000.
    #[serde(default)]
    pub(in crate::config) references: Option<u64>,
    /// Seconds that `references: remember` keeps an id. Default: 2,592,000 (30 days).
    #[serde(default)]
    pub(in crate::config) reference_ttl: Option<f64>,
    /// Seconds to receive a request head. Default: 10.
    #[serde(default)]
    pub(in crate::config) header_timeout: Option<f64>,
    /// Seconds to receive a request body, plus one second for each 64 KiB. Default: 30.
    #[serde(default)]
    pub(in crate::config) body_timeout: Option<f64>,
    /// Seconds until a connection without a request is closed. Default: 120.
    #[serde(default)]
    pub(in crate::config) idle_timeout: Option<f64>,
    /// Seconds that a caller may read nothing of its response. Default: 30.
    #[serde(default)]
    pub(in crate::config) write_timeout: Option<f64>,
    /// Seconds to connect to an upstream. Default: 10.
    #[serde(default)]
    pub(in crate::config) upstream_connect_timeout: Option<f64>,
    /// Seconds until an upstream's response begins. `litellm_params.timeout` overrides it. Default: 600.
    #[serde(default)]
    pub(in crate::config) upstream_first_byte_timeout: Option<f64>,
    /// Seconds until an upstream's response ends. Default: 3600.
    #[serde(default)]
    pub(in crate::config) upstream_total_timeout: Option<f64>,
    /// Seconds that requests in flight may continue after the signal to stop. Default: 30.
    #[serde(default)]
    pub(in crate::config) drain_timeout: Option<f64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "decision_log", deny_unknown_fields)]
pub(in crate::config) struct DecisionLog {
    /// Write lines to standard output. Default: `false`.
    #[serde(default)]
    pub(in crate::config) stdout: bool,
    /// The file to append lines to, relative to this file.
    #[serde(default)]
    pub(in crate::config) file: Option<String>,
    /// Size in bytes at which the file is rotated. Default: 100 MiB.
    #[serde(default)]
    pub(in crate::config) max_bytes: Option<u64>,
    /// Number of rotated files to keep. Default: 10.
    #[serde(default)]
    pub(in crate::config) keep: Option<u64>,
    /// Share of allowed requests to log. Default: 1 (all).
    #[serde(default)]
    pub(in crate::config) sample_allowed: Option<f64>,
    /// Fields whose values are replaced by `***`.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) mask: Option<Vec<String>>,
    /// Add the hash of the previous line to each line. Default: `false`.
    #[serde(default)]
    pub(in crate::config) chain: bool,
    /// Add the data that `replay` needs to each line, including claims. Default: `false`.
    #[serde(default)]
    pub(in crate::config) replayable: bool,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "modelgate.role_permissions", deny_unknown_fields)]
pub(in crate::config) struct TokenRole {
    /// The role's name in tokens.
    pub(in crate::config) role: String,
    /// The models, wildcards and access groups that the role may use. Default: none.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) models: Option<Vec<String>>,
    /// Models, wildcards and access groups that the role may not use, in any spelling. They override every grant.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) deny_models: Option<Vec<String>>,
    /// The routes that the role may call. Default: the routes of LLM APIs.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) routes: Option<Vec<String>>,
    /// Roles of this list whose permissions and denials the role inherits.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) inherits: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "routes", deny_unknown_fields)]
pub(in crate::config) struct Routes {
    /// Routes that the SDKs use and LiteLLM's route groups do not have: `open` or `closed`. Default: `open`.
    #[serde(default)]
    pub(in crate::config) sdk: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "introspection", deny_unknown_fields)]
pub(in crate::config) struct Introspection {
    /// The URL of the introspection endpoint.
    pub(in crate::config) endpoint: String,
    /// The client id of modelgate at the provider.
    pub(in crate::config) client_id: String,
    /// The client secret. Prefer `os.environ/NAME`.
    #[cfg_attr(feature = "cli", schemars(with = "String"))]
    pub(in crate::config) client_secret: SecretString,
    /// Seconds that a response is cached. Default: 60.
    #[serde(default)]
    pub(in crate::config) cache_ttl: Option<f64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "upstream", deny_unknown_fields)]
pub(in crate::config) struct Upstream {
    /// The base URL of the proxy. The path of each request is appended.
    pub(in crate::config) api_base: String,
    /// The credential for the proxy. Prefer `os.environ/NAME`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(in crate::config) api_key: Option<SecretString>,
    /// `unlisted`: the proxy serves the models without a deployment in `model_list`. `all`: it serves every model.
    /// Default: `unlisted`.
    #[serde(default, rename = "for")]
    pub(in crate::config) serves: Option<String>,
    /// Members of request bodies that are accepted. `openai`: those of providers' APIs. `all`: LiteLLM's own members too.
    /// A list: these members in addition to `openai`. Default: `openai`.
    #[serde(default, deserialize_with = "one_or_many")]
    #[cfg_attr(feature = "cli", schemars(with = "Option<super::shapes::OneOrMany>"))]
    pub(in crate::config) pass: Option<Vec<String>>,
}
