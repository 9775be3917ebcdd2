//! Counters of what is in flight. Callers pass the limit each time, because a reload may change it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The current count.
#[derive(Clone, Debug, Default)]
pub(in crate::gateway) struct Counter(Arc<AtomicUsize>);

impl Counter {
    pub(in crate::gateway) fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds one, if the count is below `limit`.
    pub(in crate::gateway) fn take_one(&self, limit: usize) -> Option<CounterGuard> {
        let mut guard = self.nothing();
        guard.grow(1, limit).then_some(guard)
    }

    /// Adds a share that already exists, regardless of the limit.
    pub(in crate::gateway) fn of(&self, amount: usize) -> CounterGuard {
        let mut guard = self.nothing();
        guard.grow(amount, usize::MAX);
        guard
    }

    /// A share that may grow.
    pub(in crate::gateway) fn nothing(&self) -> CounterGuard {
        CounterGuard { counter: self.clone(), amount: 0 }
    }
}

/// A share of a counter, until it is dropped.
#[derive(Debug)]
pub(in crate::gateway) struct CounterGuard {
    counter: Counter,
    amount: usize,
}

impl CounterGuard {
    /// Grows the share, unless the count would exceed `limit`.
    pub(in crate::gateway) fn grow(&mut self, by: usize, limit: usize) -> bool {
        let more = |taken: usize| taken.checked_add(by).filter(|sum| *sum <= limit);
        // No other memory depends on this number, so relaxed ordering is enough.
        let grown = self.counter.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if grown {
            self.amount += by;
        }
        grown
    }
}

impl Drop for CounterGuard {
    fn drop(&mut self) {
        self.counter.0.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_grows_up_to_the_limit_and_is_given_back() {
        let counter = Counter::default();
        let (mut one, mut other) = (counter.nothing(), counter.nothing());
        assert!(one.grow(6, 10) && other.grow(4, 10));
        assert!(!one.grow(1, 10) && one.grow(0, 10));
        drop(other);
        assert_eq!(counter.taken(), 6);
        assert!(one.grow(4, 10) && !one.grow(usize::MAX, 10));
        drop(one);
        assert_eq!(counter.taken(), 0);
    }

    #[test]
    fn what_is_beyond_the_limit_takes_nothing() {
        let counter = Counter::default();
        let only = counter.take_one(1);
        assert!(only.is_some() && counter.take_one(1).is_none());
        assert_eq!(counter.taken(), 1);
    }
}
