//! The findings as JSON.

use miette::Diagnostic;
use serde_json::{Value, json};

use super::super::{ConfigArgs, Exit};
use crate::config::{Config, Located, Problem};
use crate::names::ModelName;
use crate::sources::{LoadError, Loaded};

pub(super) fn run(args: &ConfigArgs) -> miette::Result<Exit> {
    let loaded = match args.load() {
        Ok(loaded) => loaded,
        Err(report) => {
            let Some(LoadError::Config(error)) = report.downcast_ref::<LoadError>() else {
                return Err(report);
            };
            let problems: Vec<_> = error.problems().iter().map(problem).collect();
            let error = error.to_string();
            super::super::say_json(&json!({"valid": false, "error": error, "problems": problems}));
            return Ok(Exit::Invalid);
        }
    };
    super::super::say_json(&of(&loaded)?);
    Ok(Exit::Yes)
}

/// The findings about valid rules.
pub(in crate::cli) fn of(loaded: &Loaded) -> miette::Result<Value> {
    let proven = super::demanded::prove(loaded)?;
    let mut found = valid(loaded.snapshot.config());
    let unused = super::unused::warnings(&loaded.snapshot).into_iter().map(|warning| {
        json!({"line": null, "column": null, "message": warning.message, "help": warning.help, "kind": "warning"})
    });
    if let Some(Value::Array(warnings)) = found.get_mut("warnings") {
        warnings.extend(unused);
    }
    if let (Value::Object(found), Value::Object(proven)) = (&mut found, proven.json()) {
        found.extend(proven);
    }
    Ok(found)
}

fn valid(config: &Config) -> Value {
    let warnings: Vec<_> = config
        .warnings
        .iter()
        .map(|warning| {
            with_kind(warning, warning.what().effect().map(|effect| format!("ignored ({effect})")))
        })
        .collect();
    let ignored: Vec<_> = config
        .ignored
        .iter()
        .map(|ignored| {
            json!({"key": ignored.key, "line": ignored.line, "count": ignored.count,
                "kind": format!("ignored ({})", ignored.effect), "reason": ignored.reason})
        })
        .collect();
    let alias_of =
        |name: &ModelName| config.models.iter().find(|model| model.name == *name)?.alias_of.as_ref();
    let models: Vec<_> = config
        .destinations()
        .into_iter()
        .map(|(name, destination)| {
            json!({"name": name.as_str(), "alias_of": alias_of(name).map(ToString::to_string),
                "sent_to": destination.to_string()})
        })
        .collect();
    json!({"valid": true, "warnings": warnings, "ignored": ignored, "models": models})
}

/// A problem and its place.
pub(in crate::cli) fn problem(problem: &Located<Problem>) -> Value {
    let kind = if problem.what().would_open() { "refused (would allow more)" } else { "refused" };
    with_kind(problem, Some(kind.to_owned()))
}

fn with_kind<T: Diagnostic>(found: &Located<T>, kind: Option<String>) -> Value {
    json!({"line": found.line(), "column": found.column(), "message": found.to_string(),
        "help": found.help().map(|help| help.to_string()), "kind": kind.unwrap_or_else(|| "warning".to_owned())})
}
