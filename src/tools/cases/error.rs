//! Why cases cannot be run, or do not pass.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::config::ConfigError;

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
