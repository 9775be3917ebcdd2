//! Every rule matters: it decides at least one request.

use cedar_policy::Effect;

use super::task::{ASKED, Solver, Task};
use crate::engine::{PolicyView, Rule};
use crate::prove::ProveError;
use crate::prove::encode::{Policy, Question};
use crate::prove::formula::{Formula, all, any, not};
use crate::prove::report::{Claim, Kind, Verdict};
use crate::prove::space::{Known, Requests};
use crate::prove::subject::Subject;

/// Whether operators wrote the policy, as a drop-in or as an entry of the configuration.
fn is_written(policy: &PolicyView<'_>) -> bool {
    let rules = [Rule::Policy, Rule::Model, Rule::Route, Rule::DeniedModel, Rule::Scope, Rule::MasterKey];
    // An entry without `routes` permits every route, which nobody wrote.
    let is_default = policy.rule() == Rule::Route && !policy.id().ends_with(".routes");
    rules.contains(&policy.rule()) && !is_default && !policy.is_shadow()
}

/// Asks of each written policy whether it decides a request.
pub(in crate::prove) fn useful(
    subject: &Subject,
    known: &Known<'_>,
    solver: &Solver,
) -> Result<Vec<Claim>, ProveError> {
    let own = known.space.policies.first().map(Vec::as_slice).unwrap_or_default();
    let views: Vec<PolicyView<'_>> = subject.snapshot.policies().filter(is_written).collect();
    let written: Vec<(&PolicyView<'_>, &Policy)> = views
        .iter()
        .filter_map(|view| Some((view, own.iter().find(|policy| policy.id == view.id())?)))
        .filter(|(_, policy)| Question::ALL.into_iter().any(|question| policy.is_about(question)))
        .collect();
    let tasks: Vec<Task<'_>> = written.iter().map(|(_, policy)| task(subject, own, policy, true)).collect();
    let decides = solver.settle(known, &tasks)?;
    let dead: Vec<&Policy> = written
        .iter()
        .zip(&decides)
        .filter(|(_, verdict)| matches!(verdict, Verdict::Proven))
        .map(|((_, policy), _)| *policy)
        .collect();
    let tasks: Vec<Task<'_>> = dead.iter().map(|policy| task(subject, own, policy, false)).collect();
    let matches: Vec<(String, Verdict)> =
        dead.iter().map(|policy| policy.id.clone()).zip(solver.settle(known, &tasks)?).collect();
    let claims = written.iter().zip(decides).map(|((view, policy), verdict)| Claim {
        kind: Kind::Useful,
        name: policy.id.clone(),
        place: view.source().map(str::to_owned),
        // No request is found: the rule is dead.
        verdict: match verdict {
            Verdict::Violated { .. } => Verdict::Proven,
            Verdict::Proven => {
                let matches = matches.iter().find(|(id, _)| *id == policy.id);
                let reason = match matches {
                    Some((_, Verdict::Proven)) => "no request matches it",
                    _ => "it changes no answer: other rules always decide alike",
                };
                Verdict::Violated { reason: Some(reason.to_owned()), counterexample: None }
            }
            undecided => undecided,
        },
    });
    Ok(claims.collect())
}

/// Finds a request that the policy decides alone, or one that it matches.
fn task<'t>(subject: &'t Subject, own: &'t [Policy], policy: &'t Policy, decides: bool) -> Task<'t> {
    let mut task = Task::existence(&subject.snapshot);
    for (question, variant) in ASKED.into_iter().filter(|(question, _)| policy.is_about(*question)) {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                let world = requests.side(0)?;
                let condition = world.condition(policy, question);
                let mut parts = vec![world.accepts()?, condition];
                if decides {
                    parts.extend(alone(requests, own, policy, question, variant)?);
                }
                Ok(all(&parts))
            }),
        ));
    }
    task
}

/// The policy decides the request: without it, the answer would be another.
fn alone(
    requests: &Requests<'_>,
    own: &[Policy],
    policy: &Policy,
    question: Question,
    has_model: bool,
) -> Result<Vec<Formula>, ProveError> {
    let world = requests.side(0)?;
    let others = |effect: Effect| {
        let others = own.iter().filter(|other| other.effect == effect && other.id != policy.id);
        let conditions: Vec<Formula> = others
            .filter(|other| other.is_about(question))
            .map(|other| world.condition(other, question))
            .collect();
        any(&conditions)
    };
    let mut parts = match policy.effect {
        Effect::Permit => vec![not(others(Effect::Permit)), not(others(Effect::Forbid))],
        Effect::Forbid => vec![others(Effect::Permit), not(others(Effect::Forbid))],
    };
    let other = match question {
        Question::Route => Question::Model,
        Question::Model => Question::Route,
    };
    if has_model {
        parts.push(world.permits(own, other));
    }
    Ok(parts)
}
