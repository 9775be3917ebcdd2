//! The listener's certificate, which may change while connections are open.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::gateway::limits::limit::Limit;
use crate::gateway::pipeline::Gateway;

/// Accepts TLS connections. Each uses the certificate that is active when it begins.
pub(super) fn acceptor(gateway: &Arc<Gateway>) -> Result<TlsAcceptor, rustls::Error> {
    let provider: Arc<CryptoProvider> = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config =
        builder.with_no_client_auth().with_cert_resolver(Arc::new(InForceCertificate(Arc::clone(gateway))));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The handshake may fail, or exceed its time limit.
pub(in crate::gateway) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
    acceptor: TlsAcceptor,
    stream: S,
    time: Duration,
) -> Result<TlsStream<S>, Option<Limit>> {
    match tokio::time::timeout(time, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => {
            tracing::debug!("a TLS handshake failed: {error}");
            Err(None)
        }
        Err(_) => Err(Some(Limit::HeaderTimeout)),
    }
}

struct InForceCertificate(Arc<Gateway>);

impl ResolvesServerCert for InForceCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.active().certificate.clone()
    }
}

impl fmt::Debug for InForceCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InForceCertificate")
    }
}
