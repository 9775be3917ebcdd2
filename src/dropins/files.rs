//! Finds and reads the drop-in files of a directory.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::error::Finding;
use super::text_file::TextFile;

const ENDINGS: [&str; 3] = [".cedar", ".cedarschema", ".entities.json"];
/// The depth limit, which ends cycles of links. Nobody nests policies this deeply.
const DEEPEST: usize = 16;
const LARGEST_FILE: u64 = 64 * 1024 * 1024;

/// Reads a whole file.
pub(super) fn read(path: &Path) -> Result<TextFile, Finding> {
    let name = path.to_string_lossy();
    let mut text = String::new();
    let unread = |error: std::io::Error| Finding::unread(&name, format!("the file cannot be read: {error}"));
    let file = fs::File::open(path).map_err(unread)?;
    file.take(LARGEST_FILE + 1).read_to_string(&mut text).map_err(unread)?;
    if text.len() as u64 > LARGEST_FILE {
        return Err(Finding::unread(&name, format!("the file is larger than {LARGEST_FILE} bytes")));
    }
    Ok(TextFile { name: name.into(), text: text.into() })
}

/// Whether the name is that of a drop-in file.
pub(crate) fn is_ours(file_name: &str) -> bool {
    !file_name.starts_with('.') && ENDINGS.iter().any(|ending| file_name.ends_with(ending))
}

/// Lists the drop-in files below a directory, sorted by path.
pub(crate) fn list(directory: &Path) -> Result<Vec<PathBuf>, Finding> {
    let mut found = Vec::new();
    walk(directory, 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn walk(directory: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), Finding> {
    let name = directory.to_string_lossy();
    let unread =
        |error: std::io::Error| Finding::unread(&name, format!("the directory cannot be read: {error}"));
    if depth > DEEPEST {
        return Err(Finding::unread(&name, "the directories are nested too deeply, or links form a cycle"));
    }
    for entry in fs::read_dir(directory).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        let (path, file_name) = (entry.path(), entry.file_name());
        let file_name = file_name.to_string_lossy();
        if file_name.starts_with('.') {
            continue;
        }
        // Follows links. `entry.metadata()` does not.
        let metadata = fs::metadata(&path).map_err(unread)?;
        if metadata.is_dir() {
            walk(&path, depth + 1, found)?;
        } else if is_ours(&file_name) {
            found.push(path);
        }
    }
    Ok(())
}
