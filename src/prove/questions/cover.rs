//! Finds the rules because of which a dead rule changes no answer.

use cedar_policy::Effect;

use super::task::{ASKED, Solver, Task, Variant};
use crate::prove::ProveError;
use crate::prove::encode::{Policy, Question};
use crate::prove::formula::{Formula, all, any, not};
use crate::prove::report::Verdict;
use crate::prove::space::{Known, Requests};
use crate::prove::subject::Subject;

/// The number of questions whether a single rule is the reason. Above it, sets are searched by halves.
const MOST_SINGLE: usize = 2_000;
/// The number of dead rules for which sets of several rules are searched, a question after the other.
const MOST_SEARCHED: usize = 20;

/// Why a rule that matches requests decides none of them.
pub(super) enum Covered {
    /// Every request that it matches is denied, or none is allowed that it could forbid.
    NothingAllowed,
    /// One of these rules decides each request that it matches. None of them can be left out.
    By(Vec<String>),
    /// Other rules do, but it is not known which.
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
    pub(super) fn reasons(&self, dead: &[&'s Policy]) -> Result<Vec<Covered>, ProveError> {
        let alone: Vec<Asked<'_>> = dead.iter().map(|policy| (*policy, Vec::new())).collect();
        let nothing = self.cover(&alone)?;
        let rivals: Vec<Vec<&Policy>> = dead.iter().map(|policy| self.rivals(policy)).collect();
        let mut singles: Vec<Asked<'_>> = Vec::new();
        let open = || dead.iter().zip(&rivals).zip(&nothing).filter(|(_, nothing)| !**nothing);
        if open().map(|((_, rivals), _)| rivals.len()).sum::<usize>() <= MOST_SINGLE {
            for ((policy, rivals), _) in open() {
                singles.extend(rivals.iter().map(|rival| (*policy, vec![*rival])));
            }
        }
        let found = self.cover(&singles)?;
        let single = |policy: &Policy| {
            let of = singles.iter().zip(&found).find(|((of, _), covers)| of.id == policy.id && **covers);
            of.and_then(|((_, rivals), _)| rivals.first()).map(|rival| rival.id.clone())
        };
        let mut searched = 0;
        let mut reasons = Vec::new();
        for ((policy, rivals), nothing) in dead.iter().zip(&rivals).zip(&nothing) {
            reasons.push(match single(policy) {
                _ if *nothing => Covered::NothingAllowed,
                Some(id) => Covered::By(vec![id]),
                None if searched < MOST_SEARCHED => {
                    searched += 1;
                    self.needed(policy, rivals)?
                }
                None => Covered::Unknown,
            });
        }
        Ok(reasons)
    }

    /// The rules that can decide in place of this one: those that deny what it denies, or decide what it allows. Rules of the
    /// same effect come first, because they say the same.
    fn rivals(&self, policy: &Policy) -> Vec<&'s Policy> {
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
    fn needed(&self, policy: &'s Policy, rivals: &[&'s Policy]) -> Result<Covered, ProveError> {
        // What the solver does not find out counts as needed.
        if !self.covers(policy, rivals)? {
            return Ok(Covered::Unknown);
        }
        let needed = self.halves(policy, &[], rivals, false)?;
        Ok(Covered::By(needed.into_iter().map(|policy| policy.id.clone()).collect()))
    }

    fn halves(
        &self,
        policy: &'s Policy,
        given: &[&'s Policy],
        rest: &[&'s Policy],
        may_be_enough: bool,
    ) -> Result<Vec<&'s Policy>, ProveError> {
        if may_be_enough && self.covers(policy, given)? {
            return Ok(Vec::new());
        }
        if rest.len() <= 1 {
            return Ok(rest.to_vec());
        }
        let (first, second) = rest.split_at(rest.len() / 2);
        let of_second = self.halves(policy, &[given, first].concat(), second, true)?;
        let mut needed = self.halves(policy, &[given, &of_second].concat(), first, !of_second.is_empty())?;
        needed.extend(of_second);
        Ok(needed)
    }

    fn covers(&self, policy: &'s Policy, rivals: &[&'s Policy]) -> Result<bool, ProveError> {
        Ok(self.cover(&[(policy, rivals.to_vec())])? == [true])
    }

    /// Whether each of these rules decides nothing because of the rules beside it.
    fn cover(&self, asked: &[Asked<'s>]) -> Result<Vec<bool>, ProveError> {
        let tasks: Vec<Task<'_>> = asked.iter().map(|asked| self.task(asked)).collect();
        let verdicts = self.solver.settle(self.known, &tasks)?;
        Ok(verdicts.iter().map(|verdict| matches!(verdict, Verdict::Proven)).collect())
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
