//! What a subcommand works with: the configuration and its policies, also those that a server has.

use std::path::Path;
use std::time::Duration;

use miette::{MietteDiagnostic, Severity};

use super::args::ConfigArgs;
use super::output::{complain, failed};
use crate::config::Config;
use crate::engine::Snapshot;
use crate::gateway::{Mirror, remote};
use crate::sources::{Loaded, Sources};

/// A mirror whose policies were fetched, and how often to ask for others.
pub(super) struct Brought {
    pub(super) mirror: Mirror,
    pub(super) every: Duration,
}

/// Fetches the policies, where they are a server's.
pub(super) async fn bring(args: &ConfigArgs) -> miette::Result<Option<Brought>> {
    // A configuration that is refused is refused when it is loaded, with everything that is to be said.
    let settings = Config::load(&args.config, &environment).map(|config| config.gateway);
    let Ok(settings) = settings else { return Ok(None) };
    let policies = args.policies.as_ref().or(settings.policies.as_ref());
    let Some(url) = policies.and_then(|policies| remote(policies)) else { return Ok(None) };
    let mut mirror = Mirror::new(url, settings.policies_key).map_err(failed)?;
    mirror.refresh().await.map_err(failed)?;
    Ok(Some(Brought { mirror, every: settings.policies_poll }))
}

/// The files of a command: the configuration, and the policies where they are now.
pub(super) fn sources(args: &ConfigArgs, brought: Option<&Brought>) -> Sources {
    match brought {
        Some(brought) => Sources::new(&args.config, Some(&brought.mirror.policies())),
        None => Sources::new(&args.config, args.policies.as_deref()),
    }
}

impl ConfigArgs {
    /// Reads everything under the environment of the process, and prints the warnings.
    pub(super) fn load(&self) -> miette::Result<Loaded> {
        let brought = runtime()?.block_on(bring(self))?;
        let loaded = sources(self, brought.as_ref()).load(&environment)?;
        warn(&loaded.snapshot, loaded.policies.as_deref().filter(|_| loaded.policy_count == 0));
        Ok(loaded)
    }

    pub(super) fn snapshot(&self) -> miette::Result<Snapshot> {
        Ok(self.load()?.snapshot)
    }
}

/// Prints what is allowed but probably not meant.
pub(super) fn warn(snapshot: &Snapshot, empty_directory: Option<&Path>) {
    for warning in &snapshot.config().warnings {
        complain(&miette::Report::new(warning.clone()));
    }
    for named in snapshot.misnamed_callers() {
        complain(&miette::Report::new(MietteDiagnostic::new(named).with_severity(Severity::Warning)));
    }
    if let Some(directory) = empty_directory {
        eprintln!(
            "  ⚠ there is no policy in `{}`: it adds nothing and forbids nothing\n",
            directory.display()
        );
    }
}

/// A variable of the process's environment.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// What asynchronous work of a subcommand runs on.
pub(super) fn runtime() -> miette::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)
}
