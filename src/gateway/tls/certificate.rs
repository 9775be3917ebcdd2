//! The listener's certificate in PEM files.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// The reason why files cannot be used as a certificate. It never contains the content of the key file.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum CertificateError {
    #[error("it has no certificate in PEM form")]
    NoCertificate,
    #[error("it has no private key in PEM form")]
    NoKey,
    #[error("certificate and private key cannot be used together: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The chain, starting with the listener's own certificate.
pub(in crate::gateway) fn chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    chain.ok().filter(|chain| !chain.is_empty()).ok_or(CertificateError::NoCertificate)
}

pub(in crate::gateway) fn key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateError> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|_| CertificateError::NoKey)
}

/// The chain and the key, if the key belongs to the first certificate.
pub(in crate::gateway) fn certified(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
) -> Result<Arc<CertifiedKey>, CertificateError> {
    Ok(Arc::new(CertifiedKey::from_der(chain, key, &default_provider())?))
}
