//! Watches the source files of rules.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::config::Config;
use crate::dropins;
use crate::sources::{Inputs, Sources};

/// The quiet time after a write before a reload. Another process may write several files, or one in several steps.
pub(crate) const QUIET: Duration = Duration::from_millis(25);
/// The maximum time to wait for the end of such writes.
pub(crate) const LONGEST_BURST: Duration = Duration::from_millis(100);
/// The depth limit of policies, and more links than a path may have.
const DEEPEST: usize = 16;
const MOST_LINKS: usize = 40;

/// The files and directories to watch for changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Roots {
    pub(crate) files: Vec<PathBuf>,
    pub(crate) policies: Vec<PathBuf>,
}

impl Roots {
    /// The configurations, and the directories of policies and invariants. `policies` is the directory that the
    /// configuration chose.
    pub(crate) fn of(sources: &Sources, config: &Config, policies: Option<&Path>) -> Self {
        let shadow = sources.shadow();
        let configs = [Some(sources), shadow].into_iter().flatten();
        let invariants = config.gateway.invariants.as_ref().map(|named| named.directory.as_path());
        let policies = [policies, invariants, shadow.and_then(Sources::policies)];
        Self {
            files: configs.map(|sources| sources.config().to_owned()).collect(),
            policies: policies.into_iter().flatten().map(Path::to_owned).collect(),
        }
    }

    /// Adds the directory of policies that the shadow configuration chose.
    pub(crate) fn add_shadow(&mut self, inputs: &Inputs) {
        let policies = inputs.shadow.as_ref().and_then(|shadow| shadow.policies.clone());
        self.policies.extend(policies.filter(|policies| !self.policies.contains(policies)));
    }
}

/// Watches directories instead of files, because editors and Kubernetes replace files and links.
pub(crate) struct Watched {
    watcher: RecommendedWatcher,
    directories: BTreeSet<PathBuf>,
    /// The files to watch, and the links to them.
    names: Arc<ArcSwap<HashSet<OsString>>>,
}

impl Watched {
    /// Calls `changed` for each event of a file to watch. Nothing is watched yet.
    pub(crate) fn start(changed: impl Fn() + Send + 'static) -> notify::Result<Self> {
        let names = Arc::new(ArcSwap::from_pointee(HashSet::<OsString>::new()));
        let known = Arc::clone(&names);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error means that events were lost, so any file may have changed.
            if event.is_ok_and(|event| !matters(&event, &known.load())) {
                return;
            }
            changed();
        })?;
        Ok(Self { watcher, directories: BTreeSet::new(), names })
    }

    /// Watches all directories that need it. Returns whether there are new ones.
    pub(crate) fn cover(&mut self, config: &Path, roots: &Roots) -> bool {
        let mut places = Places::default();
        places.add(config);
        roots.files.iter().for_each(|file| places.add(file));
        for directory in &roots.policies {
            places.add(directory);
            places.add_tree(directory, 0);
        }
        self.names.store(Arc::new(places.names));
        for directory in &places.directories {
            // Existing watches are renewed, because a directory may have been replaced.
            if let Err(error) = self.watcher.watch(directory, RecursiveMode::NonRecursive)
                && !self.directories.contains(directory)
            {
                tracing::warn!(%error, "changes in `{}` are not noticed until the next reload",
                    directory.display());
            }
        }
        for gone in self.directories.difference(&places.directories) {
            // This fails for a directory that no longer exists.
            let _ = self.watcher.unwatch(gone);
        }
        let more = places.directories.difference(&self.directories).next().is_some();
        self.directories = places.directories;
        more
    }
}

/// Whether a watched file may have changed. Other files in the same directories, such as logs, are ignored.
fn matters(event: &Event, names: &HashSet<OsString>) -> bool {
    let is_known = |path: &PathBuf| {
        path.file_name().is_some_and(|name| names.contains(name) || dropins::is_ours(&name.to_string_lossy()))
    };
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => {
            event.need_rescan() || event.paths.iter().any(is_known)
        }
        EventKind::Access(_) => event.need_rescan(),
        _ => true,
    }
}

/// The directories to watch, each by its canonical path, and the relevant names in them.
#[derive(Default)]
struct Places {
    directories: BTreeSet<PathBuf>,
    names: HashSet<OsString>,
}

impl Places {
    /// Adds the directory of a file, and of every link on the way to it.
    fn add(&mut self, path: &Path) {
        let Ok(mut path) = std::path::absolute(path) else { return };
        for _ in 0..MOST_LINKS {
            self.names.extend(path.file_name().map(OsString::from));
            let Some((link, target)) = first_link(&path) else { break };
            self.names.extend(link.file_name().map(OsString::from));
            self.add_directory_of(&link);
            path = target;
        }
        self.add_directory_of(&path);
    }

    /// Finds the nearest existing directory, because a path may appear as a whole.
    fn add_directory_of(&mut self, path: &Path) {
        let found = path.ancestors().skip(1).find_map(|directory| directory.canonicalize().ok());
        self.directories.extend(found);
    }

    fn add_tree(&mut self, directory: &Path, depth: usize) {
        self.directories.extend(directory.canonicalize().ok());
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with('.')) {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                self.add(&path);
            }
            if depth < DEEPEST && path.is_dir() {
                self.add_tree(&path, depth + 1);
            }
        }
    }
}

/// Finds the first component that is a link, and returns the path with the link resolved.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut link = PathBuf::new();
    let mut components = path.components();
    while let Some(component) = components.next() {
        link.push(component);
        if matches!(component, Component::Normal(_))
            && let Ok(target) = std::fs::read_link(&link)
        {
            let target = link.parent()?.join(target).join(components.as_path());
            return Some((link, target));
        }
    }
    None
}
