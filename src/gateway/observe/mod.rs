//! Who is told of requests: metrics, the decision log, traces. None of them can delay or change a request.

mod ended;
mod metrics;
mod observation;
mod policies;
mod scrape;

use std::sync::OnceLock;
use std::time::Duration;

pub(super) use ended::Ended;
pub use metrics::{Metrics, Stage};
pub(super) use observation::Observation;
pub(super) use scrape::{Cache, KeySource};

use crate::decision_log::DecisionLog;

/// How long what waits at the end of the process is written.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everybody who is told of requests.
#[derive(Debug)]
pub struct Observers {
    metrics: Metrics,
    log: OnceLock<DecisionLog>,
}

impl Observers {
    pub(super) fn new() -> std::io::Result<Self> {
        scrape::started();
        let metrics = Metrics::new().map_err(std::io::Error::other)?;
        Ok(Self { metrics, log: OnceLock::new() })
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

    /// Logs decisions from now on. The first log stays.
    pub fn log_to(&self, log: DecisionLog) {
        // A second log is dropped, which the caller is told above.
        let _ = self.log.set(log);
    }

    /// Writes what waits to be written, for up to 5 seconds.
    pub(super) async fn flush(&self) {
        if let Some(log) = self.log()
            && !log.flush(PATIENCE).await
        {
            tracing::warn!("decisions were still to be logged when the time ran out");
        }
    }
}
