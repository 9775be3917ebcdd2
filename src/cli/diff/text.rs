//! The changes as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::changes::{Change, Changed, Item};
use super::conditions::Condition;
use super::side::Grant;
use super::universe::Universe;
use super::universe::kinds::{Kind, Name};
use crate::display::escape;

pub(super) fn render(universe: &Universe, changed: &[Changed], unseen: &[String]) -> String {
    let mut out = String::new();
    for Changed { kinds, changes } in changed {
        let who: Vec<String> = kinds.iter().map(|kind| who(universe, kind)).collect();
        let _ = writeln!(out, "{}", who.join("\n"));
        let mut by_words: BTreeMap<(&str, &str), Vec<&Change>> = BTreeMap::new();
        for change in changes {
            by_words.entry((what(change.item), words(change))).or_default().push(change);
        }
        for ((what, words), changes) in by_words {
            let names: Vec<String> = changes.iter().flat_map(|change| names(universe, change.item)).collect();
            let _ = writeln!(out, "  {words:<24} {what:<6} {}", escape(&names.join(", ")));
            let conditions: BTreeSet<(&str, &Condition)> =
                changes.iter().flat_map(|change| conditions(change)).collect();
            for (side, condition) in conditions {
                let _ = writeln!(out, "    {}", escape(&format!("{side}: {condition}")));
            }
        }
    }
    let nothing = match (changed.is_empty(), unseen.is_empty()) {
        (false, _) => "",
        (true, true) => "no grant changed",
        (true, false) => "no grant changed in what was compared",
    };
    let _ = writeln!(out, "{nothing}");
    let _ = writeln!(out, "{}", compared(universe));
    for sentence in unseen {
        let _ = writeln!(out, "not compared: {}", escape(sentence));
    }
    out.trim_start_matches('\n').to_owned()
}

/// What was compared, in words.
fn compared(universe: &Universe) -> String {
    let named: Vec<String> = universe.named.iter().map(|(what, count)| format!("{count} {what}")).collect();
    let combined = match (universe.limit, universe.roles_at_once) {
        (Some(limit), _) => format!("in combinations of up to {limit}"),
        (None, Some(roles)) => format!("in every combination, with up to {roles} roles"),
        (None, None) => "in every combination".to_owned(),
    };
    let focus = if universe.focused { " that have a name which changed" } else { "" };
    format!(
        "compared: {}, and one of each that is not named, for {} kinds of callers{focus}: roles, teams and scopes {combined}",
        named.join(", "),
        universe.kinds.len()
    )
}

pub(super) fn what(item: Item) -> &'static str {
    match item {
        Item::Model(_) | Item::ModelOnRoute { .. } => "model",
        Item::Route(_) | Item::RouteAlone(_) => "route",
    }
}

/// The names of what changed: of every model that is treated alike.
pub(super) fn names(universe: &Universe, item: Item) -> Vec<String> {
    let models = |at: usize| universe.models.get(at).map(|class| class.shown.clone()).unwrap_or_default();
    let route = |at: usize| universe.routes.get(at).map_or("", |class| &class.shown);
    match item {
        Item::Model(model) => models(model),
        Item::ModelOnRoute { model, route: at } => {
            models(model).into_iter().map(|model| format!("{model} on {}", route(at))).collect()
        }
        Item::Route(at) => vec![route(at).to_owned()],
        Item::RouteAlone(at) => vec![format!("{} without a model", route(at))],
    }
}

pub(super) fn words(change: &Change) -> &'static str {
    match (&change.old, &change.new) {
        (Grant::No, Grant::If(_)) => "gains under a condition",
        (Grant::No | Grant::If(_), Grant::Yes) => "gains",
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
fn who(universe: &Universe, kind: &Kind) -> String {
    let parts = parts(universe, kind);
    if parts.is_empty() { "every token".to_owned() } else { parts.join(", ") }
}

/// The parts of a caller's token in words.
pub(in crate::cli) fn parts(universe: &Universe, kind: &Kind) -> Vec<String> {
    if kind.master_key {
        return vec!["the master key".to_owned()];
    }
    let quoted = |name: &str| {
        let others = universe.alike.get(name).map(Vec::as_slice).unwrap_or_default();
        let all = std::iter::once(name).chain(others.iter().map(String::as_str));
        all.map(|name| format!("`{}`", escape(name))).collect::<Vec<_>>().join(" or ")
    };
    let named = |what: &str, name: &Name| match name {
        Name::Named(name) => format!("{what} {}", quoted(name)),
        Name::Other => format!("any other {what}"),
    };
    let Kind { issuer, roles, team, scope, person, .. } = kind;
    let mut parts: Vec<String> = issuer.iter().map(|issuer| format!("issuer `{}`", escape(issuer))).collect();
    parts.extend(roles.iter().map(|role| format!("role {}", quoted(role))));
    parts.extend(team.id.iter().map(|id| named("team id", id)));
    parts.extend(team.object.iter().map(|id| named("object id", id)));
    parts.extend(team.ids.iter().map(|id| named("team", id)));
    parts.extend(team.alias.iter().map(|alias| named("team alias", alias)));
    parts.extend(team.header.iter().map(|id| format!("x-litellm-team-id: {}", escape(id))));
    parts.extend(scope.iter().map(|scope| format!("scope {}", quoted(scope))));
    parts.extend(kind.admin.then(|| "the admin scope".to_owned()));
    match &person.domain {
        Some(Name::Named(domain)) => parts.push(format!("email at {}", escape(domain))),
        Some(Name::Other) if universe.named.get("email domains").is_some_and(|count| *count > 0) => {
            parts.push("email at any other domain".to_owned());
        }
        Some(Name::Other) | None => {}
    }
    parts.extend(person.without_user.then(|| "no user id".to_owned()));
    parts
}
