//! The block `modelgate`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use ipnet::IpNet;
use secrecy::SecretString;

use super::doors::{Authzen, ExtAuthz, ForwardAuth, TlsFiles};
use super::proofs::{ReloadRules, RequiredInvariants};
use crate::config::settings::base_url::BaseUrl;
use crate::config::settings::limits::Limits;
use crate::names::ClaimPath;

/// The block `modelgate`, and other settings of the gateway.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// `modelgate.upstream`: the destination of requests that no deployment serves.
    pub upstream: Option<Upstream>,
    /// `modelgate.listen`: the address to listen on. The command line overrides it.
    pub listen: Option<SocketAddr>,
    /// `modelgate.admin`: the address of the admin listener. The command line overrides it.
    pub admin: Option<AdminListen>,
    /// `modelgate.admin_auth`; `None`: everybody who reaches the admin listener may use it.
    pub admin_auth: Option<AdminAuth>,
    /// `modelgate.admin_hosts`: additional host names of the admin listener.
    pub admin_hosts: Vec<String>,
    /// `modelgate.upstream_headers`: whether callers see headers that reveal upstreams.
    pub upstream_headers: UpstreamHeaders,
    /// `modelgate.tls`: the certificate of the listener; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
    /// `modelgate.max_body_bytes`: the maximum size of a request body; default: 32 MiB.
    pub max_body_bytes: usize,
    /// `modelgate.limits`.
    pub limits: Limits,
    /// `modelgate.websockets`: whether WebSockets of LLM APIs are opened.
    pub websockets: bool,
    /// `modelgate.mode`: whether denials are enforced.
    pub mode: Mode,
    /// `modelgate.references`: how ids that refer to a model are judged.
    pub references: References,
    /// `modelgate.routes.sdk`: whether the SDK routes outside LiteLLM's groups are open (R9).
    pub sdk_routes: bool,
    /// `modelgate.policies`: the directory of dropped-in policies, or the URL of a bundle of them.
    pub policies: Option<PathBuf>,
    /// `modelgate.policies_key`: the ed25519 public key that bundles of policies are signed with, 32 bytes.
    pub policies_key: Option<Vec<u8>>,
    /// `modelgate.policies_poll`: how often a bundle of policies is polled; default: 30 s.
    pub policies_poll: Duration,
    /// `modelgate.trusted_proxies`: the networks whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// `modelgate.tests`: files or directories of cases that must pass before the configuration is activated.
    pub tests: Vec<PathBuf>,
    /// `modelgate.invariants`; `None`: nothing has to be proven.
    pub invariants: Option<RequiredInvariants>,
    /// `modelgate.reload`.
    pub reload: ReloadRules,
    /// `modelgate.decision_log`; `None`: decisions are not logged.
    pub decision_log: Option<DecisionLog>,
    /// `modelgate.denied_model`: the answer if a model is denied.
    pub denied_model: DeniedModel,
    /// `modelgate.cors`; `None`: pages of other origins cannot read answers.
    pub cors: Option<Cors>,
    /// `modelgate.forward_auth`; `None`: there is no such listener.
    pub forward_auth: Option<ForwardAuth>,
    /// `modelgate.ext_authz`; `None`: there is no such listener.
    pub ext_authz: Option<ExtAuthz>,
    /// `modelgate.authzen`; `None`: there is no such listener.
    pub authzen: Option<Authzen>,
    /// The base directory for relative paths in the file.
    pub directory: PathBuf,
}

/// `modelgate.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `enforce`: the default.
    #[default]
    Enforce,
    /// `log_only`: denials are reported but not enforced, for migrations. Tokens are still verified.
    LogOnly,
}

/// `modelgate.references`: how a request is judged that refers to a model indirectly, such as by an assistant, a cached
/// content or a batch file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum References {
    /// `deny` (the default): a reference counts as a model that only an unrestricted list of models contains.
    #[default]
    Deny,
    /// `allow`: references are not judged.
    Allow,
    /// `remember`: ids whose creation the gateway saw are judged by their models, and belong to their caller.
    Remember,
}

/// `modelgate.denied_model`: the answer to a caller that requests a denied model.
///
/// Some clients treat 403 as an invalid credential, and some retry a denial unless its code is `model_not_found`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedModel {
    /// 403 (the default) or 404.
    pub status: StatusCode,
    /// The `code` of the error; default: the code of the rule.
    pub code: Option<String>,
}

impl Default for DeniedModel {
    fn default() -> Self {
        Self { status: StatusCode::FORBIDDEN, code: None }
    }
}

/// `modelgate.cors`: the web pages whose scripts may call the gateway (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// Their origins, as browsers send them.
    pub origins: Vec<HeaderValue>,
}

/// `modelgate.upstream_headers`: whether answers keep the headers that reveal which upstream served them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamHeaders {
    /// `hide`, the default: they are removed.
    #[default]
    Hide,
    /// `pass`: they are sent to the caller.
    Pass,
}

/// `modelgate.decision_log`: where and how decisions are logged. At least one destination is set.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionLog {
    /// To standard output.
    pub stdout: bool,
    /// To the end of this file.
    pub file: Option<PathBuf>,
    /// The size in bytes at which the file is rotated; default: 100 MiB.
    pub max_bytes: u64,
    /// The number of rotated files to keep; default: 10.
    pub keep: u32,
    /// The share of allowed requests to log, from 0 to 1; default: 1.
    pub sample_allowed: f64,
    /// The fields to mask.
    pub mask: Vec<Masked>,
    /// Whether lines form a hash chain.
    pub chain: bool,
    /// Whether lines contain the input of the decision, for `modelgate replay`.
    pub replayable: bool,
}

/// A field of a logged decision that can be masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Masked {
    /// `request_id`.
    RequestId,
    /// `caller.subject`.
    Subject,
    /// `caller.issuer`.
    Issuer,
    /// `caller.user_id`.
    UserId,
    /// `caller.team`.
    Team,
    /// `caller.teams`.
    Teams,
    /// `route`.
    Route,
    /// `models`.
    Models,
    /// `input.source`.
    Source,
    /// `input.team_header`.
    TeamHeader,
    /// `input.claims.NAME`.
    Claim(ClaimPath),
}

/// `modelgate.admin_auth`: who may use the admin listener. At least one of both is set.
#[derive(Clone, Debug)]
pub struct AdminAuth {
    /// `token`: the credential of operators, who may use everything.
    pub token: Option<SecretString>,
    /// `roles`: the roles whose tokens may read everything but the texts of the configuration and its policies.
    pub roles: Vec<String>,
}

/// The address of the admin listener, or `off`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// The admin listener is off.
    Off,
    /// The admin listener uses this address.
    At(SocketAddr),
    /// The admin listener uses the Unix socket at this path.
    Unix(PathBuf),
}

impl std::str::FromStr for AdminListen {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("unix:") {
            Some(path) if !path.is_empty() => Ok(Self::Unix(path.into())),
            _ if text == "off" => Ok(Self::Off),
            _ => text.parse().map(Self::At),
        }
    }
}

/// `modelgate.upstream`.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The base URL. A request's whole path is appended to it.
    pub api_base: BaseUrl,
    /// Sent as `Authorization: Bearer`.
    pub api_key: Option<SecretString>,
    /// `modelgate.upstream.for`: the models that it serves.
    pub serves: UpstreamModels,
    /// `modelgate.upstream.pass`: the members of request bodies that are forwarded.
    pub pass: PassedMembers,
}

/// The models that `modelgate.upstream` serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamModels {
    /// `unlisted` (the default): the models that no deployment of `model_list` serves.
    #[default]
    Unlisted,
    /// `all`: every model. Deployments are not used.
    All,
}

/// The top-level members of a request body that are forwarded to `modelgate.upstream`.
///
/// A LiteLLM proxy has many members besides those of providers' APIs. Some of them change what runs, and new releases
/// add more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassedMembers {
    /// `openai` (the default): the members of providers' APIs, and these additional ones.
    Api(Vec<String>),
    /// `all`.
    All,
}

impl PassedMembers {
    /// Whether a member outside providers' APIs is forwarded.
    #[must_use]
    pub fn allows(&self, member: &str) -> bool {
        match self {
            Self::Api(besides) => besides.iter().any(|name| name == member),
            Self::All => true,
        }
    }
}
