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
    let solved = solver.program.version.clone();
    if let Some(unlike) = unlike([old, new]) {
        return Ok(Comparison { gained: unlike.clone(), lost: unlike, solver: solved });
    }
    let tasks = [task(known, new, old, [1, 0]), task(known, old, new, [0, 1])];
    let mut verdicts = solver.settle(known, &tasks)?.into_iter();
    let mut next = || verdicts.next().unwrap_or(Verdict::Undecided("it was not asked".to_owned()));
    Ok(Comparison { gained: next(), lost: next(), solver: solved })
}

/// Asks one direction: whether the second side allows a request that the first denies.
pub(in crate::prove) fn gained(
    [old, new]: [&Snapshot; 2],
    known: &Known<'_>,
    solver: &Solver,
) -> Result<Verdict, ProveError> {
    if let Some(unlike) = unlike([old, new]) {
        return Ok(unlike);
    }
    let verdict = solver.settle(known, &[task(known, new, old, [1, 0])])?.into_iter().next();
    Ok(verdict.unwrap_or(Verdict::Undecided("it was not asked".to_owned())))
}

/// Rules that only log their denials cannot be compared with rules that enforce them.
fn unlike(sides: [&Snapshot; 2]) -> Option<Verdict> {
    let [old, new] = sides.map(|side| side.config().gateway.mode);
    (old != new)
        .then(|| Verdict::Undecided("only one side enforces its denials (`modelgate.mode`)".to_owned()))
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
        may_shrink: true,
        shows: Box::new(move |scenario| is_allowed(scenario, allows) && !is_allowed(scenario, denies)),
        decided_by: allows,
        guess: Box::new(move || known.guide(sides[0]).ok()?.allowed_beside(known.guide(sides[1]).ok()?)),
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
