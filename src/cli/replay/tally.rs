//! Counts changed decisions in groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::line::{self, Left};
use crate::decision_log::{Input, Line};
use crate::engine::Snapshot;

/// The counts so far.
#[derive(Default)]
pub(super) struct Tally {
    /// The number of lines that were decided again.
    pub(super) decided: usize,
    pub(super) groups: BTreeMap<Group, Found>,
    /// Lines that could not be decided again.
    pub(super) left: BTreeMap<Left, Found>,
}

/// Requests with the same change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) change: Change,
    /// The rule that denies now, or the rule that denied before if the request is allowed now.
    pub(super) rule: String,
    /// The policies that decide with the new rules.
    pub(super) policies: Vec<String>,
    pub(super) method: String,
    pub(super) route: String,
    pub(super) models: Vec<String>,
    pub(super) role: Option<String>,
}

/// The type of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    NowDenied,
    NowAllowed,
    /// Denied with both, by different rules.
    OtherRule,
}

/// A count, with the first example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) count: usize,
    pub(super) example: String,
}

impl Tally {
    pub(super) fn add(&mut self, snapshot: &Snapshot, line: &Line) -> Result<(), String> {
        match line::input(line) {
            Ok(input) => {
                self.decided += 1;
                if let Some(group) = changed(snapshot, line, input)? {
                    count(&mut self.groups, group, line);
                }
            }
            Err(left) => count(&mut self.left, left, line),
        }
        Ok(())
    }

    /// The number of decisions with this change.
    pub(super) fn count(&self, change: Change) -> usize {
        let groups = self.groups.iter().filter(|(group, _)| group.change == change);
        groups.map(|(_, found)| found.count).sum()
    }

    /// Whether any decision changed.
    pub(super) fn changed(&self) -> bool {
        self.count(Change::NowDenied) + self.count(Change::NowAllowed) > 0
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, Found>, key: K, line: &Line) {
    let found = counts.entry(key).or_insert_with(|| Found { count: 0, example: line.request_id.clone() });
    found.count += 1;
}

fn changed(snapshot: &Snapshot, line: &Line, input: &Input) -> Result<Option<Group>, String> {
    let query = line::query(input)?;
    let outcome = match line::caller(input, snapshot) {
        Some(caller) => snapshot
            .decide_query(&caller, &query)
            .map_err(|denied| (denied.rule.as_str(), denied.decision.policies)),
        None => Err((NO_MASTER_KEY, Arc::default())),
    };
    let before = line.rule.as_deref().unwrap_or_default();
    let (change, rule, policies) = match (line::was_allowed(line), outcome) {
        (true, Ok(_)) => return Ok(None),
        (true, Err((rule, policies))) => (Change::NowDenied, rule, policies),
        (false, Ok(decision)) => (Change::NowAllowed, before, decision.policies),
        (false, Err((rule, _))) if rule == before => return Ok(None),
        (false, Err((rule, policies))) => (Change::OtherRule, rule, policies),
    };
    let role = line.caller.as_ref().and_then(|caller| caller.role.as_deref());
    Ok(Some(Group {
        change,
        rule: rule.to_owned(),
        policies: policies.iter().map(ToString::to_string).collect(),
        models: query.models.iter().map(ToString::to_string).collect(),
        method: query.method,
        route: query.route,
        role: role.map(str::to_owned),
    }))
}

/// The line used the master key, and this configuration has none. The gateway would refuse the credential.
const NO_MASTER_KEY: &str = "no_master_key";
