//! The blocks of `modelgate` for other proxies, which ask for decisions.

use secrecy::SecretString;
use serde::Deserialize;

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "forward_auth", deny_unknown_fields)]
pub(in crate::config) struct ForwardAuth {
    /// The address that proxies ask at `/-/authorize`.
    pub(in crate::config) listen: String,
    /// The headers that have the original request: `x-forwarded` (Caddy, Traefik, HAProxy) or `x-original` (nginx). With
    /// `x-original`, every status is 200, 401 or 403. Default: `x-forwarded`.
    #[serde(default)]
    pub(in crate::config) convention: Option<String>,
    /// Requests whose body may name a model and did not come along. `deny` denies them. `url` judges them by the model in
    /// their URL, and does not see the body. Default: `deny`.
    #[serde(default)]
    pub(in crate::config) without_body: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "ext_authz", deny_unknown_fields)]
pub(in crate::config) struct ExtAuthz {
    /// The address that Envoy asks, over gRPC or HTTP, or `unix:` and the path of a socket.
    pub(in crate::config) listen: String,
    /// Envoy removes the caller's credential from the request that it forwards. Default: `true`.
    #[serde(default)]
    pub(in crate::config) remove_credential: Option<bool>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "authzen", deny_unknown_fields)]
pub(in crate::config) struct Authzen {
    /// The address that enforcement points ask at `/access/v1/evaluation` and the other paths of AuthZEN.
    pub(in crate::config) listen: String,
    /// The credential of enforcement points, which they send as `Authorization: Bearer`. Prefer `os.environ/NAME`. Required.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(in crate::config) bearer: Option<SecretString>,
    /// The URL by which enforcement points know this listener, for `/.well-known/authzen-configuration`. Default: `http://` and
    /// the `Host` of the request.
    #[serde(default)]
    pub(in crate::config) url: Option<String>,
}
