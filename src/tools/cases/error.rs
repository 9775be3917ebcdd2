//! The reasons why cases cannot run or do not pass.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::config::ConfigError;

/// The reason why cases cannot run or do not pass.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum CaseError {
    /// A file is invalid.
    #[error("`{name}` is refused: {}", places(.error))]
    File {
        /// The path.
        name: String,
        /// The problems of the file.
        #[diagnostic_source]
        error: ConfigError,
    },
    /// A file or a directory cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// The reason.
        #[source]
        cause: std::io::Error,
    },
    /// A directory has no cases. It is an error because an empty run would pass.
    #[error("`{}` has no cases", path.display())]
    #[diagnostic(help("write cases into files whose names end in `.yaml` or `.yml`"))]
    Empty {
        /// The path.
        path: PathBuf,
    },
    /// Cases that `modelgate.tests` names fail.
    #[error("{failed} of {all} cases that `modelgate.tests` names do not pass:\n{text}")]
    #[diagnostic(help("correct the rules, or the cases: `modelgate test --config FILE` runs them"))]
    Failed {
        /// The number of cases that fail.
        failed: usize,
        /// The number of cases.
        all: usize,
        /// Each case that fails, with the reason.
        text: String,
    },
}

/// Each problem with its line, for logs.
fn places(error: &ConfigError) -> String {
    let place = |line: Option<u32>| line.map(|line| format!("line {line}: ")).unwrap_or_default();
    let problems = error.problems().iter().map(|problem| format!("{}{problem}", place(problem.line())));
    problems.collect::<Vec<_>>().join("; ")
}
