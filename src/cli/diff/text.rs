//! The changes, for people and for machines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::changes::{Change, Changed};
use super::side::{Condition, Grant};
use super::universe::{Breadth, Item, Kind, Name, Universe};

pub(super) fn render(universe: &Universe, changed: &[Changed]) -> String {
    let mut out = String::new();
    for Changed { kinds, changes } in changed {
        let who: Vec<String> = kinds.iter().map(who).collect();
        let _ = writeln!(out, "{}", who.join("\n"));
        let mut by_words: BTreeMap<(&str, &str), Vec<&Change>> = BTreeMap::new();
        for change in changes {
            by_words.entry((of(&change.item).0, words(change))).or_default().push(change);
        }
        for ((what, words), changes) in by_words {
            let names: Vec<&str> = changes.iter().map(|change| of(&change.item).1).collect();
            let _ = writeln!(out, "  {words:<24} {what:<6} {}", names.join(", "));
            let conditions: BTreeSet<(&str, &Condition)> =
                changes.iter().flat_map(|change| conditions(change)).collect();
            for (side, condition) in conditions {
                let Condition { policy, permits, source, text } = condition;
                let effect = if *permits { "permit" } else { "forbid" };
                let _ = writeln!(out, "    {side}: {effect} {policy} [{source}] {text}");
            }
        }
    }
    let _ = writeln!(out, "{}", if changed.is_empty() { "no grant changed" } else { "" }.trim_end());
    let _ = writeln!(out, "{}", compared(universe));
    out.trim_start_matches('\n').to_owned()
}

/// What was compared, in words.
fn compared(universe: &Universe) -> String {
    let named: Vec<String> = universe.named.iter().map(|(what, count)| format!("{count} {what}")).collect();
    let breadth = match universe.breadth {
        Breadth::All => "in every combination",
        Breadth::Pairs => "in pairs, since all combinations are too many",
        Breadth::Alone => "each alone, since all pairs are too many",
    };
    format!(
        "compared: {}, and one of each that is not named, for {} kinds of callers: roles, teams and scopes {breadth}",
        named.join(", "),
        universe.kinds.len()
    )
}

pub(super) fn to_json(universe: &Universe, changed: &[Changed]) -> Value {
    let changes = changed.iter().flat_map(|Changed { kinds, changes }| {
        kinds.iter().flat_map(|kind| {
            changes.iter().map(|change| {
                let (what, name) = of(&change.item);
                json!({"caller": kind_json(kind), "what": what, "name": name, "change": words(change),
                    "old": grant_json(&change.old), "new": grant_json(&change.new)})
            })
        })
    });
    let breadth = match universe.breadth {
        Breadth::All => "all",
        Breadth::Pairs => "pairs",
        Breadth::Alone => "alone",
    };
    json!({"same": changed.is_empty(), "changes": changes.collect::<Vec<_>>(),
        "compared": {"named": universe.named, "callers": universe.kinds.len(), "combinations": breadth}})
}

fn kind_json(kind: &Kind) -> Value {
    let name = |name: &Option<Name>| {
        name.as_ref().map(|name| match name {
            Name::Named(name) => json!({"name": name}),
            Name::Other => json!({"other": true}),
            Name::Admin => json!({"admin": true}),
        })
    };
    json!({"master_key": kind.master_key, "role": name(&kind.role), "team": name(&kind.team),
        "scope": name(&kind.scope), "email_domain": name(&kind.domain), "user_id": !kind.without_user})
}

fn grant_json(grant: &Grant) -> Value {
    match grant {
        Grant::No => json!({"allow": false}),
        Grant::Yes => json!({"allow": true}),
        Grant::If(conditions) => {
            let conditions = conditions.iter().map(|condition| {
                json!({"policy": condition.policy, "effect": if condition.permits { "permit" } else { "forbid" },
                    "source": condition.source, "condition": condition.text})
            });
            json!({"allow": null, "conditions": conditions.collect::<Vec<_>>()})
        }
    }
}

fn of(item: &Item) -> (&'static str, &str) {
    match item {
        Item::Model { shown, .. } => ("model", shown),
        Item::Route { shown, .. } => ("route", shown),
    }
}

fn words(change: &Change) -> &'static str {
    match (&change.old, &change.new) {
        (Grant::No, Grant::If(_)) => "gains under a condition",
        (Grant::No | Grant::If(_), _) if change.new == Grant::Yes => "gains",
        (Grant::Yes, Grant::If(_)) => "keeps under a condition",
        (Grant::If(_), Grant::If(_)) => "other conditions",
        _ => "loses",
    }
}

fn conditions(change: &Change) -> impl Iterator<Item = (&'static str, &Condition)> {
    [("old", &change.old), ("new", &change.new)].into_iter().flat_map(|(side, grant)| {
        let conditions = if let Grant::If(conditions) = grant { Some(conditions) } else { None };
        conditions.into_iter().flatten().map(move |condition| (side, condition))
    })
}

/// A caller in words, such as ``role `dev`, team `red` ``.
fn who(kind: &Kind) -> String {
    if kind.master_key {
        return "the master key".to_owned();
    }
    let mut parts = Vec::new();
    for (what, name) in [("role", &kind.role), ("team", &kind.team), ("scope", &kind.scope)] {
        match name {
            Some(Name::Named(name)) => parts.push(format!("{what} `{name}`")),
            Some(Name::Other) => parts.push(format!("any other {what}")),
            Some(Name::Admin) => parts.push(format!("the admin {what}")),
            None => {}
        }
    }
    match &kind.domain {
        Some(Name::Named(domain)) => parts.push(format!("email at {domain}")),
        Some(_) => parts.push("email at any other domain".to_owned()),
        None => {}
    }
    parts.extend(kind.without_user.then(|| "no user id".to_owned()));
    if parts.is_empty() { "every token".to_owned() } else { parts.join(", ") }
}
