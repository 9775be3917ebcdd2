//! Loads files of cases.

use std::path::{Path, PathBuf};

use super::case::CaseFile;
use super::error::CaseError;
use super::{find, raw};
use crate::config::ConfigError;

impl CaseFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    ///
    /// [`CaseError`] with every invalid place.
    pub fn load(path: &Path) -> Result<Self, CaseError> {
        let text = find::read(path)?;
        let directory = path.parent().unwrap_or(Path::new(""));
        let name = path.to_string_lossy();
        Self::parse(&name, &text, directory)
            .map_err(|error| CaseError::File { name: name.to_string(), error })
    }

    /// Reads cases from YAML text. `name` is used in reports. Paths in the text are relative to `directory`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] with every invalid place.
    pub fn parse(name: &str, text: &str, directory: &Path) -> Result<Self, ConfigError> {
        raw::read(name, text, directory)
    }

    /// The names and the texts of every file of `paths`, without reading them as cases.
    #[cfg(feature = "cli")]
    pub(crate) fn texts(paths: &[PathBuf]) -> Result<Vec<(String, String)>, CaseError> {
        let mut texts = Vec::new();
        for path in paths {
            for file in find::files(path)? {
                texts.push((file.to_string_lossy().into_owned(), find::read(&file)?));
            }
        }
        Ok(texts)
    }

    /// Reads every file of `paths`, and every `*.yaml` and `*.yml` below its directories, sorted by name.
    ///
    /// # Errors
    ///
    /// [`CaseError`] for the first file that cannot be used, and for a path without cases.
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
