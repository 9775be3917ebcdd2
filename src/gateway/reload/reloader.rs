//! Rules that change while they are in force: built aside, swapped once, or refused as a whole.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use miette::{Diagnostic, NarratableReportHandler};

use crate::config::Config;
use crate::engine::Snapshot;
use crate::gateway::loading::generation::InForce;
use crate::gateway::loading::loader::{CandidateError, LoadedFiles};
use crate::gateway::loading::origin::{Origin, Roots};
use crate::gateway::pipeline::Gateway;
use crate::sources::Sources;

/// How often files that change under the reader are read again, before the attempt is given up.
const READINGS: usize = 10;

/// Looks up environment variables.
pub type Variables = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;
/// The operator's own check of a candidate: what it refuses, with a reason, is never in force.
pub type Trial = Box<dyn Fn(&Snapshot) -> Result<(), String> + Send + Sync>;

/// Puts in force what the files say, at the start and whenever they change.
pub struct Reloader {
    sources: Sources,
    env: Variables,
    trial: Option<Trial>,
    gateway: Arc<Gateway>,
    /// One attempt at a time.
    turn: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    status: Status,
    roots: Roots,
}

/// How reloading has fared.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// How many new generations were put in force since the start.
    pub reloads: u64,
    /// How many attempts were refused since the start.
    pub failures: u64,
    /// Why the last attempt was refused; `None` if it was not.
    pub last_error: Option<Failure>,
}

/// A refused attempt.
#[derive(Clone, Debug)]
pub struct Failure {
    /// When.
    pub at: SystemTime,
    /// The whole diagnostic.
    pub message: String,
}

/// What came of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A new generation is in force.
    Loaded,
    /// The files say what is in force already.
    Unchanged,
    /// They are refused, and what was in force stays so: [`Status::last_error`] says why.
    Refused,
}

impl Reloader {
    /// Loads what the sources say, and makes a gateway of it. Nothing is fetched and no file is watched yet.
    ///
    /// # Errors
    ///
    /// [`CandidateError`] with the file and the place; the system's certificates may be unreadable too.
    pub fn start(
        sources: Sources,
        env: Variables,
        trial: Option<Trial>,
    ) -> Result<Arc<Self>, CandidateError> {
        let mut roots = Roots::default();
        let candidate = settled(&sources, &*env, &mut roots)?;
        let first = tried(candidate.build(None)?, trial.as_ref())?;
        let gateway = Arc::new(Gateway::new(first)?);
        let state = Mutex::new(State { roots, status: Status::default() });
        Ok(Arc::new(Self { sources, env, trial, gateway, turn: Mutex::default(), state }))
    }

    /// The gateway that is kept up to date.
    #[must_use]
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// How reloading has fared.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state().status.clone()
    }

    /// Reads the files and puts them in force, if they say anything new and are good. Needs a runtime; the work is done
    /// aside, and it is done even if the caller goes away.
    pub async fn reload(self: &Arc<Self>) -> Outcome {
        let reloader = Arc::clone(self);
        tokio::task::spawn_blocking(move || reloader.attempt()).await.unwrap_or_else(|panicked| {
            self.refused(format!("loading broke off: {panicked}"));
            Outcome::Refused
        })
    }

    /// The same on this thread.
    pub(in crate::gateway) fn attempt(&self) -> Outcome {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.gateway.in_force();
        match self.next(&before) {
            Ok(Some(next)) => {
                self.put_in_force(&before, next);
                retire(before);
                Outcome::Loaded
            }
            Ok(None) => {
                self.state().status.last_error = None;
                Outcome::Unchanged
            }
            Err(error) => {
                self.refused(diagnostic(&error));
                Outcome::Refused
            }
        }
    }

    /// `None` when the files say what is in force.
    fn next(&self, before: &InForce) -> Result<Option<InForce>, CandidateError> {
        // What was put in force by request is noticed as a change of its files too.
        if let Some(origin) = before.origin().filter(|origin| origin.is_up_to_date()) {
            self.state().roots = origin.roots.clone();
            return Ok(None);
        }
        let mut roots = self.roots();
        let candidate = settled(&self.sources, &*self.env, &mut roots);
        self.state().roots = roots;
        let candidate = candidate?;
        if before.origin().is_some_and(|origin| origin.hash == candidate.hash()) {
            return Ok(None);
        }
        tried(candidate.build(Some(before))?, self.trial.as_ref()).map(Some)
    }

    fn put_in_force(&self, before: &InForce, next: InForce) {
        let (old, new) = (before.snapshot().config(), next.snapshot().config());
        for warning in &new.warnings {
            tracing::warn!("{}", diagnostic(warning));
        }
        for named in next.snapshot().misnamed_callers() {
            tracing::warn!("{named}");
        }
        if let Some(directory) = next.origin().and_then(Origin::without_policies) {
            tracing::warn!("there is no policy in `{}`", directory.display());
        }
        for key in needs_restart(old, new) {
            tracing::warn!("`modelgate.{key}` has changed, which takes a restart");
        }
        let generation = next.snapshot().generation();
        self.gateway.put_in_force(next);
        self.gateway.observers().metrics().reloaded(true);
        tracing::info!(generation, "new rules are in force");
        let mut state = self.state();
        state.status.reloads += 1;
        state.status.last_error = None;
        drop(state);
        let gateway = Arc::clone(&self.gateway);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { gateway.in_force().warm_up().await });
        }
    }

    pub(in crate::gateway) fn refused(&self, message: String) {
        self.gateway.observers().metrics().reloaded(false);
        let mut state = self.state();
        state.status.failures += 1;
        // A file that is wrong is read again whenever another one changes; it is no news then.
        if state.status.last_error.as_ref().is_none_or(|last| last.message != message) {
            tracing::error!("the old rules stay in force: {message}");
            state.status.last_error = Some(Failure { at: SystemTime::now(), message });
        }
    }

    pub(in crate::gateway) fn roots(&self) -> Roots {
        self.state().roots.clone()
    }

    pub(super) fn config_file(&self) -> &Path {
        self.sources.config()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// To take apart what a large configuration was made into takes a while, and nobody need wait for it.
fn retire(before: Arc<InForce>) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn_blocking(move || drop(before));
    }
}

fn settled(
    sources: &Sources,
    env: &dyn Fn(&str) -> Option<String>,
    roots: &mut Roots,
) -> Result<LoadedFiles, CandidateError> {
    let mut refused = None;
    for _ in 0..READINGS {
        match LoadedFiles::read(sources, env, roots) {
            Ok(candidate) if candidate.is_settled() => return Ok(candidate),
            Ok(_) => refused = None,
            // What is being replaced may look wrong, but not twice in the same way.
            Err(error) => {
                let said = error.to_string();
                if refused.replace(said.clone()) == Some(said) {
                    return Err(error);
                }
            }
        }
    }
    Err(CandidateError::Unsettled)
}

fn tried(candidate: InForce, trial: Option<&Trial>) -> Result<InForce, CandidateError> {
    trial.map_or(Ok(()), |trial| trial(candidate.snapshot())).map_err(CandidateError::Trial)?;
    Ok(candidate)
}

/// Keys of `modelgate` that are read at the start alone.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let changed = [
        ("listen", old.gateway.listen != new.gateway.listen),
        ("admin", old.gateway.admin != new.gateway.admin),
        ("decision_log", old.gateway.decision_log != new.gateway.decision_log),
        ("tls", old.gateway.tls.is_some() != new.gateway.tls.is_some()),
        (
            "limits.upstream_connect_timeout",
            old.gateway.limits.upstream_connect_timeout != new.gateway.limits.upstream_connect_timeout,
        ),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}

/// Everything that a diagnostic says, in plain text.
fn diagnostic(error: &dyn Diagnostic) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail; if it did, the message alone would be left.
    match NarratableReportHandler::new().render_report(&mut text, error) {
        Ok(()) => text,
        Err(_) => error.to_string(),
    }
}
