//! The listener's certificate, which may change while connections are open.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::Gateway;
use super::limit::Limit;

/// Why files hold no certificate to listen with. Nothing here shows what is in the key's file.
#[derive(Debug, thiserror::Error)]
pub(super) enum CertificateError {
    #[error("there is no certificate in it in PEM form")]
    NoCertificate,
    #[error("there is no private key in it in PEM form")]
    NoKey,
    #[error("certificate and private key cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
}

/// A chain, the listener's own certificate first.
pub(super) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::NoCertificate)
}

pub(super) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| CertificateError::NoKey)
}

/// The two together, if the key is that of the first certificate.
pub(super) fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, CertificateError> {
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &default_provider())?))
}

/// Speaks TLS by the certificate that is in force when a connection begins.
pub(super) fn acceptor(gateway: &Arc<Gateway>) -> Result<TlsAcceptor, rustls::Error> {
    let provider: Arc<CryptoProvider> = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    let mut config =
        builder.with_no_client_auth().with_cert_resolver(Arc::new(InForceCertificate(Arc::clone(gateway))));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The caller may fail to come to an understanding, or, which is a limit, to do so in time.
pub(super) async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(
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
        self.0.in_force().certificate.clone()
    }
}

impl fmt::Debug for InForceCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InForceCertificate")
    }
}
