//! The command line: one file for each subcommand.

mod check;
mod decide;
mod demo;
mod diff;
mod explain;
mod init;
mod next_steps;
mod observing;
mod remote;
mod replay;
mod serve;
mod test;
mod translate;
mod verify_log;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};

use crate::config::Config;
use crate::display;
use crate::engine::Snapshot;
use crate::sources::Loaded;

/// The policy layer in front of LLM APIs.
///
/// modelgate reads the configuration of a LiteLLM proxy as it stands, translates its role permissions into Cedar
/// policies, and enforces them on every request. Try it without any setup:
/// `modelgate demo`
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Exit codes: 0 yes or done, 1 changed (diff, replay), 2 denied or broken, 3 invalid configuration or input, 4 not decided
completely (diff).

The environment: JWT_PUBLIC_KEY_URL (where tokens' keys are; several separated by commas), JWT_AUDIENCE, JWT_ISSUER,
LITELLM_MASTER_KEY, and whatever the configuration names as `os.environ/NAME`. RUST_LOG sets the log level (default: info)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify, decide and forward requests
    Serve(serve::ServeArgs),
    /// Read a configuration, and say what it means and what is wrong with it
    Check(check::CheckArgs),
    /// Print the Cedar policies that a configuration means
    Translate(translate::TranslateArgs),
    /// Decide requests given as JSON lines, without a network
    Decide(FileArgs),
    /// Say why a request is allowed or denied, policy by policy, with the lines that they come from
    Explain(explain::ExplainArgs),
    /// Run files of cases: requests, and the answers that they must get
    Test(test::TestArgs),
    /// Say who gains and who loses what between two configurations
    Diff(diff::DiffArgs),
    /// Make the decisions of a log again by other rules, and say what would have changed
    Replay(replay::ReplayArgs),
    /// Write a starting point: a configuration, a policy, and cases that test both
    Init(init::InitArgs),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Print what a shell needs to complete the command's arguments
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Run the documented example with an identity provider and an upstream of its own
    Demo(demo::DemoArgs),
    /// Say whether a decision log is as it was written: 0 intact, 2 broken
    VerifyLog(verify_log::VerifyLogArgs),
}

/// The configuration to work with.
#[derive(Debug, Args)]
struct ConfigArgs {
    /// LiteLLM's YAML file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// A directory of Cedar policies to enforce beside it, or the URL of a bundle of them (.tar.gz)
    /// [default: `modelgate.policies`]
    #[arg(long, value_name = "DIR|URL")]
    policies: Option<PathBuf>,
}

/// The configuration to work with, where it may also be named without a flag.
#[derive(Clone, Debug, Args)]
struct FileArgs {
    /// LiteLLM's YAML file
    #[arg(value_name = "FILE", required_unless_present = "config", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// The same, by name
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A directory of Cedar policies to enforce beside it, or the URL of a bundle of them (.tar.gz)
    /// [default: `modelgate.policies`]
    #[arg(long, value_name = "DIR|URL")]
    policies: Option<PathBuf>,
}

impl From<FileArgs> for ConfigArgs {
    fn from(FileArgs { file, config, policies }: FileArgs) -> Self {
        // The command line is refused without either.
        Self { config: config.or(file).unwrap_or_default(), policies }
    }
}

/// How to print what a command found.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For machines
    Json,
}

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

/// Runs the command that the arguments of the process ask for.
#[must_use]
pub fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Invalid } else { Exit::Yes };
            // Nobody is left to tell when the terminal is gone.
            let _ = error.print();
            if let Some(advice) = next_steps::after(&error) {
                eprint!("{advice}");
            }
            return exit;
        }
    };
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(args),
        Command::Translate(args) => translate::run(&args),
        Command::Decide(args) => decide::run(&args.into()),
        Command::Explain(args) => explain::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Replay(args) => replay::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Schema => {
            say_json(&crate::config::json_schema());
            Ok(Exit::Yes)
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "modelgate", &mut script);
            say(String::from_utf8_lossy(&script));
            Ok(Exit::Yes)
        }
        Command::Demo(args) => demo::run(&args),
        Command::VerifyLog(args) => verify_log::run(&args),
    };
    outcome.unwrap_or_else(|report| {
        complain(&report);
        Exit::Invalid
    })
}

impl ConfigArgs {
    /// Reads everything under the environment of the process, and prints the warnings.
    fn load(&self) -> miette::Result<Loaded> {
        let brought = serve::runtime()?.block_on(remote::bring(self))?;
        let loaded = remote::sources(self, brought.as_ref()).load(&environment)?;
        warn(loaded.snapshot.config(), loaded.policies.as_deref().filter(|_| loaded.policy_count == 0));
        Ok(loaded)
    }

    fn snapshot(&self) -> miette::Result<Snapshot> {
        Ok(self.load()?.snapshot)
    }
}

/// Prints what is allowed but probably not meant.
fn warn(config: &Config, empty_directory: Option<&Path>) {
    for warning in &config.warnings {
        complain(&miette::Report::new(warning.clone()));
    }
    if let Some(directory) = empty_directory {
        eprintln!(
            "  ⚠ there is no policy in `{}`: it adds nothing and forbids nothing\n",
            directory.display()
        );
    }
}

/// A variable of the process's environment.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Prints to standard output. Nothing in it can move a terminal's cursor. A reader that went away has seen enough.
fn say(text: impl std::fmt::Display) {
    let text = text.to_string();
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), display::escape_lines(&text).as_bytes());
}

/// The same for JSON, over several lines.
fn say_json(value: &serde_json::Value) {
    let text = format!("{value:#}\n");
    let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), display::escape_json(&text).as_bytes());
}

/// Prints an error or a warning. One that quotes control characters is printed without colors, so that they can be told from those.
fn complain(report: &miette::Report) {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor());
    let mut plain = String::new();
    let rendered = handler.render_report(&mut plain, report.as_ref());
    match display::escape_lines(&plain) {
        Cow::Owned(escaped) if rendered.is_ok() => eprintln!("{escaped}"),
        _ => eprintln!("{report:?}"),
    }
}

/// Any error as a report.
fn failed(error: impl std::fmt::Display) -> miette::Report {
    miette::Report::new(Failed { message: error.to_string(), help: None })
}

/// The same, with what to do.
fn failed_with_help(error: impl std::fmt::Display, help: impl Into<String>) -> miette::Report {
    miette::Report::new(Failed { message: error.to_string(), help: Some(help.into()) })
}

#[derive(Debug, thiserror::Error, Diagnostic)]
#[error("{message}")]
struct Failed {
    message: String,
    #[help]
    help: Option<String>,
}
