//! Where rules come from: the YAML, and the policies beside it. Read together, in force together.

use std::fmt;
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
    candidate: Option<Box<Sources>>,
}

/// A file, and what was in it: keys too, so that `Debug` says how much alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: PathBuf,
    /// What was read.
    pub content: Arc<[u8]>,
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({}, {} bytes)", self.path.display(), self.content.len())
    }
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
    /// The same of the rules under trial, if there are any; their files are among the above.
    pub candidate: Option<Box<Inputs>>,
}

/// A snapshot, and what it was made of.
#[derive(Debug)]
pub struct Loaded {
    /// Ready to be put in force.
    pub snapshot: Snapshot,
    /// Rules under trial, to be compared and never enforced.
    pub candidate: Option<Snapshot>,
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
        Self { config: config.to_owned(), policies: policies.map(Path::to_owned), candidate: None }
    }

    /// The same with rules under trial beside them.
    #[must_use]
    pub fn with_candidate(self, candidate: Option<Self>) -> Self {
        Self { candidate: candidate.map(Box::new), ..self }
    }

    /// The rules under trial.
    #[must_use]
    pub fn candidate(&self) -> Option<&Self> {
        self.candidate.as_deref()
    }

    /// The directory of policies, unless the configuration is to say.
    #[must_use]
    pub fn policies(&self) -> Option<&Path> {
        self.policies.as_deref()
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
        let mut candidate = match &self.candidate {
            Some(candidate) => Some(Box::new(candidate.read(env, &mut |_, _| ())?)),
            None => None,
        };
        files.extend(candidate.iter_mut().flat_map(|candidate| std::mem::take(&mut candidate.files)));
        Ok(Inputs { config, dropins, files, policies, candidate })
    }
}

impl Inputs {
    /// Validates everything.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with the file and the place.
    pub fn build(self) -> Result<Loaded, LoadError> {
        let Self { config, dropins, files, policies, candidate } = self;
        let policy_count = dropins.policy_count();
        let snapshot = Snapshot::with_policies(config, &dropins)?;
        let candidate = candidate.map(|candidate| candidate.build()).transpose()?;
        let candidate = candidate.map(|candidate| candidate.snapshot);
        Ok(Loaded { snapshot, candidate, files, policies, policy_count })
    }
}
