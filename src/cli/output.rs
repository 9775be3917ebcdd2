//! How the command ends, and what it prints: results to standard output, problems to standard error.

use std::borrow::Cow;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use crate::display;

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Yes, or done: 0.
    Yes,
    /// Two things that are compared differ: 1.
    Changed,
    /// Denied, or broken: 2.
    Denied,
    /// The configuration or the input is invalid, or the command cannot run: 3.
    Invalid,
    /// Nothing was found, and not everything was looked at: 4.
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

/// Prints to standard output. Nothing in it can move a terminal's cursor. A reader that went away has seen enough.
pub(super) fn say(text: impl std::fmt::Display) {
    let text = text.to_string();
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), display::escape_lines(&text).as_bytes());
}

/// The same for JSON, over several lines.
pub(super) fn say_json(value: &serde_json::Value) {
    let text = format!("{value:#}\n");
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), display::escape_json(&text).as_bytes());
}

/// Prints an error or a warning. One that quotes control characters is printed without colors, so that they can be told from those.
pub(super) fn complain(report: &miette::Report) {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    let mut plain = String::new();
    let rendered = handler.render_report(&mut plain, report.as_ref());
    match display::escape_lines(&plain) {
        Cow::Owned(escaped) if rendered.is_ok() => eprintln!("{escaped}"),
        _ => eprintln!("{report:?}"),
    }
}

/// Any error as a report.
pub(super) fn failed(error: impl std::fmt::Display) -> miette::Report {
    miette::Report::new(Failed { message: error.to_string(), help: None })
}

/// The same, with what to do.
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
