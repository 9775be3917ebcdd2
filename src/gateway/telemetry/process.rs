//! When this process started.

use std::sync::LazyLock;
use std::time::SystemTime;

static STARTED: LazyLock<SystemTime> = LazyLock::new(SystemTime::now);

/// Remembers when the process started, as far as metrics know.
pub(super) fn started() {
    LazyLock::force(&STARTED);
}

/// When that was.
pub(super) fn start_time() -> SystemTime {
    *STARTED
}
