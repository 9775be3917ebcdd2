//! The TLS of a listener, made from its PEM files.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};

/// The PEM files of a listener.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::gateway) struct PemFiles {
    pub(in crate::gateway) certificate: Arc<[u8]>,
    pub(in crate::gateway) key: Arc<[u8]>,
    /// The authorities whose client certificates are accepted. If there are any, every client needs a certificate.
    pub(in crate::gateway) client_ca: Option<Arc<[u8]>>,
}

/// The TLS of a listener.
pub(in crate::gateway) struct ServerTls {
    pub(in crate::gateway) files: PemFiles,
    pub(in crate::gateway) config: Arc<ServerConfig>,
}

/// Why files cannot be used. It never contains the content of the key file.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum TlsFilesError {
    /// About the file of the certificate.
    #[error(transparent)]
    Certificate(CertificateError),
    #[error("it has no private key in PEM form")]
    Key,
    /// About the file of the client authorities.
    #[error(transparent)]
    ClientCa(CertificateError),
}

/// The reason that a file of certificates cannot be used.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum CertificateError {
    #[error("it has no certificate in PEM form")]
    None,
    #[error("certificate and private key cannot be used together: {0}")]
    Unusable(rustls::Error),
    #[error("it cannot verify client certificates: {0}")]
    Authorities(VerifierBuilderError),
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

impl ServerTls {
    pub(in crate::gateway) fn new(files: PemFiles) -> Result<Self, TlsFilesError> {
        use TlsFilesError::{Certificate, ClientCa};
        let provider = Arc::new(default_provider());
        let chain = certificates(&files.certificate).map_err(Certificate)?;
        let key = PrivateKeyDer::from_pem_slice(&files.key).map_err(|_| TlsFilesError::Key)?;
        let certified = CertifiedKey::from_der(chain, key, &provider)
            .map_err(|error| Certificate(CertificateError::Unusable(error)))?;
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| Certificate(CertificateError::Setup(error)))?;
        let builder = match &files.client_ca {
            None => builder.with_no_client_auth(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for authority in certificates(pem).map_err(ClientCa)? {
                    roots.add(authority).map_err(|error| ClientCa(CertificateError::Unusable(error)))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(
                    verifier.map_err(|error| ClientCa(CertificateError::Authorities(error)))?,
                )
            }
        };
        let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { files, config: Arc::new(config) })
    }
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::None)
}
