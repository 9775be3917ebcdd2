//! The command line reference equals the output of `--help`.

use std::fmt::Write as _;
use std::process::Command;

use crate::is_generated;

const INTRODUCTION: &str = "\
<!-- Generated from `--help` by tests/book. Do not edit. -->

# Command line

Each section shows what `modelgate COMMAND --help` prints.
";

/// The output of the command with these arguments, at a width that does not depend on the terminal.
fn help(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_modelgate"))
        .args(arguments)
        .arg("--help")
        .env_clear()
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
}

/// The names of the subcommands in the overview.
fn subcommands(overview: &str) -> Vec<&str> {
    let listed = overview.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help").collect()
}

#[test]
fn the_command_reference_is_what_help_prints() {
    let overview = help(&[]);
    let names = subcommands(&overview);
    assert!(names.len() > 8, "{names:?}");
    let mut page = format!("{INTRODUCTION}\n```text\n{overview}```\n");
    for name in names {
        write!(page, "\n## {name}\n\n```text\n{}```\n", help(&[name])).unwrap();
    }
    is_generated("reference/cli.md", &page);
}
