//! The root certificates of this machine.

use std::io;
use std::sync::{Arc, LazyLock};

use hyper_rustls::ConfigBuilderExt as _;
use rustls::{ClientConfig, ConfigBuilder, WantsVerifier};

/// A TLS configuration that verifies servers with this machine's root certificates.
///
/// The root certificates are read once per process, because there are more than a hundred.
///
/// # Errors
///
/// There is no root certificate.
pub(in crate::gateway) fn native() -> io::Result<ClientConfig> {
    static NATIVE: LazyLock<Result<ClientConfig, String>> =
        LazyLock::new(|| read().map_err(|error| error.to_string()));
    NATIVE.clone().map_err(io::Error::other)
}

fn read() -> io::Result<ClientConfig> {
    Ok(builder().map_err(io::Error::other)?.with_native_roots()?.with_no_client_auth())
}

pub(in crate::gateway) fn builder() -> Result<ConfigBuilder<ClientConfig, WantsVerifier>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()
}
