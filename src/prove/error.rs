//! The reasons why nothing can be proven.

use std::path::PathBuf;

use miette::Diagnostic;

use crate::dropins::DropInError;
use crate::engine::SnapshotError;

/// The reason why no proof was tried.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum ProveError {
    /// There is no solver.
    #[error("the solver `cvc5` was not found")]
    #[diagnostic(help(
        "install it (Debian and Ubuntu: `apt-get install cvc5`; others: https://github.com/cvc5/cvc5/releases), \
         or name its program in the variable `CVC5`"
    ))]
    NoSolver,
    /// The solver does not start.
    #[error("the solver `{path}` does not run: {error}")]
    #[diagnostic(help("`CVC5` names the program of cvc5, version 1.0.3 or newer"))]
    Solver {
        /// The program.
        path: PathBuf,
        /// The reason.
        error: String,
    },
    /// The answers of the solver cannot be kept in a directory.
    #[error("the solver's answers cannot be kept in `{directory}`: {error}")]
    #[diagnostic(help(
        "a proof rests on these answers, so only you may write to the directory: `chmod 700` it, or use `--no-cache`"
    ))]
    Cache {
        /// The directory.
        directory: PathBuf,
        /// The reason.
        error: std::io::Error,
    },
    /// The rules are invalid.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Rules(#[from] SnapshotError),
    /// The invariants are invalid.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Invariants(#[from] Box<DropInError>),
    /// An invariant is not called one.
    #[error("{place}: the policy `{id}` is no invariant")]
    #[diagnostic(help("write `@invariant(\"...\")` above it, with what it says in the words of operators"))]
    NoInvariant {
        /// The place.
        place: String,
        /// The id of the policy.
        id: String,
    },
    /// The names of models or routes cannot be divided into classes.
    #[error("the wildcards of the rules tell too many names apart")]
    TooManyNames,
    /// A mistake of modelgate itself.
    #[error("the rules could not be written as formulas: {0}")]
    Internal(String),
}
