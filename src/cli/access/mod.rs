//! `modelgate access`: shows who may use which models, on which routes.
//!
//! A configuration comes in. A table, CSV or JSON leaves. Every answer is a decision of the engine about one class of
//! callers, models and routes.

pub(super) mod csv;
pub(super) mod json;
mod rows;
mod table;

use clap::{Args, ValueEnum};
use miette::{MietteDiagnostic, Severity};

use super::diff::{side::Side, universe::Universe};
use super::{ConfigArgs, Exit, FileArgs};
use crate::display::escape;
use crate::names::ModelName;
pub(super) use rows::{Access, Filter};

/// The arguments of `access`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 done, 3 the input is invalid.

Each row is about a token with a single role, team or scope. A token with several may be allowed or denied more: \
`modelgate explain` decides one request. Conditions of policies that depend on the time, the address, the body or \
a single caller are shown, not evaluated.")]
pub(super) struct AccessArgs {
    #[command(flatten)]
    config: FileArgs,
    /// Only tokens with this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// Only this model, configured or not
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The output format
    #[arg(long, value_enum, default_value_t = Output::Table)]
    format: Output,
}

/// How to print the rows.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// A table for people, as wide as the terminal
    Table,
    /// A line for each caller, model and class of routes. A quote stands before a cell that a spreadsheet would compute
    Csv,
    /// JSON for programs
    Json,
}

pub(super) fn run(args: AccessArgs) -> miette::Result<Exit> {
    let model = args.model.as_deref().map(ModelName::new).transpose().map_err(super::failed)?;
    let loaded = ConfigArgs::from(args.config).load()?;
    let side = Side::new(loaded.snapshot.config().clone(), loaded.dropins).map_err(miette::Report::new)?;
    let universe = Universe::of_one(&side.config, &side.dropins);
    let (role, model) = (args.role.as_deref(), model.as_ref());
    let filter = Filter { role, model, offset: 0, limit: usize::MAX };
    let access = Access::of(&side, &universe, &filter);
    if let Some(role) = &access.unnamed_role {
        let message = format!("no rule names the role `{}`", escape(role));
        let warning = MietteDiagnostic::new(message)
            .with_severity(Severity::Warning)
            .with_help("a token with this role may use what a token without a role may use, which is shown");
        super::complain(&miette::Report::new(warning));
    }
    match args.format {
        Output::Table => super::say(table::render(&access)),
        Output::Csv => super::say(csv::render(&access)),
        Output::Json => super::say_json(&json::of(&access)),
    }
    Ok(Exit::Yes)
}
