//! Finds the requests that the two configurations decide differently.

use std::collections::{BTreeMap, BTreeSet};

use super::side::{Grant, Side};
use super::universe::Universe;
use super::universe::kinds::Kind;

/// The subject of a change, by its index among the compared classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    /// A model, on every route that accepts it.
    Model(usize),
    /// A model on one class of routes.
    ModelOnRoute { model: usize, route: usize },
    /// A class of routes, for every model that they accept and for requests without a model.
    Route(usize),
    /// A class of routes for requests without a model.
    RouteAlone(usize),
}

/// A request whose grant differs between the two sides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Change {
    pub(super) item: Item,
    pub(super) old: Grant,
    pub(super) new: Grant,
}

/// Callers with the same changes.
pub(super) struct Changed {
    pub(super) kinds: Vec<Kind>,
    pub(super) changes: Vec<Change>,
}

/// The answers of both sides to one kind of caller, by model and route. The model `None` is a request without
/// a model.
type Cells = BTreeMap<(Option<usize>, usize), [Grant; 2]>;

/// Every change, reported once. A caller whose token contains that of a reported caller does not repeat it.
pub(super) fn find(universe: &Universe, old: &Side, new: &Side) -> Vec<Changed> {
    let mut found: Vec<(&Kind, Vec<Change>)> = Vec::new();
    for kind in &universe.kinds {
        let cells = cells(universe, [old, new], kind);
        if cells.values().all(|[old, new]| old == new) {
            continue;
        }
        let mut changes = changes(universe, &cells);
        let reported: BTreeSet<&Change> =
            found.iter().filter(|(less, _)| less.is_part_of(kind)).flat_map(|(_, changes)| changes).collect();
        changes.retain(|change| !reported.contains(change));
        if !changes.is_empty() {
            found.push((kind, changes));
        }
    }
    grouped(found)
}

fn cells(universe: &Universe, sides: [&Side; 2], kind: &Kind) -> Cells {
    let callers = sides.map(|side| side.caller(kind));
    let team = kind.team.header.as_deref();
    let mut cells = Cells::new();
    if callers.iter().all(Option::is_none) {
        return cells;
    }
    let [(old, old_caller), (new, new_caller)] = {
        let [a, b] = sides;
        let [x, y] = &callers;
        [(a, x), (b, y)]
    };
    let ask = |query: &_| {
        [(old, old_caller), (new, new_caller)]
            .map(|(side, caller)| caller.as_ref().map_or(Grant::No, |caller| side.grant(caller, query)))
    };
    for (at, route) in universe.routes.iter().enumerate() {
        let models = universe.models.iter().enumerate();
        let asked = models.map(|(model, class)| (Some(model), Some(&class.name)));
        for (model, name) in std::iter::once((None, None)).chain(asked) {
            if let Some(query) = route.query(name, team) {
                cells.insert((model, at), ask(&query));
            }
        }
    }
    cells
}

/// The change that all given cells share. Cells that neither side allows are skipped.
fn common<'c>(cells: impl Iterator<Item = &'c [Grant; 2]>) -> Option<&'c [Grant; 2]> {
    let mut active = cells.filter(|grants| **grants != [Grant::No, Grant::No]);
    let first = active.next().filter(|[old, new]| old != new)?;
    active.all(|grants| grants == first).then_some(first)
}

/// The smallest set of rows that covers every differing cell.
fn changes(universe: &Universe, cells: &Cells) -> Vec<Change> {
    let change = |item: Item, [old, new]: &[Grant; 2]| Change { item, old: old.clone(), new: new.clone() };
    let mut changes = Vec::new();
    let mut reported = BTreeSet::new();
    for model in 0..universe.models.len() {
        let of_model = cells.iter().filter(|((of, _), _)| *of == Some(model));
        if let Some(grants) = common(of_model.clone().map(|(_, grants)| grants)) {
            changes.push(change(Item::Model(model), grants));
            reported.extend(of_model.map(|(cell, _)| *cell));
        }
    }
    for route in 0..universe.routes.len() {
        let on_route = cells.iter().filter(|((_, on), _)| *on == route);
        let Some(alone) = cells.get(&(None, route)).filter(|[old, new]| old != new) else { continue };
        let all = common(on_route.clone().map(|(_, grants)| grants));
        changes.push(change(all.map_or(Item::RouteAlone(route), |_| Item::Route(route)), alone));
        reported.insert((None, route));
        if all.is_some() {
            reported.extend(on_route.map(|(cell, _)| *cell));
        }
    }
    for (cell, grants) in cells.iter().filter(|(cell, [old, new])| old != new && !reported.contains(cell)) {
        if let (Some(model), route) = *cell {
            changes.push(change(Item::ModelOnRoute { model, route }, grants));
        }
    }
    changes
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
