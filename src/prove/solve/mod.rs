//! Asks the solver, a process, whether formulas can be true.
//!
//! Input: formulas and policies. Output: that no request makes one true, or that a request does, or that the solver
//! cannot tell within its limits. Questions are asked in parallel, each worker with a process of its own: `session` asks
//! those that share a script, and `worker` finds a request. `memory` and `store` remember answers by content.

mod memory;
mod parallel;
mod program;
mod query;
mod script;
mod session;
mod store;
mod worker;

use std::collections::BTreeMap;
use std::sync::Arc;

use cedar_policy::Schema;

use super::formula::Digest;

use session::Session;
use worker::Worker;

pub(super) use parallel::{STACK, in_parallel};
pub(super) use program::Program;
pub use query::Limits;
pub(super) use query::{About, Answer, Never, Query, basis};
pub(super) use script::Kept;
pub use store::Cache;
pub(super) use worker::Request;

/// The solver with its limits, and where it finds its answers again.
#[derive(Clone, Debug)]
pub(super) struct Solver {
    pub(super) program: Program,
    pub(super) limits: Limits,
    pub(super) cache: Option<Cache>,
    /// The scripts of one proof, with the processes that have read them.
    pub(super) kept: Kept,
}

impl Solver {
    /// The same solver for another proof, whose processes end with it.
    pub(super) fn afresh(&self) -> Self {
        Self { kept: Kept::default(), ..self.clone() }
    }

    /// Asks every question. The answers are in the same order.
    pub(super) fn ask(&self, queries: &[Query]) -> Vec<Answer> {
        let keys: Vec<Digest> = queries.iter().map(Query::key).collect();
        let mut answers: Vec<Option<Answer>> = keys.iter().map(|key| memory::answer(*key)).collect();
        if self.limits.is_over() {
            let none = || Answer::Unknown(self.limits.exceeded());
            return answers.into_iter().map(|answer| answer.unwrap_or_else(none)).collect();
        }
        // Formulas with the same schema share a script.
        let mut groups: BTreeMap<(*const Schema, String, Digest), Vec<usize>> = BTreeMap::new();
        let mut alone = Vec::new();
        for (at, query) in queries.iter().enumerate() {
            if answers.get(at).is_some_and(Option::is_some) {
                continue;
            }
            match (&query.about, query.never) {
                (About::Formula(_), Never::Fails) => alone.push(at),
                _ => {
                    let group = (Arc::as_ptr(&query.schema), format!("{:?}", query.environment), query.basis);
                    groups.entry(group).or_default().push(at);
                }
            }
        }
        let groups: Vec<Vec<usize>> = groups.into_values().collect();
        let of_group = |at: usize| {
            let group = groups.get(at).map(Vec::as_slice).unwrap_or_default();
            let asked: Vec<&Query> = group.iter().filter_map(|at| queries.get(*at)).collect();
            group.iter().copied().zip(self.in_sessions(&asked)).collect::<Vec<_>>()
        };
        let found = in_parallel(groups.len(), || (), |(), at| of_group(at));
        let mut found: Vec<(usize, Answer)> = found.into_iter().flatten().flatten().collect();
        let asked: Vec<&Query> = alone.iter().filter_map(|at| queries.get(*at)).collect();
        found.extend(alone.into_iter().zip(self.find(&asked).into_iter().map(|found| match found {
            Ok(None) => Answer::Never,
            Ok(Some(_)) => Answer::Possible,
            Err(reason) => Answer::Unknown(reason),
        })));
        for (at, answer) in found {
            if let (Some(place), Some(key)) = (answers.get_mut(at), keys.get(at)) {
                memory::remember(*key, &answer);
                *place = Some(answer);
            }
        }
        answers.into_iter().map(|answer| answer.unwrap_or_else(not_asked)).collect()
    }

    /// Finds a request for each query that is possible.
    pub(super) fn find(&self, queries: &[&Query]) -> Vec<Result<Option<Request>, String>> {
        let found = in_parallel(
            queries.len(),
            || Worker::new(&self.program, self.limits),
            |worker, at| match (worker, queries.get(at)) {
                _ if self.limits.is_over() => Err(self.limits.exceeded()),
                (Some(worker), Some(query)) => worker.ask(query),
                _ => Err("the solver could not be started".to_owned()),
            },
        );
        let none = || Err("it was not asked".to_owned());
        found.into_iter().map(|found| found.unwrap_or_else(none)).collect()
    }

    /// Asks queries that share a script.
    fn in_sessions(&self, queries: &[&Query]) -> Vec<Answer> {
        let script = match self.kept.script(queries, self.limits) {
            Ok(script) => script,
            Err(reason) if self.limits.is_over() => return vec![Answer::Unknown(reason); queries.len()],
            Err(error) => {
                let unknown = Answer::Unknown(format!("it cannot be written as a formula: {error}"));
                return vec![unknown; queries.len()];
            }
        };
        let known =
            self.cache.as_ref().map(|cache| cache.of_script(&self.program, self.limits, &script.text));
        let ask = |at: usize| {
            let Some(assertion) = queries.get(at).map(|query| script.written(query)) else {
                return not_asked();
            };
            // The terms alone may say so.
            if assertion == "false" {
                return Answer::Never;
            }
            if let Some(answer) = known.as_ref().and_then(|known| known.answer(&assertion)) {
                return answer;
            }
            if self.limits.is_over() {
                return Answer::Unknown(self.limits.exceeded());
            }
            let started = script.take().or_else(|| Session::start(&self.program, self.limits, &script.text));
            let Some(mut asked) = started else {
                return Answer::Unknown("the solver could not be started".to_owned());
            };
            let answer = asked.ask(&assertion);
            // After a limit, the process may be busy or gone.
            if !matches!(answer, Answer::Unknown(_)) {
                script.keep(asked);
            }
            if let Some(known) = &known {
                known.remember(&assertion, &answer);
            }
            answer
        };
        let found = in_parallel(queries.len(), || (), |(), at| ask(at));
        found.into_iter().map(|answer| answer.unwrap_or_else(not_asked)).collect()
    }
}

fn not_asked() -> Answer {
    Answer::Unknown("it was not asked".to_owned())
}
