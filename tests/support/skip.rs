//! Tests that need something which is not on every machine.

use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many tests of this program were skipped.
static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Prints which test is skipped, why, and the how manyth of this test program it is.
///
/// `.ci/run` sets `MODELGATE_SKIP_NOTHING`: then the test fails.
pub(crate) fn skip(test: &str, missing: &str) {
    let refused = std::env::var_os("MODELGATE_SKIP_NOTHING").is_some();
    assert!(!refused, "`{test}` may not be skipped: {missing}");
    let number = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
    // Past `eprintln!`, whose text the test harness keeps to itself when a test passes. Nobody may read it, and that is fine.
    let line = format!("\nskipped ({number}): {test}: {missing}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}
