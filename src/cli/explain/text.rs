//! The explanation as text.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use super::caller::Who;
use super::report::{Asked, Report};
use super::words;
use crate::display::{escape, escape_json};
use crate::engine::{Considered, Rule};
use crate::names::ModelName;

pub(super) fn render(report: &Report) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut out, report);
    out
}

fn write(out: &mut String, report: &Report) -> std::fmt::Result {
    match (&report.rule, &report.reason) {
        (Some(rule), Some(reason)) => {
            writeln!(out, "denied ({}, {rule}): {}", report.status, escape(reason))?;
        }
        _ => writeln!(out, "allowed")?,
    }
    if let Some(rule) = report.unenforced {
        writeln!(out, "not enforced (`modelgate.mode: log_only`): {rule} would deny it: {}", rule.reason())?;
    }
    if let Some(words) = report.words {
        writeln!(out, "the rule: {} ({})", words.meaning, words.place())?;
    }
    if let Some(fix) = &report.fix {
        writeln!(out, "to allow it: {}", escape(fix))?;
    }
    if let Some(presented) = &report.presented {
        writeln!(out, "\ntoken, not verified")?;
        for (name, value) in [("iss", &presented.issuer), ("aud", &presented.audience)] {
            writeln!(out, "  claim {name}: {}", value_of(value.as_ref()))?;
        }
    }
    if let Some(who) = &report.who {
        write_caller(out, who)?;
    }
    if let Some(asked) = &report.asked {
        write_request(out, asked)?;
    }
    Ok(())
}

fn write_caller(out: &mut String, who: &Who) -> std::fmt::Result {
    writeln!(out, "\ncaller")?;
    for read in &who.claims {
        let (claim, key) = (escape(&read.claim), read.key);
        writeln!(out, "  claim {claim} ({key}): {}", value_of(read.value.as_ref()))?;
        if let Some(nearest) = &read.nearest {
            writeln!(out, "    claim path {claim}: absent in this token; nearest: {}", escape(nearest))?;
        }
    }
    if who.roles.is_empty() {
        writeln!(out, "  role: none (R1)")?;
    }
    for found in &who.roles {
        let because = escape(&found.because);
        writeln!(out, "  role: {}{}\n    {because}", found.role, at(found.source.as_deref()))?;
    }
    writeln!(out, "  in policies: {}", escape(&who.entity))?;
    writeln!(out, "  user id: {}", or_none(who.user_id.as_deref()))
}

fn write_request(out: &mut String, asked: &Asked) -> std::fmt::Result {
    writeln!(out, "\nrequest")?;
    writeln!(out, "  {} {}", escape(&asked.method), escape(&asked.route))?;
    let models: Vec<_> = asked.models.iter().map(|model| escape(model)).collect();
    writeln!(out, "  models: {}", if models.is_empty() { "none".to_owned() } else { models.join(", ") })?;
    for (model, destination) in models.iter().zip(&asked.destinations) {
        writeln!(out, "  {model} is sent to: {}", escape(destination))?;
    }
    writeln!(out, "  team: {}", or_none(asked.team.as_deref()))?;

    writeln!(out, "\ngrants: the route, and each model, needs a yes")?;
    for grant in &asked.grants {
        writeln!(
            out,
            "  {} {}: {}{}",
            yes_or_no(grant.holds),
            question(grant),
            escape(&grant.id),
            at(grant.source.as_deref())
        )?;
    }
    if asked.grants.is_empty() {
        writeln!(out, "  none applies to this caller")?;
    }
    writeln!(out, "\nmandatory checks: each must say yes")?;
    for check in &asked.checks {
        let (open, asks) = (yes_or_no(!check.holds), words::asks(check.rule));
        // A drop-in policy is shown by its own name.
        let name = if check.rule == Rule::Policy { &*check.id } else { check.rule.as_str() };
        let name = escape(name);
        writeln!(out, "  {open} {}: {name}: {asks}{}", question(check), at(check.source.as_deref()))?;
    }
    let policies: Vec<_> = asked.policies.iter().map(|id| escape(id)).collect();
    let by = if policies.is_empty() { "no matching grant".to_owned() } else { policies.join(", ") };
    writeln!(out, "\ndecided by: {by}")
}

/// A claim as JSON, with terminal control characters escaped.
fn value_of(value: Option<&Value>) -> String {
    value.map_or_else(|| "absent".to_owned(), |value| escape_json(&value.to_string()).into_owned())
}

fn or_none(text: Option<&str>) -> Cow<'_, str> {
    text.map_or(Cow::Borrowed("none"), escape)
}

fn question(considered: &Considered) -> String {
    match considered.model.as_ref().map(ModelName::as_str) {
        None => "route".to_owned(),
        Some("") => "model that the route runs, unnamed".to_owned(),
        Some(model) => format!("model {}", escape(model)),
    }
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "NO " }
}

fn at(source: Option<&str>) -> String {
    source.map(|source| format!("  [{}]", escape(source))).unwrap_or_default()
}
