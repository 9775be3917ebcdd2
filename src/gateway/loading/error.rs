//! Why a generation cannot be built, and the reading of one file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::sources::{LoadError, SourceFile};

/// Equal to the maximum size of a fetched key set.
const LARGEST_FILE: u64 = 1024 * 1024;

/// The reason why no new generation was activated. The active one stays.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum ActivationError {
    /// The configuration or the policies are invalid.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Load(#[from] LoadError),
    /// The configuration has neither JWT authentication nor a master key.
    #[error(
        "every request would be denied: neither `general_settings.enable_jwt_auth` nor \
         `general_settings.master_key` is set"
    )]
    NobodyGetsIn,
    /// The configuration has no keys for tokens.
    #[error("no keys are configured to verify tokens")]
    #[diagnostic(help(
        "set JWT_PUBLIC_KEY_URL to the provider's JWKS or discovery document, or list its issuer in \
         `litellm_jwtauth.issuers`"
    ))]
    NoKeys,
    /// A file in the configuration cannot be used.
    #[error("`{}` cannot be used: {reason}", file.display())]
    File {
        /// The path.
        file: PathBuf,
        /// The reason.
        reason: String,
    },
    /// The credential of a deployment cannot be used.
    #[error("the credential of model `{model}` cannot be used: {reason}")]
    Credential {
        /// The model.
        model: String,
        /// The reason.
        reason: String,
    },
    /// The system's root certificates cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The certificates for verifying upstreams cannot be loaded.
    #[error("the system's certificates cannot be loaded: {0}")]
    SystemCertificates(#[from] std::io::Error),
    /// The files kept changing while they were read.
    #[error("the files keep changing while they are read")]
    Unsettled,
    /// What `modelgate.invariants` or `modelgate.reload` demands is not proven.
    #[cfg(feature = "prove")]
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unproven(#[from] crate::reload::UnprovenError),
    /// The operator's own check refused it.
    #[error("{0}")]
    Check(String),
}

pub(super) fn read_file(path: &Path) -> Result<SourceFile, ActivationError> {
    let mut content = Vec::new();
    let read =
        std::fs::File::open(path).and_then(|file| file.take(LARGEST_FILE + 1).read_to_end(&mut content));
    read.map_err(|error| unusable(path, &error))?;
    if content.len() as u64 > LARGEST_FILE {
        return Err(unusable(path, &"it is larger than 1 MiB"));
    }
    Ok(SourceFile { path: path.to_owned(), content: content.into() })
}

pub(super) fn unusable(path: &Path, reason: &dyn std::fmt::Display) -> ActivationError {
    ActivationError::File { file: path.to_owned(), reason: reason.to_string() }
}
