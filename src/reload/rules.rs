//! The rules of a configuration, kept up to date by a thread.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

use arc_swap::ArcSwap;
use miette::Diagnostic;

#[cfg(feature = "prove")]
use super::proofs::{self, UnprovenError};
use super::stable::read_stable;
use super::status::{Outcome, Status, diagnostic, warn};
use super::watched::{LONGEST_BURST, QUIET, Roots, Watched};
use crate::engine::Snapshot;
use crate::offline::{Answer, Question};
use crate::sources::{Inputs, LoadError, Loaded, SourceFile, Sources};
use crate::tools::cases::{self, CaseError};

/// Looks up environment variables.
pub type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Rules that decide requests by claims, without a network. A clone is cheap and shares them.
///
/// No token is verified, and no limit of `modelgate.limits` applies. For both, use `gateway::Authorizer`. Shadow rules are
/// read, but nobody compares them.
#[derive(Clone)]
pub struct Rules {
    shared: Arc<Shared>,
}

struct Shared {
    sources: Sources,
    env: Variables,
    active: ArcSwap<Active>,
    /// Ensures one attempt at a time.
    turn: Mutex<()>,
    state: Mutex<State>,
}

struct Active {
    snapshot: Arc<Snapshot>,
    files: Vec<SourceFile>,
}

#[derive(Default)]
struct State {
    status: Status,
    roots: Roots,
    /// Wakes the watching thread, if there is one.
    waker: Option<SyncSender<()>>,
}

/// The reason why rules were not loaded, or are not watched.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum RulesError {
    /// The configuration or the policies are invalid.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Load(#[from] LoadError),
    /// The cases of `modelgate.tests` do not pass.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Cases(#[from] CaseError),
    /// What `modelgate.invariants` or `modelgate.reload` demands is not proven.
    #[cfg(feature = "prove")]
    #[error(transparent)]
    #[diagnostic(transparent)]
    Unproven(#[from] UnprovenError),
    /// The files kept changing while they were read.
    #[error("the files keep changing while they are read")]
    Unsettled,
    /// The system cannot watch files.
    #[error("the files cannot be watched: {0}")]
    Watch(#[source] std::io::Error),
}

impl Rules {
    /// Loads rules, for example of `"config.yaml"`, or of [`Sources`] that name a directory of policies. Call
    /// [`reload`](Self::reload) to read them again.
    ///
    /// # Errors
    ///
    /// [`RulesError`] with the file and the place.
    pub fn load(sources: impl Into<Sources>) -> Result<Self, RulesError> {
        Self::load_with(sources, Box::new(|name| std::env::var(name).ok()))
    }

    /// The same with other environment variables than those of this process.
    ///
    /// # Errors
    ///
    /// [`RulesError`] with the file and the place.
    pub fn load_with(sources: impl Into<Sources>, env: Variables) -> Result<Self, RulesError> {
        let (sources, mut state) = (sources.into(), State::default());
        let inputs = read(&sources, &*env, &mut state.roots)?;
        let active = ArcSwap::from_pointee(build(inputs, None)?);
        let (turn, state) = (Mutex::default(), Mutex::new(state));
        let shared = Shared { sources, env, active, turn, state };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Loads rules, and reloads them when a file changes. If a change is invalid, the old rules stay active.
    ///
    /// # Errors
    ///
    /// [`RulesError`] with the file and the place, or if the system cannot watch files.
    pub fn watch(sources: impl Into<Sources>) -> Result<Self, RulesError> {
        let rules = Self::load(sources)?;
        rules.keep_watching()?;
        Ok(rules)
    }

    /// Reloads these rules when a file changes, until the last clone is dropped.
    ///
    /// # Errors
    ///
    /// The system cannot watch files.
    pub fn keep_watching(&self) -> Result<(), RulesError> {
        self.spawn().map(drop)
    }

    /// Decides a request by the newest valid rules.
    #[must_use]
    pub fn decide(&self, question: &Question) -> Answer {
        question.answer(&self.shared.active.load().snapshot)
    }

    /// The active rules. Several questions to one snapshot are decided by the same rules.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.active.load().snapshot)
    }

    /// The state of reloading.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.state().status.clone()
    }

    /// Reads the files, and activates them if they are new and valid.
    pub fn reload(&self) -> Outcome {
        self.shared.reload()
    }

    /// Starts the watching thread, unless there is one.
    fn spawn(&self) -> Result<Option<JoinHandle<()>>, RulesError> {
        let mut state = self.shared.state();
        if state.waker.is_some() {
            return Ok(None);
        }
        // One signal is enough: whatever happened before it is read after it.
        let (waker, changes) = sync_channel(1);
        let noticed = waker.clone();
        let noticed = move || {
            let _ = noticed.try_send(());
        };
        let watched =
            Watched::start(noticed).map_err(|error| RulesError::Watch(std::io::Error::other(error)))?;
        let shared = Arc::downgrade(&self.shared);
        let thread = Builder::new().name("modelgate-rules".to_owned());
        let thread = thread.spawn(move || follow(&shared, watched, &changes)).map_err(RulesError::Watch)?;
        state.waker = Some(waker);
        Ok(Some(thread))
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("sources", &self.shared.sources).finish_non_exhaustive()
    }
}

/// Reloads at each change, until the last handle is dropped.
fn follow(shared: &Weak<Shared>, mut watched: Watched, changes: &Receiver<()>) {
    while let Some(rules) = shared.upgrade() {
        let roots = rules.state().roots.clone();
        let more = watched.cover(rules.sources.config(), &roots);
        drop(rules);
        // A change before the watch began is found by checking again.
        if !more {
            if changes.recv().is_err() {
                return;
            }
            let began = Instant::now();
            while began.elapsed() < LONGEST_BURST && changes.recv_timeout(QUIET).is_ok() {}
        }
        let Some(rules) = shared.upgrade() else { return };
        if catch_unwind(AssertUnwindSafe(|| rules.reload())).is_err() {
            rules.state().status.refused("loading panicked".to_owned());
        }
    }
}

impl Shared {
    fn reload(&self) -> Outcome {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        match self.next() {
            Ok(Some(next)) => {
                // Who sees the new rules sees a status that knows of them.
                let mut state = self.state();
                self.active.store(Arc::new(next));
                state.status.loaded();
                Outcome::Loaded
            }
            Ok(None) => {
                self.state().status.unchanged();
                Outcome::Unchanged
            }
            Err(error) => {
                self.state().status.refused(diagnostic(&error));
                Outcome::Refused
            }
        }
    }

    /// Returns `None` if the files match the active rules.
    fn next(&self) -> Result<Option<Active>, RulesError> {
        let mut roots = self.state().roots.clone();
        let inputs = read(&self.sources, &*self.env, &mut roots);
        self.state().roots = roots;
        let inputs = inputs?;
        let active = self.active.load();
        if inputs.files == active.files {
            return Ok(None);
        }
        build(inputs, Some(&active.snapshot)).map(Some)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // The thread finds that nobody is left. If a signal is already there, it finds that too.
        if let Some(waker) = &self.state().waker {
            let _ = waker.try_send(());
        }
    }
}

/// Reads everything. `roots` gets the paths in the configuration, even if the configuration is then refused.
fn read(
    sources: &Sources,
    env: &dyn Fn(&str) -> Option<String>,
    roots: &mut Roots,
) -> Result<Inputs, RulesError> {
    let read = || {
        let inputs =
            sources.read(env, &mut |config, policies| *roots = Roots::of(sources, config, policies))?;
        roots.add_shadow(&inputs);
        Ok::<_, LoadError>(inputs)
    };
    read_stable(read, Inputs::is_stable)?.ok_or(RulesError::Unsettled)
}

/// Validates everything, runs the cases of `modelgate.tests`, and proves what the configuration demands.
#[cfg_attr(
    not(feature = "prove"),
    expect(unused_variables, reason = "only proofs compare with the active rules")
)]
fn build(inputs: Inputs, active: Option<&Snapshot>) -> Result<Active, RulesError> {
    let loaded = inputs.build()?;
    cases::check(&loaded.snapshot)?;
    #[cfg(feature = "prove")]
    proofs::check(active, &loaded)?;
    let Loaded { snapshot, files, policies, policy_count, .. } = loaded;
    warn(&snapshot, policies.as_deref().filter(|_| policy_count == 0));
    Ok(Active { snapshot: Arc::new(snapshot), files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thread_ends_with_the_last_handle() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config.yaml");
        std::fs::write(&path, "general_settings: {master_key: sk-1}\nmodel_list: []\n").unwrap();
        let rules = Rules::load(path).unwrap();
        let thread = rules.spawn().unwrap().unwrap();
        assert!(rules.clone().spawn().unwrap().is_none(), "one thread is enough");
        drop(rules);
        thread.join().unwrap();
    }

    #[test]
    fn a_handle_can_be_shared_by_threads() {
        fn is_shared<T: Clone + Send + Sync + 'static>() {}
        is_shared::<Rules>();
    }
}
