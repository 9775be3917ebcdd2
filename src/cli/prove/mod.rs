//! `modelgate prove`: what no request can do, proven for every principal, model, route and context.
//!
//! The input is a configuration with its policies, and files of invariants. The output is a line for each claim that is
//! not proven, with a request that shows it, and a summary.

mod json;
mod text;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;

use super::{ConfigArgs, Exit, FileArgs, Format};
use crate::prove::{Cache, Invariants, Limits, ProveError, Prover, Subject};
pub(super) use json::counterexample_of;

/// The arguments of `prove`.
#[derive(Debug, Args)]
#[command(after_help = "\
It needs the solver cvc5 (Debian: `apt-get install cvc5`), which the variable CVC5 or PATH names.

Exit codes: 0 everything is proven, 1 something is not so, 3 the input is invalid or there is no solver, 4 something \
could not be decided.")]
pub(super) struct ProveArgs {
    #[command(flatten)]
    config: FileArgs,
    /// A directory of invariants: `*.cedar` files of policies with `@invariant("...")` [default: `modelgate.invariants`]
    #[arg(long, value_name = "DIR")]
    invariants: Option<PathBuf>,
    #[command(flatten)]
    limits: LimitArgs,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// The limits of a proof.
#[derive(Debug, Args)]
pub(super) struct LimitArgs {
    /// The time for each question to the solver, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// The time for all questions together, in seconds. What has no answer by then is undecided [default: none]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    budget: Option<u64>,
    /// The memory of each solver process, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 2048, value_parser = clap::value_parser!(u64).range(64..))]
    memory: u64,
    /// A directory that keeps what the solver decided [default: modelgate/proofs in XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,
    /// Ask the solver everything, and keep nothing
    #[arg(long)]
    no_cache: bool,
}

impl LimitArgs {
    /// The prover with these limits.
    pub(super) fn prover(&self) -> Result<Prover, ProveError> {
        let mut limits = Limits::default();
        (limits.time, limits.memory) = (Duration::from_secs(self.timeout), self.memory);
        limits.deadline =
            self.budget.and_then(|budget| Instant::now().checked_add(Duration::from_secs(budget)));
        let prover = Prover::new(limits)?;
        let usual = || Cache::usual_directory().filter(|_| !self.no_cache);
        let cache = match &self.cache {
            Some(directory) => Some(Cache::open(directory)?),
            // Where nothing can be kept, the solver is asked again.
            None => usual().and_then(|directory| Cache::open(&directory).ok()),
        };
        Ok(match cache {
            Some(cache) => prover.with_cache(cache),
            None => prover,
        })
    }
}

pub(super) fn run(args: ProveArgs) -> miette::Result<Exit> {
    let config = ConfigArgs::from(args.config);
    let prover = args.limits.prover()?;
    let loaded = config.load()?;
    let invariants = match (&args.invariants, loaded.invariants) {
        (Some(directory), _) => Invariants::load(directory)?,
        (None, Some(files)) => Invariants::new(files)?,
        (None, None) => Invariants::default(),
    };
    let subject = Subject::new(loaded.snapshot.config().clone(), loaded.dropins)?;
    let report = prover.prove(&subject, &invariants)?;
    match args.format {
        Format::Text => super::say(text::render(&report)),
        Format::Json => super::say_json(&json::of(&report)),
    }
    Ok(if report.violated().next().is_some() {
        Exit::Changed
    } else if report.undecided().next().is_some() {
        Exit::Undecided
    } else {
        Exit::Yes
    })
}
