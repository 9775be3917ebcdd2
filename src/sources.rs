//! The sources of rules: the YAML and the policies beside it. They are read and activated together.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use miette::Diagnostic;

use crate::config::{Config, ConfigError};
#[cfg(feature = "reload")]
use crate::dropins;
use crate::dropins::{DropInError, DropIns};
use crate::engine::{Snapshot, SnapshotError};

/// The files that a snapshot is built from.
#[derive(Clone, Debug)]
pub struct Sources {
    config: PathBuf,
    policies: Option<PathBuf>,
    shadow: Option<Box<Sources>>,
}

/// A file and its content. The content may hold keys, so `Debug` prints only its length.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// The path.
    pub path: PathBuf,
    /// The content.
    pub content: Arc<[u8]>,
}

impl fmt::Debug for SourceFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceFile({}, {} bytes)", self.path.display(), self.content.len())
    }
}

/// The parts of a snapshot, which were read but not yet validated together.
#[derive(Debug)]
pub struct Inputs {
    /// The configuration.
    pub config: Config,
    /// The policies beside it.
    pub dropins: DropIns,
    /// The files of `modelgate.invariants`, if it is set. Shadow rules have none, because they are never in force.
    pub invariants: Option<DropIns>,
    /// Every file that was read, the configuration first.
    pub files: Vec<SourceFile>,
    /// The directory of policies, if there is one.
    pub policies: Option<PathBuf>,
    /// The same for the shadow rules, if there are any. `files` includes their files.
    pub shadow: Option<Box<Inputs>>,
}

/// A snapshot and its sources.
#[derive(Debug)]
pub struct Loaded {
    /// The snapshot, ready to be activated.
    pub snapshot: Snapshot,
    /// The shadow rules, which are compared but never enforced.
    pub shadow: Option<Snapshot>,
    /// Every file that was read, the configuration first.
    pub files: Vec<SourceFile>,
    /// The directory of policies, if there is one.
    pub policies: Option<PathBuf>,
    /// The number of drop-in policies.
    pub policy_count: usize,
    /// The policies beside the configuration, as they were read.
    pub dropins: DropIns,
    /// The files of `modelgate.invariants`, if it is set. They are not proven yet.
    pub invariants: Option<DropIns>,
}

/// The reason why nothing was loaded. The active configuration stays.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum LoadError {
    /// The configuration is invalid.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Config(#[from] ConfigError),
    /// The policies cannot be read.
    #[error(transparent)]
    #[diagnostic(transparent)]
    DropIns(#[from] Box<DropInError>),
    /// The configuration and the policies do not match.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Snapshot(#[from] SnapshotError),
}

impl Sources {
    /// The configuration in `config`, with the policies in `policies`, or in the directory that `modelgate.policies`
    /// names.
    #[must_use]
    pub fn new(config: &Path, policies: Option<&Path>) -> Self {
        Self { config: config.to_owned(), policies: policies.map(Path::to_owned), shadow: None }
    }

    /// The same with shadow rules.
    #[must_use]
    pub fn with_shadow(self, shadow: Option<Self>) -> Self {
        Self { shadow: shadow.map(Box::new), ..self }
    }

    /// The shadow rules.
    #[must_use]
    pub fn shadow(&self) -> Option<&Self> {
        self.shadow.as_deref()
    }

    /// The directory of policies. `None`: `modelgate.policies` decides.
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

    /// Reads everything. Calls `located` with the directory of policies before it is read, so also if the policies are
    /// invalid.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with the file and the place.
    pub fn read(
        &self,
        env: &dyn Fn(&str) -> Option<String>,
        located: &mut dyn FnMut(&Config, Option<&Path>),
    ) -> Result<Inputs, LoadError> {
        let mut inputs = self.read_rules(env, located)?;
        let invariants = inputs.config.gateway.invariants.as_ref();
        inputs.invariants = invariants.map(|named| DropIns::load(&named.directory)).transpose()?;
        inputs.files.extend(inputs.invariants.iter().flat_map(source_files));
        if let Some(shadow) = &self.shadow {
            let mut shadow = shadow.read_rules(env, &mut |_, _| ())?;
            inputs.files.append(&mut shadow.files);
            inputs.shadow = Some(Box::new(shadow));
        }
        Ok(inputs)
    }

    /// Reads the configuration and the policies.
    fn read_rules(
        &self,
        env: &dyn Fn(&str) -> Option<String>,
        located: &mut dyn FnMut(&Config, Option<&Path>),
    ) -> Result<Inputs, LoadError> {
        let (config, text) = Config::load_with_text(&self.config, env)?;
        let policies = self.policies.clone().or_else(|| config.gateway.policies.clone());
        located(&config, policies.as_deref());
        let dropins = policies.as_deref().map(DropIns::load).transpose()?.unwrap_or_default();
        let mut files = vec![SourceFile { path: self.config.clone(), content: text.into_bytes().into() }];
        files.extend(source_files(&dropins));
        Ok(Inputs { config, dropins, invariants: None, files, policies, shadow: None })
    }
}

fn source_files(dropins: &DropIns) -> impl Iterator<Item = SourceFile> {
    let files = dropins.files().iter();
    files.map(|(path, text)| SourceFile { path: path.clone(), content: text.clone().into() })
}

impl From<&Path> for Sources {
    /// The configuration at this path. `modelgate.policies` decides about policies.
    fn from(config: &Path) -> Self {
        Self::new(config, None)
    }
}

impl From<&str> for Sources {
    fn from(config: &str) -> Self {
        Self::new(config.as_ref(), None)
    }
}

impl From<PathBuf> for Sources {
    fn from(config: PathBuf) -> Self {
        Self::new(&config, None)
    }
}

impl Inputs {
    /// Whether all files are unchanged since they were read. Files that belong together are rarely written at once, and
    /// half of a change may lack a rule.
    #[cfg(feature = "reload")]
    pub(crate) fn is_stable(&self) -> bool {
        let same = |file: &SourceFile| {
            // The size limits were checked when the file was read.
            std::fs::read(&file.path).is_ok_and(|content| content == *file.content)
        };
        let lists = |directory: Option<&Path>, dropins: &DropIns| {
            let listed = dropins.files().iter().map(|(path, _)| path);
            let list = directory.map(dropins::list).transpose();
            list.is_ok_and(|list| list.unwrap_or_default().iter().eq(listed))
        };
        let same_list = |inputs: &Self| lists(inputs.policies.as_deref(), &inputs.dropins);
        let same_invariants = || {
            let named = self.config.gateway.invariants.as_ref().zip(self.invariants.as_ref());
            named.is_none_or(|(named, read)| lists(Some(&named.directory), read))
        };
        same_list(self)
            && self.shadow.as_deref().is_none_or(same_list)
            && same_invariants()
            && self.files.iter().all(same)
    }

    /// The configuration and the policies beside it, without the other files that they name.
    #[cfg(feature = "gateway")]
    pub(crate) fn rules(&self) -> Arc<[SourceFile]> {
        self.files.first().cloned().into_iter().chain(source_files(&self.dropins)).collect()
    }

    /// Validates everything.
    ///
    /// # Errors
    ///
    /// [`LoadError`] with the file and the place.
    pub fn build(self) -> Result<Loaded, LoadError> {
        let Self { config, dropins, invariants, files, policies, shadow } = self;
        let policy_count = dropins.policy_count();
        let snapshot = Snapshot::with_policies(config, &dropins)?;
        let shadow = shadow.map(|shadow| shadow.build()).transpose()?;
        let shadow = shadow.map(|shadow| shadow.snapshot);
        Ok(Loaded { snapshot, shadow, files, policies, policy_count, dropins, invariants })
    }
}
