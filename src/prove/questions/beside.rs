//! Finds dead rules by the rules that a search saw to decide beside them.
//!
//! A question about a rule and a few others is small, where the question whether a rule decides alone is about all rules. If
//! these few decide each request that the rule matches, whatever else is true of a request, so do all.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::task::{ASKED, Solver};
use crate::prove::ProveError;
use crate::prove::candidates::Seen;
use crate::prove::encode::{Asks, Policy, Question, World};
use crate::prove::formula::{Formula, all, any, not};
use crate::prove::solve::Answer;
use crate::prove::space::Known;

/// Because of which rules a rule decides nothing.
#[derive(Clone, Debug)]
pub(super) enum Beside<'p> {
    /// The other question of each request that it matches is denied.
    Denied,
    /// One of these decides each request that it matches and whose other question is not denied.
    Covered(Few<'p>),
}

/// The rules that were seen beside a rule.
#[derive(Clone, Debug)]
pub(super) struct Few<'p> {
    /// Those that decided in its place.
    pub(super) rivals: Vec<&'p Policy>,
    /// Those that denied the other question of the request.
    pub(super) elsewhere: Vec<&'p Policy>,
}

/// For each rule, whether the rules that were seen beside it are the reason why it decides nothing. `None`: they are not, or
/// the solver does not know.
pub(super) fn beside<'p>(
    own: &'p [Policy],
    known: &Known<'_>,
    solver: &Solver,
    open: &[(&Policy, &Seen)],
) -> Result<Vec<Option<Beside<'p>>>, ProveError> {
    // In the order of the rules.
    let of =
        |ids: &BTreeSet<Arc<str>>| own.iter().filter(|policy| ids.contains(policy.id.as_str())).collect();
    let few = |seen: &Seen| Few { rivals: of(&seen.beside), elsewhere: of(&seen.elsewhere) };
    let seen: Vec<Few<'p>> = open.iter().map(|(_, seen)| few(seen)).collect();
    let none = |few: &Few<'p>| Few { rivals: Vec::new(), elsewhere: few.elsewhere.clone() };
    let each =
        open.iter().zip(&seen).flat_map(|((policy, _), few)| [(*policy, none(few)), (*policy, few.clone())]);
    let covers = covers(known, solver, &each.collect::<Vec<_>>())?;
    let found = seen.into_iter().zip(covers.chunks(2)).map(|(few, covers)| match covers {
        [true, _] => Some(Beside::Denied),
        [false, true] => Some(Beside::Covered(few)),
        _ => None,
    });
    Ok(found.collect())
}

/// Whether a few rules are the reason why a rule decides nothing, whatever else is true of a request. `false`: they are not, or
/// the solver does not know.
pub(super) fn covers(
    known: &Known<'_>,
    solver: &Solver,
    asked: &[(&Policy, Few<'_>)],
) -> Result<Vec<bool>, ProveError> {
    let (mut queries, mut origins) = (Vec::new(), Vec::new());
    for (at, (policy, few)) in asked.iter().enumerate() {
        for (question, has_model) in ASKED.into_iter().filter(|(question, _)| policy.is_about(*question)) {
            let requests = known.requests(Asks { has_model, is_narrow: false })?;
            let world = requests.side(0)?;
            let other = if question == Question::Route { Question::Model } else { Question::Route };
            let denied = if has_model { matching(world, &few.elsewhere, other) } else { any(&[]) };
            let parts =
                [world.condition(policy, question), not(denied), not(matching(world, &few.rivals, question))];
            queries.push(requests.is_imaginable(all(&parts))?);
            origins.push(at);
        }
    }
    let is_asked = |policy: &Policy| ASKED.iter().any(|(question, _)| policy.is_about(*question));
    let mut covers: Vec<bool> = asked.iter().map(|(policy, _)| is_asked(policy)).collect();
    for (answer, at) in solver.ask(&queries).into_iter().zip(origins) {
        covers.get_mut(at).into_iter().for_each(|covers| *covers &= answer == Answer::Never);
    }
    Ok(covers)
}

/// One of these rules matches.
fn matching(world: &World<'_>, rules: &[&Policy], question: Question) -> Formula {
    let about = rules.iter().filter(|rule| rule.is_about(question));
    any(&about.map(|rule| world.condition(rule, question)).collect::<Vec<_>>())
}
