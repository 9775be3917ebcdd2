//! Divides all names of models, and all paths, into finitely many classes whose members every rule treats alike.
//!
//! Input: the names and wildcards of configurations, policies and files. Output: one witness for each class. The division
//! is complete: `automaton` explores every text, so a text that no class stands for does not exist.

mod automaton;
mod models;
mod routes;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

pub(super) use models::models;
pub(super) use routes::{METHODS, methods_that_run_unnamed, routes, runs_unnamed};

/// A class of texts.
#[derive(Clone, Debug)]
pub(super) struct Class {
    /// A member, the shortest of those that nothing prefers.
    pub(super) witness: String,
    /// Whether it is the only member.
    pub(super) is_single: bool,
    /// Whether lists of denied models tell its members apart by their spelling, for each side.
    pub(super) by_spelling: [bool; 2],
}

/// Joins classes that nothing tells apart. `preferred` orders the witnesses, the best first.
pub(super) fn joined<T: Ord, P: Ord>(
    classes: Vec<Class>,
    told_apart_by: impl Fn(&Class) -> T,
    preferred: impl Fn(&str) -> P,
) -> Vec<Class> {
    let mut groups: BTreeMap<T, Class> = BTreeMap::new();
    for class in classes {
        match groups.entry(told_apart_by(&class)) {
            Entry::Vacant(place) => {
                place.insert(class);
            }
            Entry::Occupied(mut place) => {
                let known = place.get_mut();
                if preferred(&class.witness) < preferred(&known.witness) {
                    *known = class;
                }
                known.is_single = false;
            }
        }
    }
    groups.into_values().collect()
}
