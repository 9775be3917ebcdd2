//! Finds the program of the solver.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::prove::ProveError;

/// The program of the solver.
#[derive(Clone, Debug)]
pub(in crate::prove) struct Program {
    pub(super) path: PathBuf,
    /// Its first line about itself.
    pub(in crate::prove) version: String,
}

impl Program {
    /// The program that `$CVC5` names, or `cvc5` in a directory of `$PATH`.
    pub(in crate::prove) fn find() -> Result<Self, ProveError> {
        match std::env::var_os("CVC5").filter(|path| !path.is_empty()) {
            Some(path) => Self::at(Path::new(&path)),
            None => {
                let directories = std::env::var_os("PATH").unwrap_or_default();
                let mut found = std::env::split_paths(&directories).map(|directory| directory.join("cvc5"));
                Self::at(&found.find(|path| path.is_file()).ok_or(ProveError::NoSolver)?)
            }
        }
    }

    /// The program at a path.
    pub(in crate::prove) fn at(path: &Path) -> Result<Self, ProveError> {
        let refused = |error: String| ProveError::Solver { path: path.to_owned(), error };
        let output = Command::new(path).arg("--version").stdin(Stdio::null()).output();
        let output = output.map_err(|error| refused(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next().unwrap_or_default();
        if !output.status.success() || !version.contains("cvc5") {
            return Err(refused("it is not cvc5".to_owned()));
        }
        let version =
            version.split(" [").next().unwrap_or_default().trim_start_matches("This is ").to_owned();
        Ok(Self { path: path.to_owned(), version })
    }
}
