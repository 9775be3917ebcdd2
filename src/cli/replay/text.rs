//! The result as text and as JSON.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::line::Left;
use super::tally::{Change, Found, Group, Tally};
use crate::display::escape;

const CHANGES: [Change; 3] = [Change::NowDenied, Change::NowAllowed, Change::OtherRule];

pub(super) fn render(tally: &Tally) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, tally);
    out
}

fn write(out: &mut String, tally: &Tally) -> std::fmt::Result {
    for change in CHANGES {
        let groups = by_count(tally, change);
        if !groups.is_empty() {
            writeln!(out, "{}: {}", words(change), tally.count(change))?;
        }
        for (group, Found { count, example }) in groups {
            let Group { rule, policies, method, route, models, role, .. } = group;
            let models =
                if models.is_empty() { Cow::Borrowed("no model") } else { Cow::Owned(models.join(", ")) };
            let role = role.as_deref().unwrap_or("none");
            let [method, route, models, role, example] =
                [method, route, &*models, role, example].map(|text| escape(text));
            writeln!(out, "  {count:>7}  {method} {route}  {models}  role {role}  such as {example}")?;
            let by = if change == Change::NowAllowed { "was denied by" } else { "denied by" };
            let policies =
                if policies.is_empty() { String::new() } else { format!(": {}", policies.join(", ")) };
            let allowed = if change == Change::NowAllowed { "; allowed by" } else { "" };
            let [rule, policies] = [rule, &policies].map(|text| escape(text));
            writeln!(out, "           {by} {rule}{allowed}{policies}")?;
        }
    }
    let details = if tally.changed() { "would have another answer" } else { "nothing would have changed" };
    let changed = tally.count(Change::NowDenied) + tally.count(Change::NowAllowed);
    let changed = if changed == 0 { String::new() } else { format!("{changed} ") };
    writeln!(out, "{} decisions made again: {changed}{details}", tally.decided)?;
    for (left, Found { count, example }) in &tally.left {
        writeln!(out, "{count} lines left out, such as {}: {}", escape(example), why(*left))?;
    }
    Ok(())
}

/// Groups, largest first.
fn by_count(tally: &Tally, change: Change) -> Vec<(&Group, &Found)> {
    let mut groups: Vec<_> = tally.groups.iter().filter(|(group, _)| group.change == change).collect();
    groups.sort_by_key(|(_, found)| std::cmp::Reverse(found.count));
    groups
}

pub(super) fn to_json(tally: &Tally) -> Value {
    let groups = CHANGES.into_iter().flat_map(|change| by_count(tally, change)).map(|(group, found)| {
        json!({"change": name(group.change), "count": found.count, "example": found.example, "rule": group.rule,
            "policies": group.policies, "method": group.method, "route": group.route, "models": group.models,
            "role": group.role})
    });
    let left = tally
        .left
        .iter()
        .map(|(left, found)| json!({"count": found.count, "example": found.example, "why": why(*left)}));
    json!({"same": !tally.changed(), "decided": tally.decided, "now_denied": tally.count(Change::NowDenied),
        "now_allowed": tally.count(Change::NowAllowed), "other_rule": tally.count(Change::OtherRule),
        "groups": groups.collect::<Vec<_>>(), "left_out": left.collect::<Vec<_>>()})
}

fn words(change: Change) -> &'static str {
    match change {
        Change::NowDenied => "allowed then, denied now",
        Change::NowAllowed => "denied then, allowed now",
        Change::OtherRule => "denied then and now, by another rule",
    }
}

fn name(change: Change) -> &'static str {
    match change {
        Change::NowDenied => "now_denied",
        Change::NowAllowed => "now_allowed",
        Change::OtherRule => "other_rule",
    }
}

fn why(left: Left) -> &'static str {
    match left {
        Left::WithoutInput => "they have no `input`: set `decision_log.replayable: true`",
        Left::Undecided => "nothing was decided, for example without a valid token",
        Left::Masked => "the request is masked or cut",
    }
}
