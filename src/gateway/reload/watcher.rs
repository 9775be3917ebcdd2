//! Watches the source files of the rules.

use std::collections::{BTreeSet, HashSet};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;

use super::reloader::Reloader;
use crate::dropins;
use crate::gateway::loading::origin::Roots;

/// The quiet time after a write before a reload. Another process may write several files, or one in several steps.
const QUIET: Duration = Duration::from_millis(25);
/// The maximum time to wait for the end of such writes.
const LONGEST_BURST: Duration = Duration::from_millis(100);
/// The depth limit of policies, and more links than a path may have.
const DEEPEST: usize = 16;
const MOST_LINKS: usize = 40;

impl Reloader {
    /// Reloads when a file changes. Runs until it is dropped.
    ///
    /// Directories are watched instead of files, because editors and Kubernetes replace files and links.
    ///
    /// # Errors
    ///
    /// The system cannot watch files.
    pub async fn watch(self: Arc<Self>) -> notify::Result<()> {
        let (changed, names) = (Arc::new(Notify::new()), Arc::new(ArcSwap::from_pointee(HashSet::new())));
        let mut watched = Watched::start(Arc::clone(&changed), names)?;
        loop {
            let roots = self.roots();
            let config = self.config_file().to_owned();
            let covered = tokio::task::spawn_blocking(move || {
                let more = watched.cover(&config, &roots);
                (watched, more)
            });
            let Ok((covered, more)) = covered.await else { return Ok(()) };
            watched = covered;
            // A change before the watch began is found by checking again.
            if !more {
                changed.notified().await;
                settle(&changed).await;
            }
            self.reload().await;
        }
    }
}

/// Waits until a burst of changes has ended.
async fn settle(changed: &Notify) {
    let began = Instant::now();
    while began.elapsed() < LONGEST_BURST && tokio::time::timeout(QUIET, changed.notified()).await.is_ok() {}
}

struct Watched {
    watcher: RecommendedWatcher,
    directories: BTreeSet<PathBuf>,
    /// The files to watch, and the links to them.
    names: Arc<ArcSwap<HashSet<OsString>>>,
}

impl Watched {
    fn start(changed: Arc<Notify>, names: Arc<ArcSwap<HashSet<OsString>>>) -> notify::Result<Self> {
        let known = Arc::clone(&names);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // An error means that events were lost, so any file may have changed.
            if event.is_ok_and(|event| !matters(&event, &known.load())) {
                return;
            }
            changed.notify_one();
        })?;
        Ok(Self { watcher, directories: BTreeSet::new(), names })
    }

    /// Watches all directories that need it. Returns whether there are new ones.
    fn cover(&mut self, config: &Path, roots: &Roots) -> bool {
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
