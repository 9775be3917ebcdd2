//! Finds the rules because of which a dead rule changes no answer.

use std::collections::BTreeMap;

use cedar_policy::Effect;

use super::beside::{Beside, Few, covers};
use super::task::{ASKED, Solver, Task, Variant};
use crate::prove::ProveError;
use crate::prove::candidates::Seen;
use crate::prove::encode::{Policy, Question};
use crate::prove::formula::{Formula, all, any, not};
use crate::prove::report::Verdict;
use crate::prove::space::{Known, Requests};
use crate::prove::subject::Subject;

/// The number of questions whether a single rule is the reason. After it, sets are searched by halves.
const MOST_SINGLE: usize = 2_000;
/// The number of dead rules for which sets of several rules are searched, a question after the other.
const MOST_SEARCHED: usize = 20;

/// A rule that decides no request.
pub(super) struct Dead<'p> {
    pub(super) policy: &'p Policy,
    pub(super) seen: Seen,
    /// The rules because of which it does, if they were seen beside it.
    pub(super) beside: Option<Beside<'p>>,
}

impl<'p> Dead<'p> {
    /// Rivals of the rule, beside what was seen to deny the other question. `None`: what was seen is not the reason.
    fn few(&self, rivals: &[&'p Policy]) -> Option<Few<'p>> {
        match &self.beside {
            Some(Beside::Covered(few)) => Some(Few { rivals: rivals.to_vec(), ..few.clone() }),
            _ => None,
        }
    }
}

/// Why a rule that matches requests decides none of them.
pub(super) enum Covered {
    /// Every request that it matches is denied, or none is allowed that it could forbid.
    NothingAllowed,
    /// One of these rules decides each request that it matches. None of them can be left out.
    By(Vec<String>),
    /// Other rules do, but it is not known which.
    Others,
    /// Nothing was found out within the limits.
    Unknown,
}

/// The rules among which the reasons are.
pub(super) struct Search<'s, 'k> {
    pub(super) subject: &'s Subject,
    pub(super) own: &'s [Policy],
    pub(super) known: &'s Known<'k>,
    pub(super) solver: &'s Solver,
}

impl<'s> Search<'s, '_> {
    /// Finds the reason for each of these dead rules.
    pub(super) fn reasons(&self, dead: &[&Dead<'s>]) -> Result<Vec<Covered>, ProveError> {
        let evident = |dead: &Dead<'s>| match (&dead.beside, dead.seen.could_decide) {
            (Some(Beside::Denied), _) => Some(Verdict::Proven),
            (_, true) => Some(Verdict::Violated { reason: None, counterexample: None }),
            (_, false) => None,
        };
        let alone = dead.iter().filter(|dead| evident(dead).is_none());
        let alone: Vec<Asked<'_>> = alone.map(|dead| (dead.policy, Vec::new())).collect();
        let mut asked = self.cover(&alone)?.into_iter();
        let nothing: Vec<Verdict> =
            dead.iter().filter_map(|dead| evident(dead).or_else(|| asked.next())).collect();
        let rivals: Vec<Vec<&Policy>> = dead.iter().map(|dead| self.rivals(dead)).collect();
        let mut singles: Vec<(&Dead<'s>, &'s Policy)> = Vec::new();
        for ((dead, rivals), nothing) in dead.iter().zip(&rivals).zip(&nothing) {
            if matches!(nothing, Verdict::Violated { .. }) && singles.len() + rivals.len() <= MOST_SINGLE {
                singles.extend(rivals.iter().map(|rival| (*dead, *rival)));
            }
        }
        let covering = self.covering(&singles)?;
        let single = |policy: &Policy| covering.get(policy.id.as_str()).map(|rival| rival.id.clone());
        let mut searched = 0;
        let mut reasons = Vec::new();
        for ((dead, rivals), nothing) in dead.iter().zip(&rivals).zip(&nothing) {
            reasons.push(match (nothing, single(dead.policy)) {
                (Verdict::Proven, _) => Covered::NothingAllowed,
                (Verdict::Undecided(_), _) => Covered::Unknown,
                (_, Some(id)) => Covered::By(vec![id]),
                (_, None) if searched < MOST_SEARCHED => {
                    searched += 1;
                    self.needed(dead, rivals)?
                }
                (_, None) => Covered::Others,
            });
        }
        Ok(reasons)
    }

    /// For each dead rule, by its id, a rule that decides each request that it matches.
    fn covering<'d>(
        &self,
        asked: &[(&'d Dead<'s>, &'s Policy)],
    ) -> Result<BTreeMap<&'d str, &'s Policy>, ProveError> {
        let (seen, others): (Vec<_>, Vec<_>) = asked.iter().partition(|(dead, _)| dead.few(&[]).is_some());
        let few = seen.iter().filter_map(|(dead, rival)| Some((dead.policy, dead.few(&[rival])?)));
        let found = covers(self.known, self.solver, &few.collect::<Vec<_>>())?;
        let alone: Vec<Asked<'_>> = others.iter().map(|(dead, rival)| (dead.policy, vec![*rival])).collect();
        let proven = self.cover(&alone)?.into_iter().map(|verdict| matches!(verdict, Verdict::Proven));
        let each = seen.iter().zip(found).chain(others.iter().zip(proven));
        let mut covering = BTreeMap::new();
        for ((dead, rival), _) in each.filter(|(_, covers)| *covers) {
            covering.entry(dead.policy.id.as_str()).or_insert(*rival);
        }
        Ok(covering)
    }

    /// The rules that can decide in place of this one: those that were seen to, or those that deny what it denies, or decide what
    /// it allows. Rules of the same effect come first, because they say the same.
    fn rivals(&self, dead: &Dead<'s>) -> Vec<&'s Policy> {
        let policy = dead.policy;
        if let Some(Beside::Covered(few)) = &dead.beside {
            let (alike, others): (Vec<&Policy>, Vec<&Policy>) =
                few.rivals.iter().partition(|other| other.effect == policy.effect);
            return alike.into_iter().chain(others).collect();
        }
        let is_rival = |other: &&Policy| {
            let shares = Question::ALL
                .into_iter()
                .any(|question| policy.is_about(question) && other.is_about(question));
            shares
                && other.id != policy.id
                && (policy.effect == Effect::Permit || other.effect == Effect::Forbid)
        };
        let (alike, others): (Vec<_>, Vec<_>) =
            self.own.iter().filter(is_rival).partition(|other| other.effect == policy.effect);
        alike.into_iter().chain(others).collect()
    }

    /// A set of rules that decides in place of this one, and of which none can be left out (QuickXplain).
    fn needed(&self, dead: &Dead<'s>, rivals: &[&'s Policy]) -> Result<Covered, ProveError> {
        let policy = dead.policy;
        let by = |rules: &[&Policy]| Covered::By(rules.iter().map(|policy| policy.id.clone()).collect());
        let mut rules = rivals.to_vec();
        if dead.few(&[]).is_some() {
            let is_enough = |rules: &[&'s Policy]| {
                let few = dead.few(rules).map(|few| (policy, few));
                Ok(Some(covers(self.known, self.solver, few.as_slice())? == [true]))
            };
            rules = halves(&is_enough, &[], rivals, false)?.unwrap_or(rules);
            // One may still be left out because of what else is true of requests.
            let without =
                |at: usize| [rules.get(..at), rules.get(at + 1..)].map(Option::unwrap_or_default).concat();
            let asked: Vec<Asked<'_>> = (0..rules.len()).map(|at| (policy, without(at))).collect();
            let found = self.cover(&asked)?;
            if found.iter().all(|verdict| matches!(verdict, Verdict::Violated { .. })) {
                return Ok(by(&rules));
            }
        } else if self.covers(policy, rivals)? != Some(true) {
            return Ok(Covered::Unknown);
        }
        let needed = halves(&|rules: &[&'s Policy]| self.covers(policy, rules), &[], &rules, false)?;
        Ok(needed.map_or(Covered::Others, |needed| by(&needed)))
    }

    fn covers(&self, policy: &'s Policy, rivals: &[&'s Policy]) -> Result<Option<bool>, ProveError> {
        Ok(match self.cover(&[(policy, rivals.to_vec())])?.pop() {
            Some(Verdict::Proven) => Some(true),
            Some(Verdict::Violated { .. }) => Some(false),
            Some(Verdict::Undecided(_)) | None => None,
        })
    }

    /// That each of these rules decides nothing because of the rules beside it.
    fn cover(&self, asked: &[Asked<'s>]) -> Result<Vec<Verdict>, ProveError> {
        let tasks: Vec<Task<'_>> = asked.iter().map(|asked| self.task(asked)).collect();
        self.solver.settle(self.known, &tasks)
    }

    /// Finds a request that a rule could decide, and that none of the others decides.
    fn task<'t>(&'t self, (policy, rivals): &'t Asked<'s>) -> Task<'t> {
        let mut task = Task::existence(&self.subject.snapshot);
        for (question, variant) in ASKED.into_iter().filter(|(question, _)| policy.is_about(*question)) {
            task.formulas.push((
                variant,
                Box::new(move |requests| {
                    let mut parts = could_decide(requests, self.own, policy, question, variant)?;
                    let world = requests.side(0)?;
                    let about = rivals.iter().filter(|rival| rival.is_about(question));
                    let rivals: Vec<Formula> = about.map(|rival| world.condition(rival, question)).collect();
                    parts.push(not(any(&rivals)));
                    Ok(all(&parts))
                }),
            ));
        }
        task
    }
}

/// Asks whether these rules are enough. `None`: the solver did not find out.
type IsEnough<'f, 's> = dyn Fn(&[&'s Policy]) -> Result<Option<bool>, ProveError> + 'f;

/// Those of the rest that are needed beside the given. `None`: the solver did not find out.
fn halves<'s>(
    is_enough: &IsEnough<'_, 's>,
    given: &[&'s Policy],
    rest: &[&'s Policy],
    may_be_enough: bool,
) -> Result<Option<Vec<&'s Policy>>, ProveError> {
    if may_be_enough {
        match is_enough(given)? {
            Some(true) => return Ok(Some(Vec::new())),
            Some(false) => {}
            None => return Ok(None),
        }
    }
    if rest.len() <= 1 {
        return Ok(Some(rest.to_vec()));
    }
    let (first, second) = rest.split_at(rest.len() / 2);
    let Some(of_second) = halves(is_enough, &[given, first].concat(), second, true)? else {
        return Ok(None);
    };
    let given = [given, &of_second].concat();
    let of_first = halves(is_enough, &given, first, !of_second.is_empty())?;
    Ok(of_first.map(|of_first| [of_first, of_second].concat()))
}

/// A rule, and rules that may decide in its place.
type Asked<'p> = (&'p Policy, Vec<&'p Policy>);

/// The requests that a rule matches, and whose answer it can change if no other rule decides.
pub(super) fn could_decide(
    requests: &Requests<'_>,
    own: &[Policy],
    policy: &Policy,
    question: Question,
    has_model: Variant,
) -> Result<Vec<Formula>, ProveError> {
    let world = requests.side(0)?;
    let mut parts = vec![world.accepts()?, world.condition(policy, question)];
    if policy.effect == Effect::Forbid {
        let permits = own.iter().filter(|other| other.effect == Effect::Permit && other.is_about(question));
        parts.push(any(&permits.map(|permit| world.condition(permit, question)).collect::<Vec<_>>()));
    }
    if has_model {
        let other = match question {
            Question::Route => Question::Model,
            Question::Model => Question::Route,
        };
        parts.push(world.permits(own, other));
    }
    Ok(parts)
}
