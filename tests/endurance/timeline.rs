//! The active state at each time.

use std::sync::RwLock;

/// Every state, in order. An action between two times may have met any state from the one at its beginning to the one
/// at its end.
pub(crate) struct Timeline<S>(RwLock<Vec<S>>);

/// A point in time.
#[derive(Clone, Copy)]
pub(crate) struct Mark(usize);

impl<S: Clone> Timeline<S> {
    pub(crate) fn new(first: S) -> Self {
        Self(RwLock::new(vec![first]))
    }

    pub(crate) fn push(&self, next: S) {
        self.0.write().unwrap().push(next);
    }

    pub(crate) fn now(&self) -> Mark {
        Mark(self.0.read().unwrap().len() - 1)
    }

    pub(crate) fn last(&self) -> S {
        self.0.read().unwrap().last().unwrap().clone()
    }

    /// Every state since that time.
    pub(crate) fn since(&self, mark: Mark) -> Vec<S> {
        self.0.read().unwrap()[mark.0..].to_vec()
    }
}
