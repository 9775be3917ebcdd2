//! The start time of this process.

use std::sync::LazyLock;
use std::time::SystemTime;

static STARTED: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);

/// Records the start time for metrics.
pub(super) fn started() {
    LazyLock::force(&STARTED);
}

/// The recorded start time.
pub(super) fn start_time() -> SystemTime {
    *STARTED
}
