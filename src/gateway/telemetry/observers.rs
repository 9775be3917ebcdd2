//! Metrics, the decision log and traces, combined.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::metrics::Metrics;
use super::process;
use super::recent::RecentDecisions;
use super::traces::{Traces, TracesError};
use crate::config::GatewaySettings;
use crate::decision_log::{DecisionLog, DecisionLogError};

/// The maximum time to flush at the end of the process.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything that observes requests.
#[derive(Debug)]
pub struct Observers {
    pub(super) metrics: Metrics,
    log: OnceLock<DecisionLog>,
    pub(super) traces: OnceLock<Traces>,
    recent: OnceLock<Arc<RecentDecisions>>,
}

/// The reason why decisions or traces cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserversError {
    /// The decision log cannot be written.
    #[error(transparent)]
    Log(#[from] DecisionLogError),
    /// Traces cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
}

impl Observers {
    pub(in crate::gateway) fn new() -> std::io::Result<Self> {
        process::started();
        let metrics = Metrics::new().map_err(std::io::Error::other)?;
        Ok(Self { metrics, log: OnceLock::new(), traces: OnceLock::new(), recent: OnceLock::new() })
    }

    /// Starts what the configuration and the environment enable: the decision log, and traces. Must be called in a runtime.
    ///
    /// # Errors
    ///
    /// [`ObserversError`] if the file cannot be opened, or the variables are invalid.
    pub fn start(&self, settings: &GatewaySettings) -> Result<(), ObserversError> {
        if let Some(settings) = &settings.decision_log {
            self.log_to(DecisionLog::start(settings)?);
        }
        if let Some(traces) = Traces::from_environment()? {
            self.trace_to(traces);
            tracing::info!("traces are sent by OTLP");
        }
        Ok(())
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The decision log, if there is one.
    #[must_use]
    pub fn log(&self) -> Option<&DecisionLog> {
        self.log.get()
    }

    /// Starts to log decisions. If there already is a log, it stays.
    pub fn log_to(&self, log: DecisionLog) {
        // A second log is dropped.
        let _ = self.log.set(log);
    }

    /// Starts to trace requests. If there already are traces, they stay.
    pub fn trace_to(&self, traces: Traces) {
        let _ = self.traces.set(traces);
    }

    /// The newest decisions, if they are kept.
    pub(super) fn recent(&self) -> Option<&RecentDecisions> {
        self.recent.get().map(AsRef::as_ref)
    }

    /// Starts to keep the newest decisions, masked as the decision log masks.
    #[cfg(feature = "cli")]
    pub(crate) fn keep_recent(&self, settings: &GatewaySettings) -> Arc<RecentDecisions> {
        let mask = settings.decision_log.as_ref().map(|log| log.mask.as_slice()).unwrap_or_default();
        Arc::clone(self.recent.get_or_init(|| Arc::new(RecentDecisions::new(mask))))
    }

    /// Flushes queued lines and spans, for up to 5 seconds each.
    pub(in crate::gateway) async fn flush(&self) {
        if let Some(log) = self.log()
            && !log.flush(PATIENCE).await
        {
            tracing::warn!("some decisions were not logged before the time ran out");
        }
        if let Some(traces) = self.traces.get() {
            traces.flush(PATIENCE).await;
        }
    }
}
