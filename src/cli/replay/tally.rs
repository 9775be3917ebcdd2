//! What would have changed, counted in groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::line::{self, Left};
use crate::decision_log::{Input, Line};
use crate::engine::Snapshot;

/// The lines so far.
#[derive(Default)]
pub(super) struct Tally {
    /// How many lines were decided again.
    pub(super) decided: usize,
    pub(super) groups: BTreeMap<Group, Found>,
    /// Lines that could not be decided again.
    pub(super) left: BTreeMap<Left, Found>,
}

/// Requests that changed alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Group {
    pub(super) change: Change,
    /// The rule that denies: the new one, or the one that did where none does any more.
    pub(super) rule: String,
    /// The policies that decide now.
    pub(super) policies: Vec<String>,
    pub(super) method: String,
    pub(super) route: String,
    pub(super) models: Vec<String>,
    pub(super) role: Option<String>,
}

/// How a decision would have been another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    NowDenied,
    NowAllowed,
    /// Denied before and now, by different rules.
    OtherRule,
}

/// How many, and the first of them.
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

    /// How many decisions would have changed so.
    pub(super) fn count(&self, change: Change) -> usize {
        let groups = self.groups.iter().filter(|(group, _)| group.change == change);
        groups.map(|(_, found)| found.count).sum()
    }

    /// Whether another answer would have been given.
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

/// The master key was used, and this configuration has none: the gateway would not know the caller.
const NO_MASTER_KEY: &str = "no_master_key";
