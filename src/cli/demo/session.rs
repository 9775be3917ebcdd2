//! The running parts of the demo, and the files that a user can edit meanwhile.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::provider::Provider;

const EXAMPLE: &str = include_str!("../../../examples/azure-ad.yaml");

/// The running parts of the demo and its editable files.
pub(super) struct Demo {
    pub(super) address: SocketAddr,
    pub(super) provider: Provider,
    pub(super) files: Files,
    /// The variables that `modelgate serve` would read from the environment.
    pub(super) variables: HashMap<&'static str, String>,
}

/// The example and a directory for policies. Users can edit both while the demo runs. They are removed at its
/// end.
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn create() -> std::io::Result<Self> {
        let files = Self(std::env::temp_dir().join(format!("modelgate-demo-{}", std::process::id())));
        // Fails if the directory exists, so nobody else can have created it.
        std::fs::create_dir(&files.0)?;
        std::fs::create_dir(files.policies())?;
        std::fs::write(files.config(), EXAMPLE)?;
        std::fs::write(files.policy(), "// Write rules here that the YAML cannot express.\n")?;
        Ok(files)
    }

    pub(super) fn config(&self) -> PathBuf {
        self.0.join("config.yaml")
    }

    pub(super) fn policies(&self) -> PathBuf {
        self.0.join("policies")
    }

    /// The policy that the demo changes.
    pub(super) fn policy(&self) -> PathBuf {
        self.policies().join("mine.cedar")
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        // If this fails, a copy of the example stays in the system's temporary directory.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
