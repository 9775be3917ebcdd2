//! `modelgate diff`: who gains and who loses what.

mod changes;
mod claims;
mod side;
mod text;
mod universe;

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Format};
use side::Side;
use universe::Universe;

/// What to compare.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 nobody gains or loses anything, 1 somebody does, 3 the input is invalid.

Compared is who may do what with a valid token. Which tokens are valid, and where requests go, is not.")]
pub(super) struct DiffArgs {
    /// LiteLLM's YAML file as it is
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The same as it is to be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The directory of Cedar policies beside OLD [default: its `modelgate.policies`]
    #[arg(long, value_name = "DIR")]
    old_policies: Option<PathBuf>,
    /// The directory of Cedar policies beside NEW [default: its `modelgate.policies`]
    #[arg(long, value_name = "DIR")]
    new_policies: Option<PathBuf>,
    /// How to print the changes
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &DiffArgs) -> miette::Result<Exit> {
    let old = Side::load(&args.old, args.old_policies.as_deref())?;
    let new = Side::load(&args.new, args.new_policies.as_deref())?;
    let universe = Universe::new([(&old.config, &old.dropins), (&new.config, &new.dropins)]);
    let changed = changes::find(&universe, &old, &new);
    match args.format {
        Format::Text => super::say(text::render(&universe, &changed)),
        Format::Json => super::say_json(&text::to_json(&universe, &changed)),
    }
    Ok(if changed.is_empty() { Exit::Yes } else { Exit::Changed })
}
