//! The current time of both system clocks, read once for each request.

use std::time::{Duration, Instant, SystemTime};

/// The current time of both clocks. Dates in tokens need the wall clock, and ages of keys need the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// The time of day.
    pub wall: SystemTime,
    /// The monotonic time.
    pub monotonic: Instant,
}

impl Timestamp {
    /// The current time.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: SystemTime::now(), monotonic: Instant::now() }
    }

    /// The time after this duration.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        Self { wall: self.wall + elapsed, monotonic: self.monotonic + elapsed }
    }
}
