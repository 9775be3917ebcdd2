//! Finds the files of cases.

use std::path::{Path, PathBuf};

use super::error::CaseError;
use crate::config::read_text;

/// The depth limit, which ends cycles of links. Directories of cases are not nested this deeply.
const DEEPEST: usize = 16;

pub(super) fn read(path: &Path) -> Result<String, CaseError> {
    read_text(path).map_err(|cause| CaseError::Read { path: path.to_owned(), cause })
}

/// Returns `path` itself, or the files of cases below it, sorted by name and without hidden files.
pub(super) fn files(path: &Path) -> Result<Vec<PathBuf>, CaseError> {
    let mut found = Vec::new();
    if path.is_dir() {
        walk(path, 0, &mut found)?;
        found.sort();
    } else {
        found.push(path.to_owned());
    }
    Ok(found)
}

fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), CaseError> {
    let unread = |cause| CaseError::Read { path: directory.to_owned(), cause };
    if depth > DEEPEST {
        return Err(unread(std::io::Error::other("it is nested too deeply, or links form a cycle")));
    }
    for entry in std::fs::read_dir(directory).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            walk(&path, depth + 1, found)?;
        } else if name.ends_with(".yaml") || name.ends_with(".yml") {
            found.push(path);
        }
    }
    Ok(())
}
