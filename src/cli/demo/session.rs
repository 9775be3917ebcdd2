//! What runs during the demo, and the files that can be edited meanwhile.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::provider::Provider;

const EXAMPLE: &str = include_str!("../../../examples/azure-ad.yaml");

/// What runs, and the files that can be edited meanwhile.
pub(super) struct Demo {
    pub(super) address: SocketAddr,
    pub(super) provider: Provider,
    pub(super) files: Files,
    /// What `modelgate serve` would read from the environment.
    pub(super) variables: HashMap<&'static str, String>,
}

/// The example and a directory for policies, to be edited while the demo runs; removed when it ends.
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn create() -> std::io::Result<Self> {
        let files = Self(std::env::temp_dir().join(format!("modelgate-demo-{}", std::process::id())));
        // Never a directory that somebody else has made.
        std::fs::create_dir(&files.0)?;
        std::fs::create_dir(files.policies())?;
        std::fs::write(files.config(), EXAMPLE)?;
        std::fs::write(files.policy(), "// Rules that the YAML cannot say go here.\n")?;
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
        // If removing fails, a copy of the example stays behind in the system's directory for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
