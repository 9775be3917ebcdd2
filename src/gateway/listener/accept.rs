//! Counts failed `accept` calls (for example, when file descriptors run out) and logs them at a limited rate.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::gateway::telemetry::Observers;

/// Long enough for some descriptors to be freed.
const PAUSE: Duration = Duration::from_millis(50);
/// The minimum time between log entries while failures continue.
const INTERVAL: Duration = Duration::from_secs(10);

/// The failures of one listener.
pub(super) struct Failures {
    observers: Arc<Observers>,
    logged_at: Option<Instant>,
    /// The number of failures since the last log entry.
    unlogged: u64,
}

impl Failures {
    pub(in crate::gateway) fn new(observers: &Arc<Observers>) -> Self {
        Self { observers: Arc::clone(observers), logged_at: None, unlogged: 0 }
    }

    /// Counts a failure, and waits before the next attempt. Until a descriptor is free, each attempt would fail
    /// immediately.
    pub(super) async fn pause(&mut self, error: &io::Error) {
        self.observers.metrics().not_accepted();
        if let Some(failures) = self.count(Instant::now()) {
            tracing::warn!(failures, "connections cannot be accepted: {error}");
        }
        tokio::time::sleep(PAUSE).await;
    }

    /// Counts a failure. Returns the number of failures since the last log entry, or `None` if it is too early for
    /// another entry.
    fn count(&mut self, now: Instant) -> Option<u64> {
        self.unlogged += 1;
        if self.logged_at.is_some_and(|logged_at| now.saturating_duration_since(logged_at) < INTERVAL) {
            return None;
        }
        self.logged_at = Some(now);
        Some(std::mem::take(&mut self.unlogged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_in_a_row_are_told_of_now_and_then_and_none_is_left_out() {
        let mut failures = Failures::new(&Arc::new(Observers::new().unwrap()));
        let start = Instant::now();
        let mut logged = Vec::new();
        for attempt in 0..500 {
            logged.extend(failures.count(start + PAUSE * attempt));
        }
        // Immediately, and after 10 and 20 seconds.
        assert_eq!(logged, [1, 200, 200]);
    }
}
