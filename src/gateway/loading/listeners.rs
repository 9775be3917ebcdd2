//! The TLS of each listener, from the files that the configuration names.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{ActivationError, read_file, unusable};
use crate::config::{GatewaySettings, TlsFiles};
use crate::gateway::tls::server::{PemFiles, ServerTls, TlsFilesError};
use crate::sources::SourceFile;

/// The TLS of the listeners that speak it.
#[derive(Clone, Default)]
pub(in crate::gateway) struct ListenerTls {
    pub(in crate::gateway) gateway: Option<Arc<ServerTls>>,
    pub(in crate::gateway) forward_auth: Option<Arc<ServerTls>>,
    pub(in crate::gateway) ext_authz: Option<Arc<ServerTls>>,
    pub(in crate::gateway) authzen: Option<Arc<ServerTls>>,
}

/// The files of every listener.
fn named(settings: &GatewaySettings) -> [Option<&TlsFiles>; 4] {
    let forward_auth = settings.forward_auth.as_ref().and_then(|door| door.tls.as_ref());
    let ext_authz = settings.ext_authz.as_ref().and_then(|door| door.tls.as_ref());
    let authzen = settings.authzen.as_ref().and_then(|door| door.tls.as_ref());
    [settings.tls.as_ref(), forward_auth, ext_authz, authzen]
}

/// The paths of all files.
pub(super) fn paths(settings: &GatewaySettings) -> Vec<PathBuf> {
    let files = named(settings).into_iter().flatten();
    let paths = files.flat_map(|tls| [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()]);
    paths.flatten().cloned().collect()
}

impl ListenerTls {
    /// Reads the files, and adds them to `files`.
    pub(super) fn read(
        settings: &GatewaySettings,
        files: &mut Vec<SourceFile>,
    ) -> Result<Self, ActivationError> {
        let [gateway, forward_auth, ext_authz, authzen] = named(settings);
        let mut read = |named: Option<&TlsFiles>| named.map(|named| server_tls(named, files)).transpose();
        Ok(Self {
            gateway: read(gateway)?,
            forward_auth: read(forward_auth)?,
            ext_authz: read(ext_authz)?,
            authzen: read(authzen)?,
        })
    }

    /// What was there before takes the place of what is missing or has the same files: a listener that speaks TLS continues to,
    /// and its clients resume their sessions.
    pub(super) fn renewed(self, before: &Self) -> Self {
        let kept = |new: Option<Arc<ServerTls>>, old: &Option<Arc<ServerTls>>| match (new, old) {
            (Some(new), Some(old)) if new.files == old.files => Some(Arc::clone(old)),
            (new, old) => new.or_else(|| old.clone()),
        };
        Self {
            gateway: kept(self.gateway, &before.gateway),
            forward_auth: kept(self.forward_auth, &before.forward_auth),
            ext_authz: kept(self.ext_authz, &before.ext_authz),
            authzen: kept(self.authzen, &before.authzen),
        }
    }
}

fn server_tls(named: &TlsFiles, files: &mut Vec<SourceFile>) -> Result<Arc<ServerTls>, ActivationError> {
    let mut read = |path: &Path| {
        let file = read_file(path)?;
        let content = Arc::from(&*file.content);
        files.push(file);
        Ok::<_, ActivationError>(content)
    };
    let TlsFiles { certificate, key, client_ca } = named;
    let pem = PemFiles {
        certificate: read(certificate)?,
        key: read(key)?,
        client_ca: client_ca.as_deref().map(read).transpose()?,
    };
    let tls = ServerTls::new(pem).map_err(|error| {
        let path = match &error {
            TlsFilesError::Certificate(_) => certificate,
            TlsFilesError::Key => key,
            TlsFilesError::ClientCa(_) => client_ca.as_ref().unwrap_or(certificate),
        };
        unusable(path, &error)
    })?;
    Ok(Arc::new(tls))
}
