//! Invariants hold.

use std::time::Instant;

use cedar_policy::Effect;

use super::task::{ASKED, Solver, Task};
use crate::engine::{Rule, Snapshot};
use crate::prove::ProveError;
use crate::prove::encode::{Policy, Question};
use crate::prove::formula::{all, not};
use crate::prove::invariants::Invariant;
use crate::prove::report::{Claim, Kind, Verdict};
use crate::prove::scenario::Scenario;
use crate::prove::space::Known;
use crate::prove::subject::Subject;

/// Asks of each invariant whether it holds. `policies` are those that decide.
pub(in crate::prove) fn invariants(
    subject: &Subject,
    known: &Known<'_>,
    solver: &Solver,
    invariants: &[Invariant],
) -> Result<Vec<Claim>, ProveError> {
    let mut prepared = Vec::new();
    for invariant in invariants {
        let marked = subject.with([invariant.marker.clone()])?;
        prepared.push((invariant, Policy::new(&invariant.policy)?, marked));
    }
    let own = known.space.policies.first().map(Vec::as_slice).unwrap_or_default();
    let tasks: Vec<Task<'_>> = prepared
        .iter()
        .map(|(invariant, policy, marked)| {
            let mut task = task(subject, own, invariant, policy, marked);
            task.guess = Box::new(move |ends| guess(known, invariant, marked, ends));
            task
        })
        .collect();
    let verdicts = solver.settle(known, &tasks)?;
    let claims = prepared.iter().zip(verdicts).map(|((invariant, policy, _), verdict)| Claim {
        kind: Kind::Invariant,
        name: invariant.text.clone(),
        place: Some(invariant.place.clone()),
        verdict: match is_about_requests(policy) {
            true => verdict,
            false => {
                Verdict::Undecided("it is about an action that only operators' policies answer".to_owned())
            }
        },
        because: Vec::new(),
    });
    Ok(claims.collect())
}

/// Looks for a request that shows that an invariant does not hold.
fn guess(
    known: &Known<'_>,
    invariant: &Invariant,
    marked: &Snapshot,
    ends: Option<Instant>,
) -> Option<Scenario> {
    let marker = Policy::new(&invariant.marker.policy).ok()?;
    let guide = known.guide(0).ok()?.with(marked, &marker);
    match invariant.effect {
        // Without the marker, the request is allowed.
        Effect::Forbid => guide.alone(&marker.id, &ASKED, ends),
        Effect::Permit => guide.denied(&marker.id, &ASKED, ends),
    }
}

fn is_about_requests(policy: &Policy) -> bool {
    Question::ALL.into_iter().any(|question| policy.is_about(question))
}

fn task<'t>(
    subject: &'t Subject,
    own: &'t [Policy],
    invariant: &'t Invariant,
    policy: &'t Policy,
    marked: &'t Snapshot,
) -> Task<'t> {
    let is_bound = invariant.effect == Effect::Forbid;
    let marker = invariant.marker.policy.id().to_string();
    let matches = move |scenario: &Scenario| {
        let decided = scenario.decide(marked);
        decided.is_some_and(|decided| {
            decided.is_err_and(|denied| denied.decision.policies.iter().any(|id| **id == *marker))
        })
    };
    let shows = move |scenario: &Scenario| {
        let Some(decided) = scenario.decide(&subject.snapshot) else { return false };
        let is_shown = match decided {
            Ok(_) => is_bound,
            // Another question of the request may deny it, too.
            Err(denied) => {
                let is_of_model = denied.rule.is_of_models() || denied.rule == Rule::Policy;
                !is_bound && (is_of_model || !policy.is_about(Question::Model))
            }
        };
        is_shown && matches(scenario)
    };
    let mut task = Task {
        formulas: Vec::new(),
        fails: false,
        needs_request: true,
        may_shrink: true,
        shows: Box::new(shows),
        decided_by: &subject.snapshot,
        guess: Box::new(|_| None),
    };
    for (question, variant) in ASKED.into_iter().filter(|(question, _)| policy.is_about(*question)) {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                let world = requests.side(0)?;
                let condition = world.condition(policy, question);
                Ok(match (is_bound, question) {
                    (true, _) => all(&[condition, world.allows(own)?]),
                    (false, Question::Route) => {
                        all(&[world.accepts()?, condition, not(world.permits(own, question))])
                    }
                    (false, Question::Model) => {
                        let route = world.permits(own, Question::Route);
                        all(&[world.accepts()?, condition, route, not(world.permits(own, question))])
                    }
                })
            }),
        ));
    }
    task
}
