//! Loads the configuration and policies of a subcommand, including policy bundles from a server.

use std::path::Path;
use std::time::Duration;

use miette::{MietteDiagnostic, Severity};

use super::args::ConfigArgs;
use super::output::{complain, failed};
use crate::engine::Snapshot;
use crate::gateway::Mirror;
use crate::reload::Variables;
use crate::sources::{Loaded, Sources};

/// A mirror with fetched policies, and its polling interval.
pub(super) struct Brought {
    pub(super) mirror: Mirror,
    pub(super) every: Duration,
}

/// Fetches the policies if they come from a server.
pub(super) async fn bring(args: &ConfigArgs) -> miette::Result<Option<Brought>> {
    let variables: Variables = Box::new(environment);
    let fetched = Mirror::fetched(&sources(args, None), &variables).await.map_err(failed)?;
    Ok(fetched.map(|(mirror, every)| Brought { mirror, every }))
}

/// The files of a command: the configuration, and the local copy of its policies.
pub(super) fn sources(args: &ConfigArgs, brought: Option<&Brought>) -> Sources {
    match brought {
        Some(brought) => Sources::new(&args.config, Some(&brought.mirror.policies())),
        None => Sources::new(&args.config, args.policies.as_deref()),
    }
}

impl ConfigArgs {
    /// Reads everything with the environment of the process, and prints the warnings.
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

/// Prints warnings about settings that are valid but probably not intended.
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

/// Reads a variable of the process environment. If it is not set, reads the file of that name in `$CREDENTIALS_DIRECTORY`,
/// where systemd puts what a service gets by `LoadCredential=`. Line ends at the end of the file do not count.
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().or_else(|| {
        let directory = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|path| !path.is_empty())?;
        // A name with a separator could leave the directory.
        let is_file_name = Path::new(name).file_name().is_some_and(|last| last == name);
        let path = is_file_name.then(|| Path::new(&directory).join(name))?;
        let text = std::fs::read_to_string(path).ok()?;
        Some(text.trim_end_matches(['\r', '\n']).to_owned())
    })
}

/// The runtime for the asynchronous work of a subcommand.
pub(super) fn runtime() -> miette::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)
}
