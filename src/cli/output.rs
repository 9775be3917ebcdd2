//! Prints results to standard output and problems to standard error, and defines the exit codes.

use std::borrow::Cow;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use crate::display;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Success, or allowed: 0.
    Yes,
    /// The compared inputs differ: 1.
    Changed,
    /// Denied, or broken: 2.
    Denied,
    /// The configuration or the input is invalid, or the command cannot run: 3.
    Invalid,
    /// No difference was found, but not everything was compared: 4.
    Undecided,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Yes => Self::SUCCESS,
            Exit::Changed => Self::from(1),
            Exit::Denied => Self::from(2),
            Exit::Invalid => Self::from(3),
            Exit::Undecided => Self::from(4),
        }
    }
}

/// Prints to standard output. Control characters are escaped. A closed pipe is not an error.
pub(super) fn say(text: impl std::fmt::Display) {
    let text = text.to_string();
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), display::escape_lines(&text).as_bytes());
}

/// Prints indented JSON to standard output.
pub(super) fn say_json(value: &serde_json::Value) {
    let text = format!("{value:#}\n");
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), display::escape_json(&text).as_bytes());
}

/// Prints an error or a warning. If it contains control characters, it is printed without colors, so that no
/// color code hides them.
pub(super) fn complain(report: &miette::Report) {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    let mut plain = String::new();
    let rendered = handler.render_report(&mut plain, report.as_ref());
    match display::escape_lines(&plain) {
        Cow::Owned(escaped) if rendered.is_ok() => eprintln!("{escaped}"),
        _ => eprintln!("{report:?}"),
    }
}

/// Converts any error to a report.
pub(super) fn failed(error: impl std::fmt::Display) -> miette::Report {
    miette::Report::new(Failed { message: error.to_string(), help: None })
}

/// The same, with a fix.
pub(super) fn failed_with_help(error: impl std::fmt::Display, help: impl Into<String>) -> miette::Report {
    miette::Report::new(Failed { message: error.to_string(), help: Some(help.into()) })
}

#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
struct Failed {
    message: String,
    #[help]
    help: Option<String>,
}
