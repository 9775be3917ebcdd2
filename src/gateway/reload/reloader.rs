//! Reloads the active rules. New rules are built in the background, and are then activated or refused as a whole.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::history::{self, Attempt, History};
use crate::config::Config;
use crate::gateway::loading::error::ActivationError;
use crate::gateway::loading::generation::Generation;
use crate::gateway::loading::loader::{ActivationCheck, LoadedFiles};
use crate::gateway::loading::origin::Origin;
use crate::gateway::pipeline::Gateway;
use crate::reload::{Outcome, Roots, Status, Variables, diagnostic, read_stable, warn};
use crate::sources::Sources;
use tokio::sync::watch;

/// Activates the rules in the files, at the start and whenever they change.
pub struct Reloader {
    sources: Sources,
    env: Variables,
    check: Option<ActivationCheck>,
    gateway: Arc<Gateway>,
    /// Ensures one attempt at a time.
    turn: Mutex<()>,
    state: Mutex<State>,
    /// The number of the newest attempt that activated rules or was refused.
    attempted: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    status: Status,
    roots: Roots,
    history: History,
}

impl Reloader {
    /// Loads the sources and creates a gateway. It fetches no keys and watches no files yet. This reads files, and takes the time
    /// of the proofs that `modelgate.invariants` demands, so an asynchronous caller runs it on a thread for blocking work.
    ///
    /// # Errors
    ///
    /// [`ActivationError`] with the file and the place, or if the system's certificates cannot be read.
    pub fn start(
        sources: Sources,
        env: Variables,
        check: Option<ActivationCheck>,
    ) -> Result<Arc<Self>, ActivationError> {
        let mut roots = Roots::default();
        let candidate = read(&sources, &*env, &mut roots)?;
        let first = candidate.build(None, check.as_ref())?;
        let gateway = Arc::new(Gateway::new(first)?);
        let state = Mutex::new(State { roots, ..State::default() });
        let attempted = watch::Sender::new(0);
        Ok(Arc::new(Self { sources, env, check, gateway, turn: Mutex::default(), state, attempted }))
    }

    /// The gateway that is kept up to date.
    #[must_use]
    pub fn gateway(&self) -> &Arc<Gateway> {
        &self.gateway
    }

    /// The state of reloading.
    #[must_use]
    pub fn status(&self) -> Status {
        self.state().status.clone()
    }

    /// Reads the files, and activates them if they are new and valid. Needs a runtime. The work runs in the background,
    /// and continues even if the caller is dropped.
    pub async fn reload(self: &Arc<Self>) -> Outcome {
        let reloader = Arc::clone(self);
        tokio::task::spawn_blocking(move || reloader.attempt()).await.unwrap_or_else(|panicked| {
            self.refused(format!("loading panicked: {panicked}"));
            Outcome::Refused
        })
    }

    /// The same on this thread.
    pub(in crate::gateway) fn attempt(&self) -> Outcome {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.gateway.active();
        match self.next(&before) {
            Ok(Some(next)) => {
                self.activate(&before, next);
                retire(before);
                Outcome::Loaded
            }
            Ok(None) => {
                self.state().status.unchanged();
                Outcome::Unchanged
            }
            Err(error) => {
                self.refused(diagnostic(&error));
                Outcome::Refused
            }
        }
    }

    /// Returns `None` if the files match the active generation.
    fn next(&self, before: &Generation) -> Result<Option<Generation>, ActivationError> {
        // The file watcher also reports a change that was activated by request.
        if let Some(origin) = before.origin().filter(|origin| origin.is_up_to_date()) {
            self.state().roots = origin.roots.clone();
            return Ok(None);
        }
        let mut roots = self.roots();
        let candidate = read(&self.sources, &*self.env, &mut roots);
        self.state().roots = roots;
        let candidate = candidate?;
        if before.origin().is_some_and(|origin| origin.hash == candidate.hash()) {
            return Ok(None);
        }
        candidate.build(Some(before), self.check.as_ref()).map(Some)
    }

    fn activate(&self, before: &Generation, next: Generation) {
        let (old, new) = (before.snapshot().config(), next.snapshot().config());
        warn(next.snapshot(), next.origin().and_then(Origin::without_policies));
        for key in needs_restart(old, new) {
            tracing::warn!("`modelgate.{key}` has changed: restart modelgate to apply it");
        }
        let generation = next.snapshot().generation();
        let changes = history::changes(before, &next);
        self.gateway.activate(next);
        self.gateway.observers().metrics().reloaded(true);
        tracing::info!(generation, "new rules are active");
        self.state().status.loaded();
        self.remember(None, changes);
        let gateway = Arc::clone(&self.gateway);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { gateway.active().warm_up().await });
        }
    }

    pub(in crate::gateway) fn refused(&self, message: String) {
        self.gateway.observers().metrics().reloaded(false);
        let mut state = self.state();
        // An invalid file is read again whenever another file changes.
        let is_new = state.status.last_error.as_ref().is_none_or(|last| last.message != message);
        let error = is_new.then(|| message.clone());
        state.status.refused(message);
        drop(state);
        if error.is_some() {
            self.remember(error, Vec::new());
        }
    }

    fn remember(&self, error: Option<String>, changes: Vec<String>) {
        let active = self.gateway.active();
        let number = self.state().history.add(&active, error, changes);
        self.attempted.send_replace(number);
    }

    /// The newest attempts that activated rules or were refused, oldest first.
    #[cfg(feature = "cli")]
    pub(crate) fn attempts(&self) -> Vec<Attempt> {
        self.state().history.list()
    }

    /// The number of the newest attempt, which changes with each.
    #[cfg(feature = "cli")]
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.attempted.subscribe()
    }

    /// A variable of the environment that the rules are read with.
    #[cfg(feature = "cli")]
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.env)(name)
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

/// Dropping a large configuration takes time, so it happens in the background.
fn retire(before: Arc<Generation>) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn_blocking(move || drop(before));
    }
}

fn read(
    sources: &Sources,
    env: &dyn Fn(&str) -> Option<String>,
    roots: &mut Roots,
) -> Result<LoadedFiles, ActivationError> {
    read_stable(|| LoadedFiles::read(sources, env, roots), LoadedFiles::is_stable)?
        .ok_or(ActivationError::Unsettled)
}

/// The keys of `modelgate` that are only read at the start.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let asked = |config: &Config| {
        let door = config.gateway.forward_auth.as_ref()?;
        Some((door.listen, door.convention, door.tls.is_some()))
    };
    let envoy = |config: &Config| {
        let door = config.gateway.ext_authz.as_ref()?;
        Some((door.listen.clone(), door.tls.is_some()))
    };
    let authzen = |config: &Config| {
        let door = config.gateway.authzen.as_ref()?;
        Some((door.listen, door.tls.is_some()))
    };
    let changed = [
        ("listen", old.gateway.listen != new.gateway.listen),
        ("admin", old.gateway.admin != new.gateway.admin),
        ("forward_auth", asked(old) != asked(new)),
        ("ext_authz", envoy(old) != envoy(new)),
        ("authzen", authzen(old) != authzen(new)),
        ("decision_log", old.gateway.decision_log != new.gateway.decision_log),
        ("tls", old.gateway.tls.is_some() != new.gateway.tls.is_some()),
        (
            "limits.upstream_connect_timeout",
            old.gateway.limits.upstream_connect_timeout != new.gateway.limits.upstream_connect_timeout,
        ),
    ];
    changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_or_removed_listener_for_another_proxy_takes_a_restart() {
        let config = |block: &str| {
            let yaml = format!("general_settings: {{master_key: sk-1}}\nmodel_list: []\n{block}");
            Config::parse("config.yaml", &yaml, ".".as_ref(), &|_| None).unwrap()
        };
        let forward = config("modelgate: {forward_auth: {listen: '127.0.0.1:1'}}");
        let envoy = config("modelgate: {ext_authz: {listen: '127.0.0.1:1'}}");
        assert_eq!(needs_restart(&forward, &envoy), ["forward_auth", "ext_authz"]);
        let authzen = config("modelgate: {authzen: {listen: '127.0.0.1:1', bearer: a}}");
        assert_eq!(needs_restart(&authzen, &envoy), ["ext_authz", "authzen"]);
        let other = config("modelgate: {authzen: {listen: '127.0.0.1:1', bearer: b}}");
        assert!(needs_restart(&authzen, &other).is_empty());
        let kept = config("modelgate: {ext_authz: {listen: '127.0.0.1:1', remove_credential: false}}");
        assert!(needs_restart(&envoy, &kept).is_empty());
        let url = config("modelgate: {forward_auth: {listen: '127.0.0.1:1', without_body: url}}");
        assert!(needs_restart(&forward, &url).is_empty());
        let tls =
            config("modelgate: {ext_authz: {listen: '127.0.0.1:1', tls: {certificate: a.pem, key: a.key}}}");
        assert_eq!(needs_restart(&envoy, &tls), ["ext_authz"]);
    }
}
