//! Which requests one of two sides allows and the other does not.

use cedar_policy::Effect;

use super::task::{Solver, Task};
use crate::engine::Snapshot;
use crate::prove::ProveError;
use crate::prove::alike::has_same_policies;
use crate::prove::encode::{Asks, Policy, Question, World};
use crate::prove::formula::{Formula, all, any, not};
use crate::prove::report::{Comparison, Verdict};
use crate::prove::scenario::Scenario;
use crate::prove::solve::Answer;
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
    if is_same(known) {
        return Ok(Comparison { gained: Verdict::Proven, lost: Verdict::Proven, solver: solved });
    }
    let mut verdicts = directions(known, solver, [old, new], &[[1, 0], [0, 1]])?.into_iter();
    let mut next = || verdicts.next().unwrap_or(Verdict::Undecided("it was not asked".to_owned()));
    Ok(Comparison { gained: next(), lost: next(), solver: solved })
}

/// Asks one direction: whether the second side allows a request that the first denies.
pub(in crate::prove) fn gained(
    sides: [&Snapshot; 2],
    known: &Known<'_>,
    solver: &Solver,
) -> Result<Verdict, ProveError> {
    match unlike(sides) {
        Some(unlike) => Ok(unlike),
        None if is_same(known) => Ok(Verdict::Proven),
        None => {
            let verdict = directions(known, solver, sides, &[[1, 0]])?.pop();
            Ok(verdict.unwrap_or(Verdict::Undecided("it was not asked".to_owned())))
        }
    }
}

/// Asks of each pair of sides whether the first allows a request that the second denies.
fn directions(
    known: &Known<'_>,
    solver: &Solver,
    snapshots: [&Snapshot; 2],
    pairs: &[[usize; 2]],
) -> Result<Vec<Verdict>, ProveError> {
    let [old, new] = snapshots;
    let (mut verdicts, mut tasks) = (Vec::new(), Vec::new());
    for pair in pairs {
        let is_evident = is_evident(known, solver, *pair)?;
        verdicts.push(is_evident.then_some(Verdict::Proven));
        let (allows, denies) = if *pair == [1, 0] { (new, old) } else { (old, new) };
        tasks.extend((!is_evident).then(|| task(known, allows, denies, *pair)));
    }
    let mut asked = solver.settle(known, &tasks)?.into_iter();
    let mut next = || asked.next().unwrap_or(Verdict::Undecided("it was not asked".to_owned()));
    Ok(verdicts.into_iter().map(|evident| evident.unwrap_or_else(&mut next)).collect())
}

/// Whether the policies that the sides do not share say so, whatever else is true of a request.
fn is_evident(known: &Known<'_>, solver: &Solver, sides: [usize; 2]) -> Result<bool, ProveError> {
    let mut queries = Vec::new();
    for has_model in [false, true] {
        let requests = known.requests(Asks { has_model, is_narrow: false })?;
        if !requests.has_one_world() {
            return Ok(false);
        }
        let ways = Sides::of(known, sides, has_model).ways(requests.side(0)?);
        if !ways.is_empty() {
            queries.push(requests.is_imaginable(any(&ways))?);
        }
    }
    Ok(solver.ask(&queries).iter().all(|answer| *answer == Answer::Never))
}

/// Rules that only log their denials cannot be compared with rules that enforce them.
fn unlike(sides: [&Snapshot; 2]) -> Option<Verdict> {
    let [old, new] = sides.map(|side| side.config().gateway.mode);
    (old != new)
        .then(|| Verdict::Undecided("only one side enforces its denials (`modelgate.mode`)".to_owned()))
}

/// Whether both sides decide by the same rules. Then they decide each request alike.
fn is_same(known: &Known<'_>) -> bool {
    match &*known.space.policies {
        [one, other] => known.space.is_alike && has_same_policies(one, other),
        _ => false,
    }
}

/// The rules of two sides that know the same of each request.
struct Sides<'p> {
    allows: &'p [Policy],
    denies: &'p [Policy],
    has_model: bool,
}

impl<'p> Sides<'p> {
    fn of(known: &Known<'p>, [allows, denies]: [usize; 2], has_model: bool) -> Self {
        let space = known.space;
        let policies = |side: usize| space.policies.get(side).map(Vec::as_slice).unwrap_or_default();
        Self { allows: policies(allows), denies: policies(denies), has_model }
    }

    /// The requests that one side allows and the other denies.
    fn differ(&self, world: &World<'_>) -> Result<Formula, ProveError> {
        let ways = self.ways(world);
        if ways.is_empty() {
            return Ok(any(&[]));
        }
        Ok(all(&[any(&ways), world.allows(self.allows)?]))
    }

    /// How one side denies what the other allows. The policies of both sides cancel.
    ///
    /// Where the one side allows, none of its `forbid`s matches, so the other side denies either by a `forbid` of its own, or
    /// because none of its `permit`s matches. In the second case, the one side allows by a `permit` of its own.
    fn ways(&self, world: &World<'_>) -> Vec<Formula> {
        let (allows, denies) = (self.allows, self.denies);
        let own = |of: &[Policy], others: &[Policy], effect: Effect, question: Question| {
            let own = of.iter().filter(|policy| policy.effect == effect && policy.is_about(question));
            let own = own.filter(|policy| !others.iter().any(|other| policy.is_same(other)));
            own.map(|policy| world.condition(policy, question)).collect::<Vec<_>>()
        };
        let mut ways = Vec::new();
        let questions = Question::ALL.into_iter();
        for question in questions.filter(|question| self.has_model || *question == Question::Route) {
            let denied = own(denies, allows, Effect::Forbid, question);
            let granted = own(allows, denies, Effect::Permit, question);
            let mut here = Vec::new();
            if !denied.is_empty() {
                here.push(any(&denied));
            }
            if !granted.is_empty() {
                here.push(all(&[any(&granted), not(any(&own(denies, &[], Effect::Permit, question)))]));
            }
            if !here.is_empty() {
                let passed = own(allows, denies, Effect::Forbid, question);
                ways.push(all(&[any(&here), not(any(&passed))]));
            }
        }
        ways
    }
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
        guess: Box::new(move |ends| {
            let [allows, denies] = sides.map(|side| known.guide(side));
            allows.ok()?.allowed_beside(denies.ok()?, ends)
        }),
    };
    for variant in [false, true] {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                if requests.has_one_world() {
                    return Sides::of(known, sides, variant).differ(requests.side(0)?);
                }
                let [first, second] = sides;
                let granted = requests.side(first)?.allows(policies(first))?;
                Ok(all(&[granted, not(requests.side(second)?.allows(policies(second))?)]))
            }),
        ));
    }
    task
}
