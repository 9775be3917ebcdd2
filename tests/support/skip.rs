//! Skips tests that need a tool which is not installed on every machine.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of skipped tests in this program.
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Prints the name of a skipped test, the reason, and the number of skipped tests so far.
///
/// If `MODELGATE_SKIP_NOTHING` is set, as in `.ci/run`, the test fails instead.
pub(crate) fn skip(test: &str, missing: &str) {
    let refused = std::env::var_os("MODELGATE_SKIP_NOTHING").is_some();
    assert!(!refused, "`{test}` may not be skipped: {missing}");
    let number = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    // Writes to standard error directly, because the test harness captures `eprintln!` of passing tests. A
    // write error is ignored.
    let line = format!("\nskipped ({number}): {test}: {missing}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
