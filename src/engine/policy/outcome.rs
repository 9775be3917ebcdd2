//! What Cedar's answers come to.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::facts::PolicyFacts;
use super::questions::Verdict;
use crate::rules::Rule;

/// A decision, as far as it does not depend on who asks.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Outcome {
    /// The first rule, in the order of the rules, that denies.
    pub(in crate::engine) denying: Option<Rule>,
    /// The ids of the policies that decided, sorted.
    pub(in crate::engine) policies: Arc<[Arc<str>]>,
    /// The same of the policies under trial that would have decided otherwise.
    pub(in crate::engine) shadow: Arc<[Arc<str>]>,
    pub(in crate::engine) reason: Option<Arc<str>>,
    pub(in crate::engine) is_floor: bool,
}

impl Outcome {
    /// The verdict on the route comes first.
    pub(in crate::engine) fn new(is_matched: bool, verdicts: &[&Verdict]) -> Self {
        let shadow = ids(verdicts.iter().flat_map(|verdict| verdict.disagreeing()));
        let Some(rule) = denying(is_matched, verdicts) else {
            let policies = ids(verdicts.iter().flat_map(|verdict| &verdict.live.permits));
            return Self { denying: None, policies, shadow, reason: None, is_floor: false };
        };
        let forbids = || verdicts.iter().flat_map(|verdict| &verdict.live.forbids);
        // Of several policies that deny, the first by its id speaks: Cedar keeps no order.
        let speaking = forbids().filter(|facts| facts.rule == rule && facts.reason.is_some());
        let reason = speaking.min_by_key(|facts| &facts.id).and_then(|facts| facts.reason.clone());
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

/// Their ids, sorted.
fn ids<'f>(facts: impl IntoIterator<Item = &'f Arc<PolicyFacts>>) -> Arc<[Arc<str>]> {
    let ids: BTreeSet<&Arc<str>> = facts.into_iter().map(|facts| &facts.id).collect();
    ids.into_iter().cloned().collect()
}
