//! `modelgate test`: runs files of cases.
//!
//! The input is case files and the configuration that they name. The output is the result of each case, and
//! optionally a JUnit report and the coverage of policies and entries.

mod junit;

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::Exit;
use crate::casefile::{CaseFile, Part, Report, run_cases};
use crate::display::escape;
use crate::engine::Snapshot;
use crate::sources::Sources;

/// The arguments of `test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  modelgate test tests
  modelgate test --config config.yaml --policies policies --junit report.xml tests/cases.yaml
  modelgate test --config config.yaml        the cases that `modelgate.tests` names

Exit codes: 0 all cases pass, 2 one does not, or the coverage is too low, 3 the input is invalid.")]
pub(super) struct TestArgs {
    /// Files of cases, or directories of them [default: `modelgate.tests`]
    #[arg(value_name = "DIR|FILE")]
    paths: Vec<PathBuf>,
    /// LiteLLM's YAML file to test [default: the one that each file of cases names]
    #[arg(long, value_name = "FILE", required_unless_present = "paths")]
    config: Option<PathBuf>,
    /// A directory of Cedar policies to test [default: the one that each file of cases names, else `modelgate.policies`]
    #[arg(long, value_name = "DIR")]
    policies: Option<PathBuf>,
    /// Write a JUnit report to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Fail if the cases cover a smaller percentage of the policies and entries
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    coverage_min: Option<u8>,
    /// Also list the cases that pass
    #[arg(long, short)]
    verbose: bool,
}

pub(super) fn run(args: &TestArgs) -> miette::Result<Exit> {
    let mut reports = Vec::new();
    for (sources, files) in groups(args)? {
        reports.push(run_cases(&snapshot(&sources)?, &files));
    }
    for outcome in reports.iter().flat_map(|report| &report.outcomes) {
        if args.verbose || !outcome.mismatches.is_empty() {
            super::say(outcome);
        }
    }
    if let Some(path) = &args.junit {
        std::fs::write(path, junit::write(&reports))
            .map_err(|error| super::failed(format!("`{}`: {error}", path.display())))?;
    }
    let (all, failed) = reports.iter().fold((0, 0), |(all, failed), report| {
        (all + report.outcomes.len(), failed + report.failures().count())
    });
    super::say(format_args!("{all} cases: {} passed, {failed} failed\n", all - failed));
    let covered = tell_coverage(&reports, args.coverage_min);
    Ok(if failed == 0 && covered { Exit::Yes } else { Exit::Denied })
}

/// Groups the case files by their configuration and policies.
type Groups = BTreeMap<(PathBuf, Option<PathBuf>), Vec<CaseFile>>;

fn groups(args: &TestArgs) -> miette::Result<Groups> {
    let mut groups = Groups::new();
    if args.paths.is_empty() {
        let config = args.config.clone().unwrap_or_default();
        let snapshot = snapshot(&(config.clone(), args.policies.clone()))?;
        let named = &snapshot.config().gateway.tests;
        if named.is_empty() {
            return Err(super::failed(format!(
                "`{}` names no tests: set `modelgate.tests`, or name files",
                config.display()
            )));
        }
        groups.insert((config, args.policies.clone()), CaseFile::load_all(named)?);
        return Ok(groups);
    }
    for file in CaseFile::load_all(&args.paths)? {
        let config = args.config.clone().or_else(|| file.config.clone()).ok_or_else(|| {
            super::failed(format!("`{}` names no `config`: add it to the file, or use --config", file.name))
        })?;
        let policies = args.policies.clone().or_else(|| file.policies.clone());
        groups.entry((config, policies)).or_default().push(file);
    }
    Ok(groups)
}

fn snapshot((config, policies): &(PathBuf, Option<PathBuf>)) -> miette::Result<Snapshot> {
    let sources = Sources::new(config, policies.as_deref());
    Ok(sources.load(&super::environment)?.snapshot)
}

/// Prints the policies and entries that no case covers. Returns whether the coverage is sufficient.
fn tell_coverage(reports: &[Report], least: Option<u8>) -> bool {
    let (all, covered) = reports
        .iter()
        .map(|report| report.coverage.counts())
        .fold((0, 0), |(all, covered), (parts, touched)| (all + parts, covered + touched));
    let percent = (covered * 100).checked_div(all).unwrap_or(100);
    super::say(format_args!("coverage: {covered} of {all} policies and entries ({percent} %)\n"));
    for Part { name, source, covered } in reports.iter().flat_map(|report| &report.coverage.parts) {
        if !covered {
            super::say(format_args!("  no case touches {} [{}]\n", escape(name), escape(source)));
        }
    }
    let enough = least.is_none_or(|least| percent >= usize::from(least));
    if !enough {
        super::say(format_args!("the coverage is below {} %\n", least.unwrap_or_default()));
    }
    enough
}
