//! Suppresses wake-ups that a task would send to itself while it is being polled.
//!
//! A task that takes a chunk of a body from hyper wakes the connection of the chunk, so that hyper reads
//! more. If the connection's own task takes it, that task continues to read anyway, and the wake-up would
//! only cause another poll.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

thread_local! {
    static WAKES: Cell<Wakes> = const { Cell::new(Wakes::Pass) };
}

/// The handling of wake-ups on this thread.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wakes {
    Pass,
    Stay,
    /// Wake-ups are suppressed, and at least one occurred.
    Stayed,
}

/// The waker of one connection. It wakes the task that polls the connection.
#[derive(Debug)]
pub(in crate::gateway) struct WakeSuppressor {
    task: Arc<Task>,
    /// The same waker as in `task`.
    polled_by: Waker,
    waker: Waker,
}

/// The task to wake.
#[derive(Debug)]
struct Task(Mutex<Waker>);

impl WakeSuppressor {
    pub(in crate::gateway) fn new() -> Self {
        let task = Arc::new(Task(Mutex::new(Waker::noop().clone())));
        Self { waker: Waker::from(Arc::clone(&task)), polled_by: Waker::noop().clone(), task }
    }

    /// Polls the connection. From now on its wake-ups go to `context`.
    pub(in crate::gateway) fn poll<T>(
        &mut self,
        context: &Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> T,
    ) -> T {
        if !self.polled_by.will_wake(context.waker()) {
            self.polled_by.clone_from(context.waker());
            self.task.0.lock().unwrap_or_else(PoisonError::into_inner).clone_from(context.waker());
        }
        poll(&mut Context::from_waker(&self.waker))
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if WAKES.get() == Wakes::Pass {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).wake_by_ref();
        } else {
            WAKES.set(Wakes::Stayed);
        }
    }
}

/// Runs a closure with wake-ups of connections from this thread suppressed. Wake-ups from other threads pass.
/// Returns whether a wake-up was suppressed.
pub(in crate::gateway) fn without_waking<T>(doing: impl FnOnce() -> T) -> (T, bool) {
    /// Lets wake-ups pass again, even after a panic.
    struct Staying;
    impl Drop for Staying {
        fn drop(&mut self) {
            WAKES.set(Wakes::Pass);
        }
    }
    WAKES.set(Wakes::Stay);
    let staying = Staying;
    let done = doing();
    let stayed = WAKES.get() == Wakes::Stayed;
    drop(staying);
    (done, stayed)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The waker that a connection would keep to wake `count`.
    fn waker(suppressor: &mut WakeSuppressor, count: &Arc<Count>) -> Waker {
        let waker = Waker::from(Arc::clone(count));
        suppressor.poll(&Context::from_waker(&waker), |context| context.waker().clone())
    }

    #[test]
    fn a_wake_goes_to_whoever_polled_last() {
        let (first, last) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let mut suppressor = WakeSuppressor::new();
        let kept = waker(&mut suppressor, &first);
        waker(&mut suppressor, &last);
        kept.wake_by_ref();
        kept.wake();
        assert_eq!((first.0.load(Ordering::Relaxed), last.0.load(Ordering::Relaxed)), (0, 2));
    }

    #[test]
    fn a_suppressed_wake_is_reported_and_the_next_one_passes() {
        let (mut suppressor, count) = (WakeSuppressor::new(), Arc::new(Count::default()));
        let kept = waker(&mut suppressor, &count);
        assert_eq!(without_waking(|| 1), (1, false));
        assert!(without_waking(|| kept.wake_by_ref()).1);
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        kept.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn another_thread_wakes_all_the_same() {
        let (mut suppressor, count) = (WakeSuppressor::new(), Arc::new(Count::default()));
        let kept = waker(&mut suppressor, &count);
        let ((), stayed) = without_waking(|| thread::scope(|scope| drop(scope.spawn(|| kept.wake_by_ref()))));
        assert_eq!((stayed, count.0.load(Ordering::Relaxed)), (false, 1));
    }

    #[test]
    fn wakes_pass_again_after_a_panic() {
        let (mut suppressor, count) = (WakeSuppressor::new(), Arc::new(Count::default()));
        let kept = waker(&mut suppressor, &count);
        let panicked =
            std::panic::catch_unwind(|| without_waking(|| std::panic::resume_unwind(Box::new(()))));
        assert!(panicked.is_err());
        kept.wake();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }
}
