//! Rules, tried before they count: YAML files of requests and the answers that are expected.
//!
//! ```yaml
//! config: config.yaml            # relative to this file; the command line and `modelgate.tests` go before it
//! policies: policies
//! cases:
//!   - note: contractors offer no tools
//!     claims: {sub: ada, roles: [contractor]}
//!     request: {model: gpt-4o, body: {tools: [{type: function}]}, time: "2026-11-24T12:00:00Z"}
//!     expect: {allow: false, rule: policy, policies: [no-tools-for-contractors]}
//! ```
//!
//! Nothing depends on when and where a case runs: a request has the time and the address that its case gives it, or none.

mod coverage;
mod find;
mod raw;
mod run;

use std::path::{Path, PathBuf};

use miette::Diagnostic;

use crate::config::ConfigError;
use crate::engine::Snapshot;
use crate::offline::Question;

pub use coverage::{Coverage, Part};
pub use run::{Mismatch, Outcome, Report, run_cases};

/// A file of cases.
#[derive(Clone, Debug)]
pub struct CaseFile {
    /// Its path, as reports show it.
    pub name: String,
    /// `config`: the configuration that the cases are about.
    pub config: Option<PathBuf>,
    /// `policies`: the directory of policies beside it.
    pub policies: Option<PathBuf>,
    /// `cases`, in order.
    pub cases: Vec<Case>,
}

/// A request, and the answer that is expected.
#[derive(Clone, Debug)]
pub struct Case {
    /// What the case says, for reports.
    pub note: String,
    /// Where it begins, from 1.
    pub line: u32,
    /// What is asked.
    pub question: Question,
    /// What must be answered.
    pub expect: Expect,
}

/// What must be answered. What is `None` may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expect {
    /// The verdict.
    pub allow: bool,
    /// The status.
    pub status: Option<u16>,
    /// The rule that denies.
    pub rule: Option<String>,
    /// The ids of all policies that decide, in any order.
    pub policies: Option<Vec<String>>,
    /// The ids of all policies under trial that would decide otherwise, in any order.
    pub shadow: Option<Vec<String>>,
    /// What the caller is told.
    pub reason: Option<String>,
}

/// Why cases cannot be run, or do not pass.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum CaseError {
    /// A file is wrong.
    #[error("`{name}` is refused: {}", places(.error))]
    File {
        /// Which.
        name: String,
        /// What is wrong with it.
        #[diagnostic_source]
        error: ConfigError,
    },
    /// A file or a directory cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: std::io::Error,
    },
    /// A directory without cases, which would pass as if all were well.
    #[error("there is no case in `{}`", path.display())]
    #[diagnostic(help("cases are in files that end in `.yaml` or `.yml`"))]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// Cases that `modelgate.tests` names do not pass.
    #[error("{failed} of {all} cases that `modelgate.tests` names do not pass:\n{text}")]
    #[diagnostic(help("correct the rules, or the cases: `modelgate test --config FILE` runs them"))]
    Failed {
        /// How many do not pass.
        failed: usize,
        /// How many there are.
        all: usize,
        /// Each that does not pass, with why.
        text: String,
    },
}

/// Each problem with its line, for logs.
fn places(error: &ConfigError) -> String {
    let place = |line: Option<u32>| line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let problems = error.problems().iter().map(|problem| format!("{}{problem}", place(problem.line())));
    problems.collect::<Vec<_>>().join("; ")
}

impl CaseFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// [`CaseError`] with every place that is wrong.
    pub fn load(path: &Path) -> Result<Self, CaseError> {
        let text = find::read(path)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let name = path.to_string_lossy();
        Self::parse(&name, &text, directory)
            .map_err(|error| CaseError::File { name: name.to_string(), error })
    }

    /// Reads cases from YAML text. `name` is for reports; paths in it are relative to `directory`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every place that is wrong.
    pub fn parse(name: &str, text: &str, directory: &Path) -> Result<Self, ConfigError> {
        raw::read(name, text, directory)
    }

    /// Reads every file of `paths`, and every `*.yaml` and `*.yml` below its directories, in the order of names.
    ///
    /// # Errors
    ///
    /// [`CaseError`] for the first that cannot be used, and for a path without a case.
    pub fn load_all(paths: &[PathBuf]) -> Result<Vec<Self>, CaseError> {
        let mut files = Vec::new();
        for path in paths {
            let found =
                find::files(path)?.iter().map(|file| Self::load(file)).collect::<Result<Vec<_>, _>>()?;
            if found.iter().all(|file| file.cases.is_empty()) {
                return Err(CaseError::Empty { path: path.clone() });
            }
            files.extend(found);
        }
        Ok(files)
    }
}

/// Runs the cases that `modelgate.tests` of the snapshot's configuration names against the snapshot itself, whatever
/// configuration they name. To be asked before a snapshot is put in force.
///
/// # Errors
///
/// [`CaseError`] if one does not pass or cannot be read.
pub fn check(snapshot: &Snapshot) -> Result<(), CaseError> {
    let files = CaseFile::load_all(&snapshot.config().gateway.tests)?;
    let report = run_cases(snapshot, &files);
    if report.passed() {
        return Ok(());
    }
    let failures: Vec<&Outcome> = report.failures().collect();
    let text = failures.iter().map(ToString::to_string).collect();
    Err(CaseError::Failed { failed: failures.len(), all: report.outcomes.len(), text })
}

#[cfg(test)]
mod tests;
