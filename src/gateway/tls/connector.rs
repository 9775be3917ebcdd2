//! Connections to other servers by TCP and TLS. Servers are verified with this machine's root certificates.

use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;

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

/// A connector that uses this machine's root certificates.
pub(in crate::gateway) fn connector(timeout: Duration) -> std::io::Result<HttpsConnector<HttpConnector>> {
    secured(tcp(timeout))
}

pub(in crate::gateway) fn secured(tcp: HttpConnector) -> std::io::Result<HttpsConnector<HttpConnector>> {
    Ok(HttpsConnectorBuilder::new()
        .with_tls_config(native_roots::native()?)
        .https_or_http()
        .enable_http1()
        .enable_http2()
        .wrap_connector(tcp))
}
