//! Combines Cedar's answers into an outcome.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::facts::PolicyFacts;
use super::questions::Verdict;
use crate::rules::Rule;

/// The part of a decision that does not depend on the individual caller.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Outcome {
    /// The first rule that denies, in the order of the rules.
    pub(in crate::engine) denying: Option<Rule>,
    /// The ids of the policies that decided, sorted.
    pub(in crate::engine) policies: Arc<[Arc<str>]>,
    /// The ids of the shadow policies that would have changed the decision, sorted.
    pub(in crate::engine) shadow: Arc<[Arc<str>]>,
    pub(in crate::engine) reason: Option<Arc<str>>,
    pub(in crate::engine) is_floor: bool,
}

impl Outcome {
    /// Combines the verdicts. The verdict on the route comes first.
    pub(in crate::engine) fn new(is_matched: bool, verdicts: &[&Verdict]) -> Self {
        let shadow = ids(verdicts.iter().flat_map(|verdict| verdict.disagreeing()));
        let Some(rule) = denying(is_matched, verdicts) else {
            let policies = ids(verdicts.iter().flat_map(|verdict| &verdict.live.permits));
            return Self { denying: None, policies, shadow, reason: None, is_floor: false };
        };
        let forbids = || verdicts.iter().flat_map(|verdict| &verdict.live.forbids);
        // Cedar keeps no order. Of several denying policies, the one with the smallest id provides the reason.
        let with_reason = forbids().filter(|facts| facts.rule == rule && facts.reason.is_some());
        let reason = with_reason.min_by_key(|facts| &facts.id).and_then(|facts| facts.reason.clone());
        let is_floor = forbids().any(|facts| facts.rule == Rule::Floor);
        Self { denying: Some(rule), policies: ids(forbids()), shadow, reason, is_floor }
    }
}

fn denying(is_matched: bool, verdicts: &[&Verdict]) -> Option<Rule> {
    let rules = verdicts.iter().enumerate().flat_map(|(question, verdict)| {
        let ungranted = match question {
            _ if !is_matched => Rule::Unmatched,
            0 => Rule::Route,
            _ => Rule::Model,
        };
        let ungranted = verdict.live.permits.is_empty().then_some(ungranted);
        verdict.live.forbids.iter().map(|facts| facts.rule).chain(ungranted)
    });
    rules.min()
}

/// The ids of the policies, sorted.
fn ids<'f>(facts: impl IntoIterator<Item = &'f Arc<PolicyFacts>>) -> Arc<[Arc<str>]> {
    let ids: BTreeSet<&Arc<str>> = facts.into_iter().map(|facts| &facts.id).collect();
    ids.into_iter().cloned().collect()
}
