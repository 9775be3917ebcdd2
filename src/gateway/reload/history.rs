//! The newest attempts to reload, with what each changed.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::time::SystemTime;

use crate::engine::Snapshot;
use crate::gateway::loading::generation::Generation;

/// The number of attempts that are kept.
const MOST: usize = 50;
/// The maximum number of names in a change.
const MOST_NAMES: usize = 10;

/// An attempt that activated new rules or was refused.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    /// Its number, from 1.
    pub(crate) number: u64,
    pub(crate) at: SystemTime,
    /// The reason why it was refused.
    pub(crate) error: Option<String>,
    /// The generation that is active afterwards, and the hash of its files.
    pub(crate) generation: u64,
    pub(crate) hash: Option<String>,
    /// What it changed, in words.
    pub(crate) changes: Vec<String>,
}

/// The newest attempts.
#[derive(Debug, Default)]
pub(super) struct History {
    attempts: VecDeque<Attempt>,
    number: u64,
}

impl History {
    /// Adds an attempt. Returns its number.
    pub(super) fn add(&mut self, active: &Generation, error: Option<String>, changes: Vec<String>) -> u64 {
        self.number += 1;
        let attempt = Attempt {
            number: self.number,
            at: SystemTime::now(),
            error,
            generation: active.snapshot().generation(),
            hash: active.origin().map(|origin| origin.hash.clone()),
            changes,
        };
        self.attempts.push_back(attempt);
        if self.attempts.len() > MOST {
            self.attempts.pop_front();
        }
        self.number
    }

    /// The attempts, oldest first.
    pub(super) fn list(&self) -> Vec<Attempt> {
        self.attempts.iter().cloned().collect()
    }
}

/// What differs between two generations, in words. The names of files come first.
pub(super) fn changes(old: &Generation, new: &Generation) -> Vec<String> {
    let mut changes = Vec::new();
    describe("file", &files(old), &files(new), &mut changes);
    describe("policy", &policies(old.snapshot()), &policies(new.snapshot()), &mut changes);
    describe("model", &models(old.snapshot()), &models(new.snapshot()), &mut changes);
    changes
}

fn files(generation: &Generation) -> BTreeMap<Cow<'_, str>, &[u8]> {
    let files = generation.origin().map(|origin| &*origin.rules).unwrap_or_default().iter();
    files.map(|file| (file.path.to_string_lossy(), &*file.content)).collect()
}

fn policies(snapshot: &Snapshot) -> BTreeMap<&str, ()> {
    snapshot.policies().map(|policy| (policy.id(), ())).collect()
}

fn models(snapshot: &Snapshot) -> BTreeMap<&str, ()> {
    snapshot.config().models.iter().map(|model| (model.name.as_str(), ())).collect()
}

fn describe<K: Ord + Display, V: PartialEq>(
    what: &str,
    old: &BTreeMap<K, V>,
    new: &BTreeMap<K, V>,
    changes: &mut Vec<String>,
) {
    let added: Vec<&K> = new.keys().filter(|name| !old.contains_key(*name)).collect();
    let removed = old.keys().filter(|name| !new.contains_key(*name)).collect();
    let changed = new.iter().filter(|(name, value)| old.get(*name).is_some_and(|old| old != *value));
    let changed = changed.map(|(name, _)| name).collect();
    for (how, names) in [("added", added), ("removed", removed), ("changed", changed)] {
        if names.is_empty() {
            continue;
        }
        let shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| format!("`{name}`")).collect();
        let more = names.len().saturating_sub(MOST_NAMES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        changes.push(format!("{what} {how}: {}{more}", shown.join(", ")));
    }
}
