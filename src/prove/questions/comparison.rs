//! Which requests one of two sides allows and the other does not.

use super::task::{Solver, Task};
use crate::engine::Snapshot;
use crate::prove::ProveError;
use crate::prove::formula::{all, not};
use crate::prove::report::{Comparison, Verdict};
use crate::prove::scenario::Scenario;
use crate::prove::space::Known;

/// Compares the second side with the first.
pub(in crate::prove) fn compare(
    [old, new]: [&Snapshot; 2],
    known: &Known<'_>,
    solver: &Solver,
) -> Result<Comparison, ProveError> {
    let tasks = [task(known, new, old, [1, 0]), task(known, old, new, [0, 1])];
    let mut verdicts = solver.settle(known, &tasks)?.into_iter();
    let mut next = || verdicts.next().unwrap_or(Verdict::Undecided("it was not asked".to_owned()));
    Ok(Comparison { gained: next(), lost: next(), solver: solver.program.version.clone() })
}

/// Finds a request that `allows` allows and `denies` does not.
fn task<'t>(known: &'t Known<'_>, allows: &'t Snapshot, denies: &'t Snapshot, sides: [usize; 2]) -> Task<'t> {
    let is_allowed =
        |scenario: &Scenario, by: &Snapshot| scenario.decide(by).is_some_and(|decided| decided.is_ok());
    let policies = |side: usize| known.space.policies.get(side).map(Vec::as_slice).unwrap_or_default();
    let mut task = Task {
        formulas: Vec::new(),
        fails: false,
        needs_request: true,
        shows: Box::new(move |scenario| is_allowed(scenario, allows) && !is_allowed(scenario, denies)),
        decided_by: allows,
    };
    for variant in [false, true] {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                let [first, second] = sides;
                let granted = requests.side(first)?.allows(policies(first))?;
                Ok(all(&[granted, not(requests.side(second)?.allows(policies(second))?)]))
            }),
        ));
    }
    task
}
