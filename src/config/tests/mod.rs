//! Valid and invalid configurations of operators.

mod decision_log;
mod errors;
mod examples;
mod issuers;
mod limits;
mod models;
mod opaque;
mod ours;
mod values;
mod warnings;

use std::path::Path;

use miette::Diagnostic;

use super::{Config, ConfigError, Located};

/// An empty environment.
pub(super) fn nothing(_: &str) -> Option<String> {
    None
}

/// Reads `text` with the given environment variables.
pub(super) fn parse_with(text: &str, variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let env =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    Config::parse("config.yaml", text, Path::new("/etc"), &env)
}

/// Reads `text` without environment variables.
pub(super) fn parse(text: &str) -> Result<Config, ConfigError> {
    parse_with(text, &[])
}

/// The keys that have no effect, sorted.
pub(super) fn ignored(config: &Config) -> Vec<&str> {
    let mut keys: Vec<_> = config.ignored.iter().map(|ignored| ignored.key.as_str()).collect();
    keys.sort_unstable();
    keys
}

/// `line:column message | help`
pub(crate) fn show<T: Diagnostic>(found: &Located<T>) -> String {
    let position = match (found.line(), found.column()) {
        (Some(line), Some(column)) => format!("{line}:{column}"),
        _ => "-".to_owned(),
    };
    let help = found.help().map(|help| format!(" | {help}")).unwrap_or_default();
    format!("{position} {found}{help}")
}

/// The problems of `text`, each formatted by [`show`].
pub(super) fn problems(text: &str) -> Vec<String> {
    problems_with(text, &[])
}

/// The same with the given environment variables.
pub(super) fn problems_with(text: &str, variables: &[(&str, &str)]) -> Vec<String> {
    parse_with(text, variables).expect_err("it must be refused").problems().iter().map(show).collect()
}
