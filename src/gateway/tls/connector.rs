//! Connections to other servers by TCP and TLS. Servers are verified with this machine's root certificates.

use std::io;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;

use super::egress_proxy::EgressProxy;
use super::native_roots;

/// The connect timeout for traces. `modelgate.limits` has the one for upstreams.
pub(in crate::gateway) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

pub(in crate::gateway) fn tcp(timeout: Duration) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(timeout));
    connector
}

/// A connector for plain HTTP and HTTPS. It uses the proxy that the environment names.
pub(in crate::gateway) type Connector = HttpsConnector<EgressProxy>;

/// A connector that uses this machine's root certificates.
///
/// # Errors
///
/// The certificates cannot be loaded.
pub(in crate::gateway) fn connector(timeout: Duration) -> io::Result<Connector> {
    let tls = native_roots::native()?;
    let proxied = EgressProxy::from_environment(tcp(timeout), tls.clone());
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    Ok(builder.enable_http1().enable_http2().wrap_connector(proxied))
}

/// The same for HTTP/1.1 only, with another TLS configuration.
pub(in crate::gateway) fn http1_connector(timeout: Duration, tls: ClientConfig) -> Connector {
    let proxied = EgressProxy::from_environment(tcp(timeout), tls.clone());
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    builder.enable_http1().wrap_connector(proxied)
}
