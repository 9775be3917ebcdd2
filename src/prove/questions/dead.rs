//! Every rule matters: it decides at least one request.

use std::collections::BTreeMap;

use cedar_policy::Effect;

use super::beside::{Beside, beside};
use super::cover::{Covered, Dead, Search, could_decide};
use super::task::{ASKED, Solver, Task};
use crate::engine::{PolicyView, Rule};
use crate::prove::ProveError;
use crate::prove::candidates::{FOR_RULE, Seen};
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
    let mut found: Vec<Found<'_>> = written.iter().map(|_| Found::Open(Seen::default())).collect();
    for attempts in [FEW, FOR_RULE] {
        look(known, solver, &written, &mut found, attempts)?;
    }
    // The solver is asked about the others, beside all rules.
    let open = written.iter().zip(&found).filter(|(_, found)| matches!(found, Found::Open(_)));
    let tasks: Vec<Task<'_>> = open.map(|((_, policy), _)| alone(subject, own, policy)).collect();
    let mut asked = solver.settle(known, &tasks)?.into_iter();
    let (mut decides, mut dead) = (Vec::new(), Vec::new());
    for ((_, policy), found) in written.iter().zip(found) {
        let (verdict, seen, beside) = match found {
            Found::Decides => {
                (Verdict::Violated { reason: None, counterexample: None }, Seen::default(), None)
            }
            Found::Dead(seen, beside) => (Verdict::Proven, seen, Some(beside)),
            Found::Open(seen) => {
                let verdict = asked.next().unwrap_or(Verdict::Undecided("it was not asked".to_owned()));
                (verdict, seen, None)
            }
        };
        dead.extend(matches!(verdict, Verdict::Proven).then_some(Dead { policy, seen, beside }));
        decides.push(verdict);
    }
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

/// The number of requests that the engine decides for each question about a rule at first. Most rules decide one of them, and
/// of most others, they show the reason.
const FEW: usize = 30;

/// What a search found out about a rule.
enum Found<'p> {
    /// It decides a request.
    Decides,
    Dead(Seen, Beside<'p>),
    Open(Seen),
}

/// Looks for requests that the open rules decide, and asks the solver about those of which none is found, beside the rules that
/// were seen.
fn look<'k>(
    known: &'k Known<'_>,
    solver: &Solver,
    written: &[(&PolicyView<'_>, &Policy)],
    found: &mut [Found<'k>],
    attempts: usize,
) -> Result<(), ProveError> {
    let guide = known.guide(0)?;
    let own = known.space.policies.first().map(Vec::as_slice).unwrap_or_default();
    let open = found.iter().enumerate().filter(|(_, found)| matches!(found, Found::Open(_)));
    let open: Vec<usize> = open.map(|(at, _)| at).collect();
    let search = |at: usize| {
        let (_, policy) = written.get(*open.get(at)?)?;
        Some(guide.alone_or_seen(&policy.id, &ASKED, attempts, solver.limits.search_ends()))
    };
    let searched = in_parallel(open.len(), || (), |(), at| search(at)).into_iter().map(Option::flatten);
    let mut left = Vec::new();
    for (at, searched) in open.iter().zip(searched) {
        match searched.unwrap_or(Err(Seen::default())) {
            Ok(_) => _ = found.get_mut(*at).map(|place| *place = Found::Decides),
            Err(seen) => left.push((*at, seen)),
        }
    }
    let of = |at: usize| written.get(at).map(|(_, policy)| *policy);
    let asked: Vec<(&Policy, &Seen)> = left.iter().filter_map(|(at, seen)| Some((of(*at)?, seen))).collect();
    let answers = beside(own, known, solver, &asked)?;
    for ((at, seen), beside) in left.into_iter().zip(answers) {
        let known = match beside {
            Some(beside) => Found::Dead(seen, beside),
            None => Found::Open(seen),
        };
        if let Some(place) = found.get_mut(at) {
            *place = known;
        }
    }
    Ok(())
}

/// What is said of a dead rule if the reason was not found within the limits.
const NOT_FOUND: &str = "it changes no answer, and why was not found out in time";

/// Why a rule is dead, and the rules because of which it is, each with its place.
type Reason = (String, Vec<(String, Option<String>)>);

/// The reason for each dead rule, by its id.
fn reasons<'s>(
    subject: &'s Subject,
    own: &'s [Policy],
    known: &'s Known<'_>,
    solver: &'s Solver,
    dead: &[Dead<'s>],
) -> Result<BTreeMap<String, Reason>, ProveError> {
    let unseen = dead.iter().filter(|dead| !dead.seen.is_matched);
    let unseen: Vec<&Policy> = unseen.map(|dead| dead.policy).collect();
    let tasks: Vec<Task<'_>> = unseen.iter().map(|policy| matches(subject, policy)).collect();
    let mut reasons = BTreeMap::new();
    for (policy, verdict) in unseen.iter().zip(solver.settle(known, &tasks)?) {
        let reason = match verdict {
            Verdict::Proven => "no request matches it",
            Verdict::Undecided(_) => NOT_FOUND,
            Verdict::Violated { .. } => continue,
        };
        reasons.insert(policy.id.clone(), (reason.to_owned(), Vec::new()));
    }
    let matching: Vec<&Dead<'_>> =
        dead.iter().filter(|dead| !reasons.contains_key(&dead.policy.id)).collect();
    let covered = Search { subject, own, known, solver }.reasons(&matching)?;
    let place = |id: &String| {
        let view = subject.snapshot.policies().find(|view| view.id() == id);
        view.and_then(|view| view.source().map(str::to_owned))
    };
    for (policy, covered) in matching.iter().map(|dead| dead.policy).zip(covered) {
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
            (Covered::Others, _) => ("it changes no answer: other rules always decide alike", Vec::new()),
            (Covered::Unknown, _) => (NOT_FOUND, Vec::new()),
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
