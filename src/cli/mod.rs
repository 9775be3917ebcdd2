//! The command line: one file or folder for each subcommand.
//!
//! The input is the arguments and the environment of the process. The output is text or JSON, and an
//! [`Exit`]. Subcommands share `args`, `load` and `output`.

mod access;
mod api;
mod args;
mod check;
mod decide;
mod demo;
mod diff;
mod doors;
mod explain;
mod init;
mod load;
mod next_steps;
mod output;
#[cfg(feature = "prove")]
mod prove;
mod replay;
mod serve;
mod test;
mod translate;
mod verify_log;

use clap::{CommandFactory as _, Parser, Subcommand};

use args::{ConfigArgs, FileArgs, Format};
use load::{environment, runtime, warn};
use output::{complain, failed, failed_with_help, say, say_json};

#[cfg(feature = "prove")]
use prove::LimitArgs;

pub use output::Exit;

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
Exit codes: 0 yes or done, 1 changed (diff, replay) or not so (prove), 2 denied or broken, 3 invalid configuration \
or input, 4 not everything was compared (diff) or decided (prove).

The environment: JWT_PUBLIC_KEY_URL (URLs of keys, separated by commas), JWT_AUDIENCE, JWT_ISSUER, \
LITELLM_MASTER_KEY, and the variables that the configuration names as `os.environ/NAME`. RUST_LOG sets the \
log level (default: info)."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Verify, decide and forward requests
    Serve(serve::ServeArgs),
    /// Read a configuration, and report its meaning and its errors
    Check(check::CheckArgs),
    /// Show who may use which models, on which routes
    Access(access::AccessArgs),
    /// Print the Cedar policies that a configuration is translated to
    Translate(translate::TranslateArgs),
    /// Decide requests from JSON lines, without a network
    Decide(FileArgs),
    /// Explain why a request is allowed or denied, policy by policy, with file and line
    Explain(explain::ExplainArgs),
    /// Run test cases: requests with their expected answers
    Test(test::TestArgs),
    /// Compare two configurations: who gains and who loses access
    Diff(diff::DiffArgs),
    /// Prove what no request can do, with a solver: that no policy can fail, that invariants hold
    #[cfg(feature = "prove")]
    Prove(prove::ProveArgs),
    /// Decide the requests of a log again with other rules, and report the changes
    Replay(replay::ReplayArgs),
    /// Write a first configuration, a policy, and test cases for both
    Init(init::InitArgs),
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Run the documented example with its own identity provider and upstream
    Demo(demo::DemoArgs),
    /// Check the hash chain of a decision log: exit code 0 if intact, 2 if broken
    VerifyLog(verify_log::VerifyLogArgs),
}

/// Runs the command that the arguments of the process ask for.
#[must_use]
pub fn run() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Invalid } else { Exit::Yes };
            // If the terminal is gone, the message cannot be delivered.
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
        Command::Access(args) => access::run(args),
        Command::Translate(args) => translate::run(&args),
        Command::Decide(args) => decide::run(&args.into()),
        Command::Explain(args) => explain::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Diff(args) => diff::run(&args),
        #[cfg(feature = "prove")]
        Command::Prove(args) => prove::run(args),
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
