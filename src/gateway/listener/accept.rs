//! Connections that cannot be accepted, as when file descriptors run out: counted, and told of now and then.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::gateway::telemetry::Observers;

/// Long enough for some descriptors to be freed.
const PAUSE: Duration = Duration::from_millis(50);
/// How often a failure that goes on is told of.
const INTERVAL: Duration = Duration::from_secs(10);

/// The failures of one listener.
pub(super) struct Failures {
    observers: Arc<Observers>,
    told: Option<Instant>,
    /// Since then.
    untold: u64,
}

impl Failures {
    pub(in crate::gateway) fn new(observers: &Arc<Observers>) -> Self {
        Self { observers: Arc::clone(observers), told: None, untold: 0 }
    }

    /// Counts a failure, and waits before the next attempt: until a descriptor is free, every one would fail at once.
    pub(super) async fn pause(&mut self, error: &io::Error) {
        self.observers.metrics().not_accepted();
        if let Some(failures) = self.count(Instant::now()) {
            tracing::warn!(failures, "connections cannot be accepted: {error}");
        }
        tokio::time::sleep(PAUSE).await;
    }

    /// Counts one more, and says how many there were since the last ones were told of, this one too; `None` while that
    /// is too soon.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.untold += 1;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < INTERVAL) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_told_of_now_and_then_and_none_is_left_out() {
        let mut failures = Failures::new(&Arc::new(Observers::new().unwrap()));
        let start = Instant::now();
        let mut told = Vec::new();
        for attempt in 0..500 {
            told.extend(failures.count(start + PAUSE * attempt));
        }
        // At once, and after 10 and 20 seconds.
        assert_eq!(told, [1, 200, 200]);
    }
}
