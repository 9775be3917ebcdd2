//! The proxy of a company's network, through which HTTPS servers are reached: `HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`.
//!
//! A tunnel is opened with `CONNECT` (RFC 9110 section 9.3.6), and TLS is spoken with the server itself: the proxy sees the
//! name of the server and nothing else. Connections without TLS do not go through a proxy.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

/// The variables that name a proxy for HTTPS, the first one that is set counting.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Connects to servers, directly or through the proxy that the environment names.
#[derive(Clone, Debug)]
pub(in crate::gateway) struct EgressProxy {
    direct: HttpConnector,
    /// To the proxy itself, which may speak TLS.
    to_proxy: HttpsConnector<HttpConnector>,
    proxies: Arc<Result<Matcher, String>>,
}

impl EgressProxy {
    /// Takes the proxy from the environment of this process. If it names one in a wrong way, no HTTPS server is connected
    /// to: to connect directly then would surprise.
    pub(super) fn from_environment(direct: HttpConnector, tls: ClientConfig) -> Self {
        let to_proxy = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let to_proxy = to_proxy.wrap_connector(direct.clone());
        let proxies = check_environment().map(|()| Matcher::from_env());
        Self { direct, to_proxy, proxies: Arc::new(proxies) }
    }
}

/// Whether the environment names a proxy as it should.
///
/// # Errors
///
/// What is wrong with the first variable that is.
pub(in crate::gateway) fn check_environment() -> Result<(), String> {
    VARIABLES.iter().try_for_each(|name| std::env::var(name).map_or(Ok(()), |value| check(name, &value)))
}

/// What is wrong with a proxy's address. It may contain a password, so that it is not repeated.
fn check(name: &str, value: &str) -> Result<(), String> {
    if value.is_empty() {
        return Ok(());
    }
    let found =
        Matcher::builder().https(value).build().intercept(&Uri::from_static("https://server.invalid"));
    match found.as_ref().map(Intercept::uri).and_then(Uri::scheme_str) {
        Some("http" | "https") => Ok(()),
        Some(scheme) => Err(format!(
            "the proxy in `{name}` speaks `{scheme}`, which is not supported: name an HTTP proxy, such as `http://proxy.example.com:3128`"
        )),
        None => Err(format!(
            "`{name}` is not the address of a proxy: write it like `http://proxy.example.com:3128`"
        )),
    }
}

impl Service<Uri> for EgressProxy {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let is_secure = target.scheme_str() == Some("https");
        let proxy = match &*self.proxies {
            _ if !is_secure => None,
            Ok(proxies) => proxies.intercept(&target),
            Err(error) => {
                let error = error.clone().into();
                return Box::pin(async move { Err(error) });
            }
        };
        let Some(proxy) = proxy else {
            let connecting = self.direct.call(target);
            return Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) });
        };
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.to_proxy.clone());
        if let Some(credential) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(credential.clone());
        }
        Box::pin(async move {
            let tunneled = tunnel.call(target).await;
            tunneled.map_err(|error| {
                format!("the proxy at `{}` did not open a tunnel: {error}", proxy.uri()).into()
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_proxy_is_checked_and_not_repeated() {
        for value in [
            "",
            "http://proxy:3128",
            "proxy:3128",
            "https://proxy",
            "http://user:secret@proxy:3128/",
            "10.0.0.1:8080",
        ] {
            assert_eq!(check("HTTPS_PROXY", value), Ok(()), "{value}");
        }
        for (value, said) in [
            ("socks5h://u:secret@proxy:1080", "`socks5h`"),
            ("http://u:secret@a b", "is not the address"),
            ("ftp://u:secret@proxy", "is not the address"),
            ("http://", "is not the address"),
        ] {
            let error = check("HTTPS_PROXY", value).unwrap_err();
            assert!(error.contains(said) && !error.contains("secret"), "{error}");
        }
    }
}
