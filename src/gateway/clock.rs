//! The time by both of the machine's clocks, read once for each request.

use std::time::{Duration, Instant, SystemTime};

/// The time, by both of the machine's clocks: dates in tokens need the one, ages of keys the other.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The time of day.
    pub wall: SystemTime,
    /// The time that never jumps.
    pub monotonic: Instant,
}

impl Moment {
    /// The time now.
    #[must_use]
    pub fn now() -> Self {
        Self { wall: SystemTime::now(), monotonic: Instant::now() }
    }

    /// The time a while later.
    #[must_use]
    pub fn after(self, elapsed: Duration) -> Self {
        Self { wall: self.wall + elapsed, monotonic: self.monotonic + elapsed }
    }
}
