//! Remembers what was decided, by content.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::query::Answer;
use crate::prove::formula::Digest;

/// The number of remembered answers. One takes some 50 bytes.
const MOST: usize = 100_000;

/// Whether a request is possible, by question.
static DECIDED: LazyLock<Mutex<HashMap<Digest, bool>>> = LazyLock::new(Mutex::default);

/// What was decided before.
pub(super) fn answer(key: Digest) -> Option<Answer> {
    let is_possible = *DECIDED.lock().unwrap_or_else(PoisonError::into_inner).get(&key)?;
    Some(if is_possible { Answer::Possible } else { Answer::Never })
}

/// Remembers a decision.
pub(super) fn remember(key: Digest, answer: &Answer) {
    let is_possible = match answer {
        Answer::Never => false,
        Answer::Possible => true,
        Answer::Unknown(_) => return,
    };
    let mut decided = DECIDED.lock().unwrap_or_else(PoisonError::into_inner);
    if decided.len() >= MOST {
        decided.clear();
    }
    decided.insert(key, is_possible);
}
