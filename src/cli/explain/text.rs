//! The explanation for people.

use std::fmt::Write as _;

use super::caller::Who;
use super::report::{Asked, Report};
use super::words;
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
        (Some(rule), Some(reason)) => writeln!(out, "denied ({}, {rule}): {reason}", report.status)?,
        _ => writeln!(out, "allowed")?,
    }
    if let Some(cure) = report.cure {
        writeln!(out, "to allow it: {cure}")?;
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
        let value = read.value.as_ref().map_or("absent".to_owned(), ToString::to_string);
        writeln!(out, "  claim {} ({}): {value}", read.claim, read.key)?;
    }
    if who.roles.is_empty() {
        writeln!(out, "  role: none (R1.5)")?;
    }
    for found in &who.roles {
        writeln!(out, "  role: {}{}\n    {}", found.role, at(found.source.as_deref()), found.because)?;
    }
    writeln!(out, "  user id: {}", who.user_id.as_deref().unwrap_or("none"))
}

fn write_request(out: &mut String, asked: &Asked) -> std::fmt::Result {
    writeln!(out, "\nrequest")?;
    writeln!(out, "  {} {}", asked.method, asked.route)?;
    writeln!(
        out,
        "  models: {}",
        if asked.models.is_empty() { "none".to_owned() } else { asked.models.join(", ") }
    )?;
    for (model, destination) in asked.models.iter().zip(&asked.destinations) {
        writeln!(out, "  {model} is sent to: {destination}")?;
    }
    writeln!(out, "  team: {}", asked.team.as_deref().unwrap_or("none"))?;

    writeln!(out, "\ngrants: the route, and each model, needs a yes")?;
    for grant in &asked.grants {
        writeln!(
            out,
            "  {} {}: {}{}",
            yes_or_no(grant.holds),
            question(grant),
            grant.id,
            at(grant.source.as_deref())
        )?;
    }
    if asked.grants.is_empty() {
        writeln!(out, "  none is for this caller")?;
    }
    writeln!(out, "\ngates: each must say yes")?;
    for gate in &asked.gates {
        let (open, asks) = (yes_or_no(!gate.holds), words::asks(gate.rule));
        // A dropped-in policy is known by its own name.
        let name = if gate.rule == Rule::Policy { &*gate.id } else { gate.rule.as_str() };
        writeln!(out, "  {open} {}: {name}: {asks}{}", question(gate), at(gate.source.as_deref()))?;
    }
    writeln!(
        out,
        "\ndecided by: {}",
        if asked.policies.is_empty() { "the lack of a grant".to_owned() } else { asked.policies.join(", ") }
    )
}

fn question(considered: &Considered) -> String {
    considered.model.as_ref().map_or("route".to_owned(), |model: &ModelName| format!("model {model}"))
}

fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "NO " }
}

fn at(source: Option<&str>) -> String {
    source.map(|source| format!("  [{source}]")).unwrap_or_default()
}
