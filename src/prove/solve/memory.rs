//! Remembers what was proven, by content.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// The number of remembered proofs. One takes some 50 bytes.
const MOST: usize = 100_000;

static PROVEN: LazyLock<Mutex<HashSet<Key>>> = LazyLock::new(Mutex::default);

/// What stands for a question.
pub(super) type Key = [u64; 2];

/// Whether this was proven before.
pub(super) fn knows(key: Key) -> bool {
    PROVEN.lock().unwrap_or_else(PoisonError::into_inner).contains(&key)
}

/// Remembers a proof.
pub(super) fn remember(key: Key) {
    let mut proven = PROVEN.lock().unwrap_or_else(PoisonError::into_inner);
    if proven.len() >= MOST {
        proven.clear();
    }
    proven.insert(key);
}
