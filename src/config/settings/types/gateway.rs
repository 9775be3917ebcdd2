//! `modelgate`, our own block.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderValue, StatusCode};
use ipnet::IpNet;
use secrecy::SecretString;

use crate::config::settings::base_url::BaseUrl;
use crate::config::settings::limits::Limits;
use crate::names::ClaimPath;

/// `modelgate`, our own block, and everything else that the gateway needs.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// `modelgate.upstream`: where everything goes that no deployment serves.
    pub upstream: Option<Upstream>,
    /// `modelgate.listen`: where to listen, unless the command line says.
    pub listen: Option<SocketAddr>,
    /// `modelgate.admin`: where the admin listener listens, unless the command line says.
    pub admin: Option<AdminListen>,
    /// `modelgate.admin_hosts`: names beside those of this machine that the admin listener may be called by.
    pub admin_hosts: Vec<String>,
    /// `modelgate.upstream_headers`: whether callers see headers that tell of upstreams.
    pub upstream_headers: UpstreamHeaders,
    /// `modelgate.tls`: what the listener proves itself by; `None`: it speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// `modelgate.max_body_bytes`: the largest request body; 32 MiB unless set.
    pub max_body_bytes: usize,
    /// `modelgate.limits`.
    pub limits: Limits,
    /// `modelgate.mode`: whether denials are enforced.
    pub mode: Mode,
    /// `modelgate.routes.sdk`: whether the SDKs' routes that LiteLLM's groups do not have are open (R9).
    pub sdk_routes: bool,
    /// `modelgate.policies`: the directory of dropped-in policies, or the URL of a bundle of them.
    pub policies: Option<PathBuf>,
    /// `modelgate.policies_key`: the ed25519 public key that bundles of policies are signed with, 32 bytes.
    pub policies_key: Option<Vec<u8>>,
    /// `modelgate.policies_poll`: how often a bundle of policies is asked for; 30 s unless set.
    pub policies_poll: Duration,
    /// `modelgate.trusted_proxies`: the networks whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// `modelgate.tests`: files of cases, or directories of them, that must pass before the configuration is in force.
    pub tests: Vec<PathBuf>,
    /// `modelgate.decision_log`; `None`: decisions are not logged.
    pub decision_log: Option<DecisionLog>,
    /// `modelgate.denied_model`: how denials of a model are answered.
    pub denied_model: DeniedModel,
    /// `modelgate.cors`; `None`: browsers let no web page of another origin read answers.
    pub cors: Option<Cors>,
    /// The directory that relative paths in the file are relative to.
    pub directory: PathBuf,
}

/// `modelgate.mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `enforce`, unless set.
    #[default]
    Enforce,
    /// `log_only`: denials are reported and not enforced, while a company migrates. Tokens are verified all the same.
    LogOnly,
}

/// `modelgate.denied_model`: the answer to a caller who asks for a model that is denied.
///
/// Some clients take 403 for a bad credential, and some retry a denial unless its code is `model_not_found`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedModel {
    /// 403 unless set, or 404.
    pub status: StatusCode,
    /// The `code` of the error; that of the rule unless set.
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

/// `modelgate.upstream_headers`: whether answers keep the headers that tell which upstream served them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamHeaders {
    /// `hide`, the default: they are removed.
    #[default]
    Hide,
    /// `pass`: they go back to the caller.
    Pass,
}

/// `modelgate.decision_log`: where decisions are written, and what of them. At least one place is named.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionLog {
    /// To standard output.
    pub stdout: bool,
    /// To the end of this file.
    pub file: Option<PathBuf>,
    /// How large the file may become, in bytes; 100 MiB unless set.
    pub max_bytes: u64,
    /// How many older files are kept; 10 unless set.
    pub keep: u32,
    /// The share of allowed requests that is logged, from 0 to 1; 1 unless set.
    pub sample_allowed: f64,
    /// Whose values are not shown.
    pub mask: Vec<Masked>,
    /// Each line proves the one before it.
    pub chain: bool,
    /// Lines have what is needed to decide again.
    pub replayable: bool,
}

/// A field of a logged decision whose value is not shown.
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

/// Where the admin listener listens: an address, or `off`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminListen {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl std::str::FromStr for AdminListen {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "off" { Ok(Self::Off) } else { text.parse().map(Self::At) }
    }
}

/// `modelgate.tls`: files in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those that lead to a trusted one.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// `modelgate.upstream`.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The base URL. A request's whole path is appended to it.
    pub api_base: BaseUrl,
    /// Sent as `Authorization: Bearer`.
    pub api_key: Option<SecretString>,
    /// `modelgate.upstream.for`: which models it serves.
    pub serves: UpstreamModels,
    /// `modelgate.upstream.pass`: which members of request bodies go on.
    pub pass: PassedMembers,
}

/// Which models `modelgate.upstream` serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UpstreamModels {
    /// `unlisted`, unless set: those that no deployment of `model_list` serves.
    #[default]
    Unlisted,
    /// `all`: every model. No deployment is asked.
    All,
}

/// Which members at the top of a request's body go on to `modelgate.upstream`.
///
/// A LiteLLM proxy has many of its own beside those of providers' APIs, some of which choose what runs, and its next release
/// will have more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassedMembers {
    /// `openai`, unless set: those of providers' APIs, and these besides.
    Api(Vec<String>),
    /// `all`.
    All,
}

impl PassedMembers {
    /// Whether a member that is of no provider's API goes on.
    #[must_use]
    pub fn allows(&self, member: &str) -> bool {
        match self {
            Self::Api(besides) => besides.iter().any(|name| name == member),
            Self::All => true,
        }
    }
}
