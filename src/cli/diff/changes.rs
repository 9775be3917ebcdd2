//! What the two sides answer differently.

use super::side::{Grant, Side};
use super::universe::{Item, Kind, Universe};

/// Something that a caller may do on one side, and not, or not in the same way, on the other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    pub(super) item: Item,
    pub(super) old: Grant,
    pub(super) new: Grant,
}

/// Callers for whom the same changed.
pub(super) struct Changed {
    pub(super) kinds: Vec<Kind>,
    pub(super) changes: Vec<Change>,
}

/// Every change, told once: not again for a caller whose token says more than that of one who is affected already.
pub(super) fn find(universe: &Universe, old: &Side, new: &Side) -> Vec<Changed> {
    let mut found: Vec<(&Kind, Vec<Change>)> = Vec::new();
    for kind in &universe.kinds {
        let callers = (old.caller(kind), new.caller(kind));
        let mut changes = Vec::new();
        for item in &universe.items {
            let grant = |side: &Side, caller: &Option<_>| {
                caller.as_ref().map_or(Grant::No, |caller| side.grant(caller, item))
            };
            let (before, after) = (grant(old, &callers.0), grant(new, &callers.1));
            if before != after {
                changes.push(Change { item: item.clone(), old: before, new: after });
            }
        }
        let told: Vec<&Change> =
            found.iter().filter(|(less, _)| less.is_part_of(kind)).flat_map(|(_, changes)| changes).collect();
        changes.retain(|change| !told.contains(&change));
        if !changes.is_empty() {
            found.push((kind, changes));
        }
    }
    grouped(found)
}

fn grouped(found: Vec<(&Kind, Vec<Change>)>) -> Vec<Changed> {
    let mut groups: Vec<Changed> = Vec::new();
    for (kind, changes) in found {
        match groups.iter_mut().find(|group| group.changes == changes) {
            Some(group) => group.kinds.push(kind.clone()),
            None => groups.push(Changed { kinds: vec![kind.clone()], changes }),
        }
    }
    groups
}
