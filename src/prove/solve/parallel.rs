//! Work on all cores.

use std::sync::atomic::{AtomicUsize, Ordering};

/// The stack of a thread that writes formulas, which are as deep as the largest condition of a policy. Only what is used of it
/// takes memory.
pub(in crate::prove) const STACK: usize = 256 << 20;

/// Does the work with each number below `count`. Each worker begins with a state of its own. `None`: the worker ended early.
pub(in crate::prove) fn in_parallel<S, T: Send>(
    count: usize,
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> T + Sync,
) -> Vec<Option<T>> {
    let taken = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(count);
    let run = || {
        let (mut state, mut done) = (begin(), Vec::new());
        loop {
            let at = taken.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return done;
            }
            done.push((at, work(&mut state, at)));
        }
    };
    let done: Vec<(usize, T)> = std::thread::scope(|scope| {
        let start = || std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).ok();
        let started: Vec<_> = (0..workers).filter_map(|_| start()).collect();
        started.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    let mut all: Vec<Option<T>> = (0..count).map(|_| None).collect();
    for (at, made) in done {
        if let Some(place) = all.get_mut(at) {
            *place = Some(made);
        }
    }
    all
}
