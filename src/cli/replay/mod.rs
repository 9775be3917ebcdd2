//! `modelgate replay`: decides the requests of a log again with other rules.
//!
//! The input is a configuration and the lines of a decision log. The output counts the changed decisions, in
//! text or JSON.

pub(super) mod line;
mod tally;
mod text;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;

use super::{ConfigArgs, Exit, Format};
use crate::decision_log::Line;
use crate::engine::Snapshot;
use tally::Tally;

/// The arguments of `replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 every answer would be the same, 1 an answer would differ, 3 the input is invalid.

Tokens are not verified again: the claims are those of the log.")]
pub(super) struct ReplayArgs {
    /// Decision logs that were written with `decision_log.replayable: true`; `-` reads standard input
    #[arg(value_name = "LOG", required = true)]
    logs: Vec<PathBuf>,
    #[command(flatten)]
    config: ConfigArgs,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &ReplayArgs) -> miette::Result<Exit> {
    let snapshot = args.config.snapshot()?;
    let mut tally = Tally::default();
    for path in &args.logs {
        let failed = |error: String| super::failed(format!("`{}`: {error}", path.display()));
        if path.as_os_str() == "-" {
            read(&snapshot, &mut tally, std::io::stdin().lock()).map_err(failed)?;
        } else {
            let file = File::open(path).map_err(|error| failed(error.to_string()))?;
            read(&snapshot, &mut tally, BufReader::new(file)).map_err(failed)?;
        }
    }
    match args.format {
        Format::Text => super::say(text::render(&tally)),
        Format::Json => super::say_json(&text::to_json(&tally)),
    }
    Ok(if tally.changed() { Exit::Changed } else { Exit::Yes })
}

fn read(snapshot: &Snapshot, tally: &mut Tally, log: impl BufRead) -> Result<(), String> {
    for (number, line) in log.lines().enumerate() {
        let line = line.map_err(|error| error.to_string())?;
        if !line.trim().is_empty() {
            let read = serde_json::from_str::<Line>(&line).map_err(|error| error.to_string());
            read.and_then(|line| tally.add(snapshot, &line))
                .map_err(|error| format!("line {}: {error}", number + 1))?;
        }
    }
    Ok(())
}
