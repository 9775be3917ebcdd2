//! The listeners for other proxies, which ask for decisions.

use std::net::SocketAddr;
use std::path::PathBuf;

use secrecy::SecretString;

/// `modelgate.forward_auth`: the listener for nginx, Caddy, Traefik and HAProxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAuth {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The headers that have the original request.
    pub convention: Convention,
    /// What becomes of requests whose body did not come along.
    pub without_body: WithoutBody,
    /// The certificate of the listener; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
}

/// `modelgate.forward_auth.convention`: the headers in which a proxy describes the original request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Convention {
    /// `x-forwarded`, the default: `X-Forwarded-Method` and `X-Forwarded-Uri`.
    #[default]
    XForwarded,
    /// `x-original`: `X-Original-Method`, and `X-Original-URI` or `X-Original-URL`. nginx understands no other status
    /// than 2xx, 401 and 403.
    XOriginal,
}

/// `modelgate.forward_auth.without_body`: how a request is judged if its body may name a model and did not come along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WithoutBody {
    /// `deny`, the default: it is denied.
    #[default]
    Deny,
    /// `url`: by the model in its URL, if there is one. The body may name others.
    Url,
}

/// `modelgate.ext_authz`: the listener for Envoy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtAuthz {
    /// The address to listen on.
    pub listen: SocketAddress,
    /// `remove_credential`: whether Envoy removes the caller's credential from a permitted request; default: `true`.
    pub removes_credential: bool,
    /// The certificate of the listener; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
}

/// The address of a TCP or Unix socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAddress {
    /// A TCP socket.
    Tcp(SocketAddr),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// `modelgate.authzen`: the listener for policy enforcement points that speak AuthZEN.
#[derive(Clone, Debug)]
pub struct Authzen {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The credential of enforcement points. It is set unless they need a certificate.
    pub bearer: Option<SecretString>,
    /// The URL by which enforcement points know the listener, without a slash at its end.
    pub url: Option<String>,
    /// The certificate of the listener; `None`: plain HTTP.
    pub tls: Option<TlsFiles>,
}

/// `modelgate.tls`, and the blocks `tls` of other listeners: files in PEM form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by its intermediate certificates.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
    /// The authorities of which every client needs a certificate; `None`: clients need none.
    pub client_ca: Option<PathBuf>,
}
