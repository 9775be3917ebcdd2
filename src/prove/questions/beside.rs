//! Finds dead rules by the rules that a search saw to decide beside them.
//!
//! A question about a rule and a few others is small, where the question whether a rule decides alone is about all rules. If
//! these few decide each request that the rule matches, whatever else is true of a request, so do all.

use std::collections::{BTreeSet, HashMap};
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
    Covered(Vec<&'p Policy>),
}

/// For each rule, whether the rules that were seen beside it are the reason why it decides nothing. `None`: they are not, or
/// the solver does not know.
pub(super) fn beside<'p>(
    own: &'p [Policy],
    known: &Known<'_>,
    solver: &Solver,
    open: &[(&Policy, &Seen)],
) -> Result<Vec<Option<Beside<'p>>>, ProveError> {
    let by_id: HashMap<&str, &Policy> = own.iter().map(|policy| (policy.id.as_str(), policy)).collect();
    let of = |ids: &BTreeSet<Arc<str>>| ids.iter().filter_map(|id| by_id.get(&**id).copied()).collect();
    let seen: Vec<[Vec<&Policy>; 2]> =
        open.iter().map(|(_, seen)| [of(&seen.beside), of(&seen.elsewhere)]).collect();
    let (mut queries, mut origins) = (Vec::new(), Vec::new());
    for (at, ((policy, _), [beside, elsewhere])) in open.iter().zip(&seen).enumerate() {
        for (question, has_model) in ASKED.into_iter().filter(|(question, _)| policy.is_about(*question)) {
            let requests = known.requests(Asks { has_model, is_narrow: false })?;
            let world = requests.side(0)?;
            let other = if question == Question::Route { Question::Model } else { Question::Route };
            let denied = if has_model { matching(world, elsewhere, other) } else { any(&[]) };
            let passed = all(&[world.condition(policy, question), not(denied)]);
            let alone = all(&[passed.clone(), not(matching(world, beside, question))]);
            for (way, formula) in [passed, alone].into_iter().enumerate() {
                queries.push(requests.is_imaginable(formula)?);
                origins.push((at, way));
            }
        }
    }
    let is_asked = |policy: &Policy| ASKED.iter().any(|(question, _)| policy.is_about(*question));
    let mut never: Vec<[bool; 2]> = open.iter().map(|(policy, _)| [is_asked(policy); 2]).collect();
    for (answer, (at, way)) in solver.ask(&queries).into_iter().zip(origins) {
        let place = never.get_mut(at).and_then(|never| never.get_mut(way));
        place.into_iter().for_each(|never| *never &= answer == Answer::Never);
    }
    let found = seen.into_iter().zip(never).map(|([beside, _], never)| match never {
        [true, _] => Some(Beside::Denied),
        [false, true] => Some(Beside::Covered(beside)),
        [false, false] => None,
    });
    Ok(found.collect())
}

/// One of these rules matches.
fn matching(world: &World<'_>, rules: &[&Policy], question: Question) -> Formula {
    let about = rules.iter().filter(|rule| rule.is_about(question));
    any(&about.map(|rule| world.condition(rule, question)).collect::<Vec<_>>())
}
