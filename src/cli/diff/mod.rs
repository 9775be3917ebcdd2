//! `modelgate diff`: compares two configurations, and reports who gains and who loses access.
//!
//! Both sides decide the same requests: each kind of caller, model and route. Each of these is a class whose
//! members both sides treat alike, so one member stands for the class. The report names everything that was
//! not compared. It then does not call the sides equal.

mod changes;
pub(super) mod claims;
pub(super) mod conditions;
pub(super) mod json;
#[cfg(feature = "prove")]
pub(super) mod proof;
pub(super) mod side;
pub(super) mod text;
pub(super) mod universe;
mod unseen;

use std::path::PathBuf;

use clap::Args;

use super::{Exit, Format};
pub(super) use universe::kinds;

use side::Side;
use universe::Universe;

/// The arguments of `diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 nobody gains or loses anything, 1 somebody does, 3 the input is invalid, 4 no difference was \
found, but something was not compared.

It compares who may do what with a valid token. It does not compare where requests go.")]
pub(super) struct DiffArgs {
    /// The current YAML file of LiteLLM
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The new YAML file of LiteLLM
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// The directory of additional Cedar policies for OLD [default: its `modelgate.policies`]
    #[arg(long, value_name = "DIR")]
    old_policies: Option<PathBuf>,
    /// The directory of additional Cedar policies for NEW [default: its `modelgate.policies`]
    #[arg(long, value_name = "DIR")]
    new_policies: Option<PathBuf>,
    /// Prove the comparison with a solver, for every request, conditions of policies and entity files included
    #[cfg(feature = "prove")]
    #[arg(long)]
    prove: bool,
    #[cfg(feature = "prove")]
    #[command(flatten)]
    limits: super::LimitArgs,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &DiffArgs) -> miette::Result<Exit> {
    let old = Side::load(&args.old, args.old_policies.as_deref())?;
    let new = Side::load(&args.new, args.new_policies.as_deref())?;
    #[cfg(feature = "prove")]
    if args.prove {
        return proof::run(&args.limits.prover()?, args.format, [old, new]);
    }
    let universe = Universe::new([(&old.config, &old.dropins), (&new.config, &new.dropins)]);
    let changed = changes::find(&universe, &old, &new);
    let unseen = unseen::of(&universe, &old, &new);
    match args.format {
        Format::Text => super::say(text::render(&universe, &changed, &unseen)),
        Format::Json => super::say_json(&json::of(&universe, &changed, &unseen, [&old, &new])),
    }
    Ok(match (changed.is_empty(), unseen.is_empty()) {
        (false, _) => Exit::Changed,
        (true, true) => Exit::Yes,
        (true, false) => Exit::Undecided,
    })
}

/// Who gains and who loses access, as JSON.
pub(super) fn compare(old: &Side, new: &Side) -> serde_json::Value {
    let universe = Universe::new([(&old.config, &old.dropins), (&new.config, &new.dropins)]);
    let changed = changes::find(&universe, old, new);
    json::of(&universe, &changed, &unseen::of(&universe, old, new), [old, new])
}
