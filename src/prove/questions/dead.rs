//! Every rule matters: it decides at least one request.

use std::collections::BTreeMap;

use cedar_policy::Effect;

use super::cover::{Covered, Search, could_decide};
use super::task::{ASKED, Solver, Task};
use crate::engine::{PolicyView, Rule};
use crate::prove::ProveError;
use crate::prove::encode::{Policy, Question};
use crate::prove::formula::{all, any, not};
use crate::prove::report::{Claim, Kind, Verdict};
use crate::prove::solve::in_parallel;
use crate::prove::space::Known;
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
    let guide = known.guide(0)?;
    let shown = in_parallel(written.len(), || (), |(), at| guide.alone(&written.get(at)?.1.id, &ASKED));
    // The solver is asked about those of which no request was found that they decide.
    let open = written.iter().zip(&shown).filter(|(_, shown)| !matches!(shown, Some(Some(_))));
    let tasks: Vec<Task<'_>> = open.map(|((_, policy), _)| alone(subject, own, policy)).collect();
    let mut asked = solver.settle(known, &tasks)?.into_iter();
    let decides = shown.into_iter().map(|shown| match shown.flatten() {
        Some(_) => Verdict::Violated { reason: None, counterexample: None },
        None => asked.next().unwrap_or(Verdict::Undecided("it was not asked".to_owned())),
    });
    let decides: Vec<Verdict> = decides.collect();
    let dead: Vec<&Policy> = written
        .iter()
        .zip(&decides)
        .filter(|(_, verdict)| matches!(verdict, Verdict::Proven))
        .map(|((_, policy), _)| *policy)
        .collect();
    let mut reasons = reasons(subject, own, known, solver, &dead)?;
    let claims = written.iter().zip(decides).map(|((view, policy), verdict)| {
        let (verdict, because) = match verdict {
            // A request shows that the rule matters. Without one, the rule is dead.
            Verdict::Violated { .. } => (Verdict::Proven, Vec::new()),
            Verdict::Proven => {
                let (reason, because) = reasons.remove(&policy.id).unwrap_or_default();
                (Verdict::Violated { reason: Some(reason), counterexample: None }, because)
            }
            undecided => (undecided, Vec::new()),
        };
        let place = view.source().map(str::to_owned);
        Claim { kind: Kind::Useful, name: policy.id.clone(), place, verdict, because }
    });
    Ok(claims.collect())
}

/// Why a rule is dead, and the rules because of which it is, each with its place.
type Reason = (String, Vec<(String, Option<String>)>);

/// The reason for each dead rule, by its id.
fn reasons<'s>(
    subject: &'s Subject,
    own: &'s [Policy],
    known: &'s Known<'_>,
    solver: &'s Solver,
    dead: &[&'s Policy],
) -> Result<BTreeMap<String, Reason>, ProveError> {
    let tasks: Vec<Task<'_>> = dead.iter().map(|policy| matches(subject, policy)).collect();
    let unmatched = solver.settle(known, &tasks)?;
    let is_unmatched = |at: usize| matches!(unmatched.get(at), Some(Verdict::Proven));
    let matching = dead.iter().enumerate().filter(|(at, _)| !is_unmatched(*at)).map(|(_, policy)| *policy);
    let matching: Vec<&Policy> = matching.collect();
    let covered = Search { subject, own, known, solver }.reasons(&matching)?;
    let place = |id: &String| {
        let view = subject.snapshot.policies().find(|view| view.id() == id);
        view.and_then(|view| view.source().map(str::to_owned))
    };
    let mut reasons = BTreeMap::new();
    for policy in dead {
        reasons.insert(policy.id.clone(), ("no request matches it".to_owned(), Vec::new()));
    }
    for (policy, covered) in matching.iter().zip(covered) {
        let (reason, ids) = match (covered, policy.effect) {
            (Covered::NothingAllowed, Effect::Permit) => (
                "it changes no answer: each request that it matches is denied for its route or its model",
                Vec::new(),
            ),
            (Covered::NothingAllowed, Effect::Forbid) => {
                ("it changes no answer: no rule allows what it forbids", Vec::new())
            }
            (Covered::By(ids), _) if ids.len() == 1 => {
                ("it changes no answer: another rule decides each request that it matches", ids)
            }
            (Covered::By(ids), _) => {
                ("it changes no answer: one of these rules decides each request that it matches", ids)
            }
            (Covered::Unknown, _) => ("it changes no answer: other rules always decide alike", Vec::new()),
        };
        let because = ids.into_iter().map(|id| (id.clone(), place(&id))).collect();
        reasons.insert(policy.id.clone(), (reason.to_owned(), because));
    }
    Ok(reasons)
}

/// Finds a request that the policy matches.
fn matches<'t>(subject: &'t Subject, policy: &'t Policy) -> Task<'t> {
    let mut task = Task::existence(&subject.snapshot);
    for (question, variant) in ASKED.into_iter().filter(|(question, _)| policy.is_about(*question)) {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                let world = requests.side(0)?;
                Ok(all(&[world.accepts()?, world.condition(policy, question)]))
            }),
        ));
    }
    task
}

/// Finds a request that the policy decides alone: without it, the answer would be another.
fn alone<'t>(subject: &'t Subject, own: &'t [Policy], policy: &'t Policy) -> Task<'t> {
    let mut task = Task::existence(&subject.snapshot);
    for (question, variant) in ASKED.into_iter().filter(|(question, _)| policy.is_about(*question)) {
        task.formulas.push((
            variant,
            Box::new(move |requests| {
                let mut parts = could_decide(requests, own, policy, question, variant)?;
                let world = requests.side(0)?;
                let decides = |other: &&Policy| {
                    let can = policy.effect == Effect::Permit || other.effect == Effect::Forbid;
                    can && other.id != policy.id && other.is_about(question)
                };
                let others = own.iter().filter(decides).map(|other| world.condition(other, question));
                parts.push(not(any(&others.collect::<Vec<_>>())));
                Ok(all(&parts))
            }),
        ));
    }
    task
}
