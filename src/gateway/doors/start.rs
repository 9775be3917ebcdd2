//! Starts an authorizer on files: loads them, watches them, and fetches keys.

use std::sync::Arc;

use miette::Diagnostic;
use tokio::task::JoinSet;

use super::authorizer::{Authorizer, Background};
use crate::gateway::loading::error::ActivationError;
use crate::gateway::loading::origin::Origin;
use crate::gateway::reload::bundle::{BundleError, Mirror};
use crate::gateway::reload::reloader::Reloader;
use crate::gateway::telemetry::ObserversError;
use crate::reload::{Variables, warn};
use crate::sources::Sources;
use crate::tools::cases;

/// The reason why an authorizer does not start.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum StartError {
    /// The files are invalid.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Activation(#[from] ActivationError),
    /// The policies on a server are not there, or invalid.
    #[error(transparent)]
    Policies(#[from] BundleError),
    /// Loading panicked.
    #[error("loading panicked: {0}")]
    Panicked(#[source] tokio::task::JoinError),
    /// Decisions or traces cannot be recorded.
    #[error(transparent)]
    Observers(#[from] ObserversError),
}

impl Authorizer {
    /// Starts on files: for example on `"config.yaml"`, or on [`Sources`] that name a directory of policies. They are reloaded
    /// when they change, and if a change is invalid, the old rules stay active. The decision log, traces, policies on a server
    /// and the cases of `modelgate.tests` are as in `modelgate serve`. Must be called in a runtime.
    ///
    /// # Errors
    ///
    /// [`StartError`] with the file and the place.
    pub async fn start(sources: impl Into<Sources>) -> Result<Self, StartError> {
        Self::start_with(sources, Box::new(|name| std::env::var(name).ok())).await
    }

    /// The same with other environment variables than those of this process.
    ///
    /// # Errors
    ///
    /// [`StartError`] with the file and the place.
    pub async fn start_with(sources: impl Into<Sources>, env: Variables) -> Result<Self, StartError> {
        let mut sources = sources.into();
        let mirror = Mirror::fetched(&sources, &env).await?;
        if let Some((mirror, _)) = &mirror {
            sources = Sources::new(sources.config(), Some(&mirror.policies()))
                .with_shadow(sources.shadow().cloned());
        }
        let check = Box::new(|snapshot: &_| cases::check(snapshot).map_err(|error| error.to_string()));
        // The proofs that the configuration demands may take a while, and the runtime has other work.
        let start = move || Reloader::start(sources, env, Some(check));
        let reloader = tokio::task::spawn_blocking(start).await.map_err(StartError::Panicked)??;
        let gateway = Arc::clone(reloader.gateway());
        let generation = gateway.active();
        gateway.observers().start(&generation.snapshot().config().gateway)?;
        warn(generation.snapshot(), generation.origin().and_then(Origin::without_policies));
        let mut tasks = JoinSet::new();
        // The start does not wait for providers, and a provider that is down delays its own tokens alone.
        tasks.spawn(async move { generation.warm_up().await });
        let watching = Arc::clone(&reloader);
        tasks.spawn(async move {
            if let Err(error) = watching.watch().await {
                tracing::warn!("files are not watched: {error}");
            }
        });
        if let Some((mirror, every)) = mirror {
            tasks.spawn(Arc::clone(&reloader).follow(mirror, every));
        }
        Ok(Self::new(gateway).with_background(Background { reloader, _tasks: tasks }))
    }
}
