//! Where rules come from: the YAML, and the policies beside it. Read together, in force together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic;

use crate::config::{Config, ConfigError};
use crate::dropins::{DropInError, DropIns};
use crate::engine::{Snapshot, SnapshotError};

/// The files that a snapshot is made of.
#[derive(Clone, Debug)]
pub struct Sources {
    config: PathBuf,
    policies: Option<PathBuf>,
}

/// A file, and what was in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// What was read.
    pub content: Arc<[u8]>,
}

/// What a snapshot is made of, read but not yet judged as a whole.
#[derive(Debug)]
pub struct Inputs {
    /// The configuration.
    pub config: Config,
    /// The policies beside it.
    pub dropins: DropIns,
    /// Every file that was read, the configuration first.
    pub files: Vec<SourceFile>,
    /// The directory of policies, if there is one.
    pub policies: Option<PathBuf>,
}

/// A snapshot, and what it was made of.
#[derive(Debug)]
pub struct Loaded {
    /// Ready to be put in force.
    pub snapshot: Snapshot,
    /// Every file that was read, the configuration first.
    pub files: Vec<SourceFile>,
    /// The directory of policies, if there is one.
    pub policies: Option<PathBuf>,
    /// How many policies were dropped in.
    pub policy_count: usize,
}

/// Why nothing was loaded. What is in force stays so.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LoadError {
    /// The configuration is refused.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
    /// The policies cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    DropIns(#[from] Box<DropInError>),
    /// They do not fit together.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl Sources {
    /// The configuration in `config`, with the policies in `policies`, or where `modelgate.policies` says.
    #[must_use]
    pub fn new(config: &Path, policies: Option<&Path>) -> Self {
        Self { config: config.to_owned(), policies: policies.map(Path::to_owned) }
    }

    /// The configuration's file.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Reads and validates everything. `env` looks up environment variables.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with the file and the place.
    pub fn load(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Loaded, LoadError> {
        self.read(env, &mut |_, _| ())?.build()
    }

    /// Reads everything. `located` is told where the policies are before they are read, and thus even if they are refused.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with the file and the place.
    pub fn read(
        &self,
        env: &dyn Fn(&str) -> Option<String>,
        located: &mut dyn FnMut(&Config, Option<&Path>),
    ) -> Result<Inputs, LoadError> {
        let (config, text) = Config::load_with_text(&self.config, env)?;
        let policies = self.policies.clone().or_else(|| config.gateway.policies.clone());
        located(&config, policies.as_deref());
        let dropins = policies.as_deref().map(DropIns::load).transpose()?.unwrap_or_default();
        let mut files = vec![SourceFile { path: self.config.clone(), content: text.into_bytes().into() }];
        let dropped = dropins.files().iter();
        files.extend(
            dropped.map(|(path, text)| SourceFile { path: path.clone(), content: text.clone().into() }),
        );
        Ok(Inputs { config, dropins, files, policies })
    }
}

impl Inputs {
    /// Validates everything.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with the file and the place.
    pub fn build(self) -> Result<Loaded, LoadError> {
        let Self { config, dropins, files, policies } = self;
        let policy_count = dropins.policy_count();
        let snapshot = Snapshot::with_policies(config, &dropins)?;
        Ok(Loaded { snapshot, files, policies, policy_count })
    }
}
