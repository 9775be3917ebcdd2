//! The findings about a configuration as lines of text, and the findings that a file expects.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use miette::Diagnostic;
use modelgate::config::{Config, Located};

/// All findings about a configuration.
pub(crate) fn findings(text: &str) -> String {
    let variables: HashMap<_, _> =
        directives(text, "# env: ").filter_map(|pair| pair.split_once('=')).collect();
    let env = |name: &str| variables.get(name).map(|value| (*value).to_owned());
    let mut said = String::new();
    match Config::parse("config.yaml", text, Path::new("/etc"), &env) {
        Err(error) => error.problems().iter().for_each(|problem| said.push_str(&line(problem))),
        Ok(config) => {
            config.warnings.iter().for_each(|warning| said.push_str(&line(warning)));
            for ignored in &config.ignored {
                writeln!(said, "ignored ({}): {}", ignored.effect, ignored.key).unwrap();
            }
            for (model, destination) in config.destinations() {
                writeln!(said, "{model} -> {destination}").unwrap();
            }
        }
    }
    said
}

/// The findings that the comments of a file expect.
pub(crate) fn expected(text: &str) -> String {
    let behind = text.lines().skip_while(|line| *line != "# check:").skip(1);
    behind.map_while(|line| line.strip_prefix("#   ")).map(|line| format!("{line}\n")).collect()
}

fn directives<'t>(text: &'t str, name: &'static str) -> impl Iterator<Item = &'t str> {
    text.lines().filter_map(move |line| line.strip_prefix(name))
}

/// `line:column message | help`
fn line<T: Diagnostic>(found: &Located<T>) -> String {
    let place = found.line().zip(found.column()).map(|(line, column)| format!("{line}:{column} "));
    let help = found.help().map(|help| format!(" | {help}")).unwrap_or_default();
    format!("{}{found}{help}\n", place.unwrap_or_default())
}
