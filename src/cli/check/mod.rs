//! `modelgate check`: reports the meaning of a configuration.
//!
//! The summary of permissions comes from the engine and not from the file. So each sentence agrees with what
//! `decide` answers.

mod callers;
mod demanded;
mod ignored;
pub(super) mod json;
mod lists;
mod models;
mod summary;
mod unused;

use clap::Args;
use miette::{MietteDiagnostic, Severity};

use super::{ConfigArgs, Exit, FileArgs, Format};
use crate::config::Config;
use crate::display::escape;
use crate::identity::entity_id;

/// The arguments of `check`.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    config: FileArgs,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: CheckArgs) -> miette::Result<Exit> {
    let config = ConfigArgs::from(args.config);
    if let Format::Json = args.format {
        return json::run(&config);
    }
    let loaded = config.load()?;
    let snapshot = &loaded.snapshot;
    let proven = demanded::prove(&loaded)?;
    let unmatched = lists::unmatched(snapshot.config());
    for (message, help) in &unmatched {
        let warning = MietteDiagnostic::new(message).with_severity(Severity::Warning).with_help(help);
        super::complain(&miette::Report::new(warning));
    }
    let unused = unused::warnings(snapshot);
    for unused::Warning { message, help } in &unused {
        let warning = MietteDiagnostic::new(message).with_severity(Severity::Warning).with_help(help);
        super::complain(&miette::Report::new(warning));
    }
    let access = callers::Access::new(snapshot, &loaded.dropins);
    super::say(summary::of(snapshot.config(), &access));
    super::say(access.render());
    if let Some(directory) = &loaded.policies {
        let directory = directory.display().to_string();
        super::say(format_args!("dropped-in policies: {} in {}\n", loaded.policy_count, escape(&directory)));
        super::say(format_args!("callers in policies: {}\n", callers_in_policies(snapshot.config())));
    }
    for (kind, actions) in snapshot.own_actions() {
        let actions: Vec<&str> = actions.into_iter().collect();
        super::say(format_args!(
            "AuthZEN's actions on `{}`, for policies alone: {}\n",
            escape(&kind),
            escape(&actions.join(", "))
        ));
    }
    super::say(proven.lines());
    if let Some(warning) = proven.warning() {
        super::complain(&warning);
    }
    let warnings = snapshot.config().warnings.len()
        + unmatched.len()
        + unused.len()
        + snapshot.misnamed_callers().len()
        + usize::from(proven.warning().is_some());
    let summary =
        if warnings == 0 { "no warnings".to_owned() } else { format!("{warnings} warning(s), above") };
    super::say(format_args!("the configuration is valid: {summary}\n"));
    Ok(Exit::Yes)
}

/// The entity id of a caller in policies, for each configured issuer.
fn callers_in_policies(config: &Config) -> String {
    let tokens = config.jwt.as_ref().map(|jwt| &jwt.tokens);
    let listed = tokens.into_iter().flat_map(|tokens| tokens.issuers.iter().map(|entry| &entry.issuer));
    let issuers = listed.chain(tokens.and_then(|tokens| tokens.issuer.as_ref()));
    let named: Vec<String> =
        issuers.map(|issuer| format!("`Caller::\"{}\"`", escape(&entity_id(issuer, "SUBJECT")))).collect();
    if named.is_empty() { "`Caller::\"ISSUER#SUBJECT\"`".to_owned() } else { named.join(", ") }
}
