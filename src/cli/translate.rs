//! `modelgate translate`: prints the Cedar policies of a configuration.

use cedar_policy_formatter::{Config as Format, policies_str_to_pretty};
use clap::Args;

use super::{Exit, FileArgs};
use crate::translate::{SCHEMA, TranslatedPolicy, translate};

/// The arguments of `translate`.
#[derive(Debug, Args)]
pub(super) struct TranslateArgs {
    #[command(flatten)]
    config: FileArgs,
    /// Print the models, teams and lists that the policies refer to, as Cedar entities in JSON
    #[arg(long, conflicts_with = "schema")]
    entities: bool,
    /// Print the Cedar schema that the policies are validated against
    #[arg(long)]
    schema: bool,
}

pub(super) fn run(args: &TranslateArgs) -> miette::Result<Exit> {
    // The whole output is validated before anything is printed.
    let snapshot = super::ConfigArgs::from(args.config.clone()).snapshot()?;
    if args.schema {
        super::say(SCHEMA);
    } else if args.entities {
        let entities = snapshot.entities().map_err(super::failed)?;
        super::say_json(&entities);
    } else {
        let bundle = translate(snapshot.config()).map_err(super::failed)?;
        let text: Result<Vec<_>, _> = bundle.policies.iter().map(TranslatedPolicy::to_cedar).collect();
        let format = Format { line_width: 110, indent_width: 2 };
        super::say(policies_str_to_pretty(&text.map_err(super::failed)?.join("\n\n"), &format)?);
    }
    Ok(Exit::Yes)
}
