//! What runs in the background of one process: reloads, and the connections to identity providers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use modelgate::casefile;
use modelgate::gateway::{ActivationCheck, Authorizer, Mirror, Origin, Reloader, Variables};
use modelgate::sources::Sources;
use pyo3::create_exception;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use tokio::runtime::{Builder, Runtime};

create_exception!(
    modelgate_policy,
    ConfigError,
    PyException,
    "The files are invalid, or something in them cannot be used. The text names the file, the line and the fix."
);

/// The files to decide by.
pub(crate) struct Files {
    pub(crate) config: PathBuf,
    pub(crate) policies: Option<PathBuf>,
    /// Whether to reload when one of them changes.
    pub(crate) watch: bool,
}

/// Valid rules, without any thread. A process may fork now.
pub(crate) struct Prepared {
    reloader: Arc<Reloader>,
    mirror: Option<(Mirror, Duration)>,
}

/// Rules in use.
pub(crate) struct Running {
    /// The process that started the threads. They do not exist in a process that is forked from it.
    pid: u32,
    runtime: Option<Runtime>,
    pub(crate) reloader: Arc<Reloader>,
    pub(crate) authorizer: Authorizer,
}

impl Files {
    /// Reads and validates the files, as `modelgate serve` does.
    pub(crate) fn prepare(&self) -> PyResult<Prepared> {
        let sources = Sources::new(&self.config, self.policies.as_deref());
        let fetching = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let mirror = fetching.block_on(Mirror::fetched(&sources, &variables())).map_err(failed)?;
        let fetched = mirror.as_ref().map(|(mirror, _)| mirror.policies());
        let sources = Sources::new(&self.config, fetched.as_deref().or(self.policies.as_deref()));
        let check: ActivationCheck =
            Box::new(|snapshot| casefile::check(snapshot).map_err(|error| error.to_string()));
        let reloader = Reloader::start(sources, variables(), Some(check));
        Ok(Prepared { reloader: reloader.map_err(|error| invalid(&error))?, mirror })
    }
}

impl Prepared {
    /// Starts the threads of this process.
    pub(crate) fn start(self, watch: bool) -> PyResult<Running> {
        let Self { reloader, mirror } = self;
        let mut threads = Builder::new_multi_thread();
        let runtime =
            threads.worker_threads(1).thread_name("modelgate").enable_all().build().map_err(failed)?;
        let entered = runtime.enter();
        let gateway = reloader.gateway();
        let generation = gateway.active();
        let snapshot = generation.snapshot();
        gateway.observers().start(&snapshot.config().gateway).map_err(failed)?;
        for warning in &snapshot.config().warnings {
            tracing::warn!(target: "modelgate", "{}", report(warning));
        }
        for named in snapshot.misnamed_callers() {
            tracing::warn!(target: "modelgate", "{named}");
        }
        if let Some(directory) = generation.origin().and_then(Origin::without_policies) {
            tracing::warn!(target: "modelgate", "there is no policy in `{}`", directory.display());
        }
        let authorizer = Authorizer::new(Arc::clone(gateway));
        runtime.spawn(async move { generation.warm_up().await });
        if let Some((mirror, every)) = mirror {
            runtime.spawn(Arc::clone(&reloader).follow(mirror, every));
        }
        if watch {
            let watching = Arc::clone(&reloader).watch();
            runtime.spawn(async move {
                if let Err(error) = watching.await {
                    tracing::warn!(target: "modelgate", "files are not watched: {error}; `reload()` reloads them");
                }
            });
        }
        drop(entered);
        Ok(Running { pid: std::process::id(), runtime: Some(runtime), reloader, authorizer })
    }
}

impl Running {
    /// Whether the threads exist in this process.
    pub(crate) fn is_here(&self) -> bool {
        self.pid == std::process::id()
    }

    /// The runtime; `None` while the rules are dropped.
    pub(crate) fn runtime(&self) -> Option<&Runtime> {
        self.runtime.as_ref()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        match self.runtime.take() {
            // Nothing waits for a fetch that is under way.
            Some(runtime) if self.is_here() => runtime.shutdown_background(),
            // The threads of the parent cannot be ended from here.
            Some(runtime) => std::mem::forget(runtime),
            None => {}
        }
    }
}

/// The environment variables of this process.
fn variables() -> Variables {
    Box::new(|name| std::env::var(name).ok())
}

/// The whole diagnostic, as `modelgate check` prints it.
fn report(error: &dyn Diagnostic) -> String {
    let mut text = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_links(false);
    match handler.render_report(&mut text, error) {
        Ok(()) => text,
        Err(_) => error.to_string(),
    }
}

fn invalid(error: &dyn Diagnostic) -> PyErr {
    ConfigError::new_err(report(error).trim().to_owned())
}

fn failed(error: impl std::fmt::Display) -> PyErr {
    ConfigError::new_err(error.to_string())
}

/// The path or the URL that an argument names.
pub(crate) fn absolute(path: &Path) -> PyResult<PathBuf> {
    let is_url =
        path.to_str().is_some_and(|path| path.starts_with("https://") || path.starts_with("http://"));
    // The directory of the process may change before a reload.
    if is_url { Ok(path.to_owned()) } else { Ok(std::path::absolute(path)?) }
}
