//! Asks the solver, a process, whether formulas can be true.
//!
//! Input: formulas as policies. Output: that no request makes one true, or a request that does, or that the solver
//! cannot tell within its limits. Questions are asked in parallel, each worker with a process of its own.

mod memory;
mod program;
mod query;
mod script;
mod session;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cedar_policy::Schema;

use script::Script;
use session::Session;

pub(super) use program::Program;
pub use query::Limits;
pub(super) use query::{About, Answer, Never, Query};

/// The stack of a thread that writes formulas, which are as deep as the largest condition of a policy. Only what is used of it
/// takes memory.
pub(super) const STACK: usize = 256 << 20;

/// Asks every question. The answers are in the same order.
pub(super) fn ask(program: &Program, limits: Limits, queries: &[Query]) -> Vec<Answer> {
    let mut answers: Vec<Option<Answer>> =
        queries.iter().map(|query| memory::knows(query.key()).then_some(Answer::Never)).collect();
    // Formulas with the same schema share a script.
    let mut groups: BTreeMap<*const Schema, Vec<usize>> = BTreeMap::new();
    for (at, query) in queries.iter().enumerate() {
        if query.formula().is_some() && answers.get(at).is_some_and(Option::is_none) {
            groups.entry(Arc::as_ptr(&query.schema)).or_default().push(at);
        }
    }
    for group in groups.values() {
        let asked: Vec<&Query> = group.iter().filter_map(|at| queries.get(*at)).collect();
        let found = in_sessions(program, limits, &asked);
        for ((at, query), answer) in group.iter().zip(&asked).zip(found) {
            // Where a request is needed, the query is asked again by itself.
            let is_done = !matches!(answer, Answer::Possible(None)) || !query.needs_request;
            if let Some(place) = answers.get_mut(*at).filter(|_| is_done) {
                *place = Some(answer);
            }
        }
    }
    let open: Vec<usize> =
        (0..queries.len()).filter(|at| answers.get(*at).is_some_and(Option::is_none)).collect();
    let found = in_parallel(&open, |work| {
        let Some(mut worker) = worker::Worker::new(program, limits) else { return };
        while let Some(at) = work.next() {
            if limits.is_over() {
                work.done(at, Answer::Unknown(limits.exceeded()));
            } else if let Some(query) = queries.get(at) {
                work.done(at, worker.ask(query));
            }
        }
    });
    for (at, answer) in found {
        if let Some(place) = answers.get_mut(at) {
            *place = Some(answer);
        }
    }
    let answers = answers.into_iter().zip(queries).map(|(answer, query)| {
        let answer = answer.unwrap_or_else(|| Answer::Unknown("it was not asked".to_owned()));
        if matches!(answer, Answer::Never) {
            memory::remember(query.key());
        }
        answer
    });
    answers.collect()
}

/// Asks formulas that share a script.
fn in_sessions(program: &Program, limits: Limits, queries: &[&Query]) -> Vec<Answer> {
    let script = match Script::new(queries) {
        Ok(script) => script,
        Err(error) => {
            let unknown = Answer::Unknown(format!("it cannot be written as a formula: {error}"));
            return vec![unknown; queries.len()];
        }
    };
    let all: Vec<usize> = (0..queries.len()).collect();
    let found = in_parallel(&all, |work| {
        let mut session = None;
        while let Some(at) = work.next() {
            let Some(formula) = queries.get(at).and_then(|query| query.formula()) else { continue };
            if limits.is_over() {
                work.done(at, Answer::Unknown(limits.exceeded()));
                continue;
            }
            let started = session.take().or_else(|| Session::start(program, limits, &script.text));
            let Some(mut asked) = started else { return };
            let answer = asked.ask(&script.written(formula));
            // After a limit, the process may be busy or gone.
            if !matches!(answer, Answer::Unknown(_)) {
                session = Some(asked);
            }
            work.done(at, answer);
        }
    });
    let mut answers = vec![Answer::Unknown("it was not asked".to_owned()); queries.len()];
    for (at, answer) in found {
        if let Some(place) = answers.get_mut(at) {
            *place = answer;
        }
    }
    answers
}

/// The numbers that a worker has left, and its answers.
struct Work<'w> {
    all: &'w [usize],
    taken: &'w AtomicUsize,
    answers: Vec<(usize, Answer)>,
}

impl Work<'_> {
    fn next(&self) -> Option<usize> {
        self.all.get(self.taken.fetch_add(1, Ordering::Relaxed)).copied()
    }

    fn done(&mut self, at: usize, answer: Answer) {
        self.answers.push((at, answer));
    }
}

/// Runs a worker on each core.
fn in_parallel(all: &[usize], work: impl Fn(&mut Work<'_>) + Sync) -> Vec<(usize, Answer)> {
    let taken = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(1, usize::from).min(all.len());
    let run = || {
        let mut own = Work { all, taken: &taken, answers: Vec::new() };
        work(&mut own);
        own.answers
    };
    std::thread::scope(|scope| {
        let started = (0..workers)
            .filter_map(|_| std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).ok());
        let started: Vec<_> = started.collect();
        started.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    })
}
