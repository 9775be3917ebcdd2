//! The blocks of `modelgate` about who may use its other listeners: operators, and proxies, which ask for decisions.

use secrecy::SecretString;
use serde::Deserialize;

use super::shapes::present;

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
    /// The certificate of the listener, and the authorities of the proxies' certificates. Default: none, and the listener uses plain HTTP.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) tls: Option<Tls>,
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
    /// The certificate of the listener, and the authorities of the proxies' certificates. Default: none, and the listener uses plain HTTP.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) tls: Option<Tls>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "tls", deny_unknown_fields)]
pub(in crate::config) struct Tls {
    /// The PEM file of the certificate chain, with the listener's certificate first.
    pub(in crate::config) certificate: String,
    /// The PEM file of the private key.
    pub(in crate::config) key: String,
    /// A PEM file of authorities. If it is set, a client needs a certificate of one of them.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) client_ca: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "authzen", deny_unknown_fields)]
pub(in crate::config) struct Authzen {
    /// The address that enforcement points ask at `/access/v1/evaluation` and the other paths of AuthZEN.
    pub(in crate::config) listen: String,
    /// The credential of enforcement points, which they send as `Authorization: Bearer`. Prefer `os.environ/NAME`. Required
    /// without `tls.client_ca`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(in crate::config) bearer: Option<SecretString>,
    /// The URL by which enforcement points know this listener, for `/.well-known/authzen-configuration`. Default: `http://`, or
    /// `https://` with `tls`, and the `Host` of the request.
    #[serde(default)]
    pub(in crate::config) url: Option<String>,
    /// The certificate of the listener, and the authorities of the enforcement points' certificates. Default: none, and the listener
    /// uses plain HTTP.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) tls: Option<Tls>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename = "admin_auth", deny_unknown_fields)]
pub(in crate::config) struct AdminAuth {
    /// The credential of operators, who may use everything. They send it as `Authorization: Bearer`. Prefer `os.environ/NAME`.
    #[serde(default)]
    #[cfg_attr(feature = "cli", schemars(with = "Option<String>"))]
    pub(in crate::config) token: Option<SecretString>,
    /// Roles whose tokens may read everything but the texts of the configuration and its policies.
    #[serde(default, deserialize_with = "present")]
    pub(in crate::config) roles: Option<Vec<String>>,
}
