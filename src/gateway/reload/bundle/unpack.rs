//! Extracts files from the bytes of a bundle, within limits.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;
use tar::{Archive, Entry, EntryType};

use super::directory;
use super::error::BundleError;
use super::manifest::{self, MANIFEST};
use crate::display::escape;
use crate::dropins;

const MOST_ENTRIES: usize = 10_000;
const MOST_BYTES: u64 = 64 * 1024 * 1024;
/// Equal to the depth limit of a directory of policies.
const DEEPEST: usize = 16;
const BLOCK: u64 = 512;
/// An archive ends with two empty blocks (POSIX.1-2024, pax, ustar).
const END: u64 = 2 * BLOCK;
/// The maximum number of files that one message names.
const MOST_NAMED: usize = 10;

/// The content of a bundle.
pub(super) struct Contents {
    /// `None`: the bundle has no version.
    pub(super) version: Option<u64>,
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Contents {
    /// Reads a whole `.tar.gz` without writing any file.
    pub(super) fn read(bundle: &[u8]) -> Result<Self, BundleError> {
        let archive = decompressed(bundle)?;
        let unreadable = |error: io::Error| refused(format!("it is not a `.tar.gz`: {error}"));
        let mut contents = Self { version: None, files: BTreeMap::new() };
        let (mut unread, mut end) = (Vec::new(), 0);
        for (count, entry) in Archive::new(&*archive).entries().map_err(unreadable)?.enumerate() {
            let mut entry = entry.map_err(unreadable)?;
            if count >= MOST_ENTRIES {
                return Err(refused(format!("it has more than {MOST_ENTRIES} entries")));
            }
            end = entry.raw_file_position() + entry.size().next_multiple_of(BLOCK);
            let kind = entry.header().entry_type();
            if kind == EntryType::XGlobalHeader {
                continue;
            }
            let (path, shown) = plain_path(&entry)?;
            match kind {
                EntryType::Directory => continue,
                EntryType::Regular => {}
                _ => return Err(refused(format!("`{shown}` is neither a file nor a directory"))),
            }
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(unreadable)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path == Path::new(MANIFEST) {
                if contents.version.replace(manifest::version(&text)?).is_some() {
                    return Err(refused(format!("`{MANIFEST}` is in it twice")));
                }
            } else if dropins::is_ours(&name) {
                if contents.files.insert(path, text).is_some() {
                    return Err(refused(format!("`{shown}` is in it twice")));
                }
            } else if !is_documentation(&name) {
                unread.push(shown);
            }
        }
        let rest = usize::try_from(end).ok().and_then(|end| archive.get(end..)).unwrap_or_default();
        if rest.iter().any(|byte| *byte != 0) {
            return Err(refused("there are bytes after the end of its archive".to_owned()));
        }
        if (rest.len() as u64) < END {
            return Err(refused("its archive is cut short".to_owned()));
        }
        contents.checked(&unread)
    }

    /// An ignored file could contain rules that are then missing.
    fn checked(self, unread: &[String]) -> Result<Self, BundleError> {
        if !unread.is_empty() {
            let named: Vec<&str> = unread.iter().map(String::as_str).take(MOST_NAMED).collect();
            let more = unread.len().saturating_sub(MOST_NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            return Err(refused(format!(
                "modelgate would ignore `{}`{more}: policies end with `.cedar`, `.cedarschema` or \
                 `.entities.json`",
                named.join("`, `")
            )));
        }
        if !self.files.keys().any(|path| path.extension().is_some_and(|extension| extension == "cedar")) {
            return Err(refused("there is no `.cedar` file in it".to_owned()));
        }
        Ok(self)
    }

    /// Writes the policies into a new directory.
    pub(super) fn write(&self, into: &Path) -> Result<(), BundleError> {
        directory::create(into)?;
        let written = self.files.iter().try_for_each(|(path, text)| {
            let target = into.join(path);
            fs::create_dir_all(target.parent().unwrap_or(into))?;
            fs::write(target, text)
        });
        if written.is_err() {
            // An incomplete bundle must not be used.
            let _ = fs::remove_dir_all(into);
        }
        Ok(written?)
    }
}

fn refused(reason: String) -> BundleError {
    BundleError::Contents(reason)
}

/// Decompresses all members of a gzip file (RFC 1952 section 2.2) and joins them.
fn decompressed(bundle: &[u8]) -> Result<Vec<u8>, BundleError> {
    let mut archive = Vec::new();
    // One byte beyond the limit shows that there is more.
    let read = MultiGzDecoder::new(bundle).take(MOST_BYTES + 1).read_to_end(&mut archive);
    read.map_err(|error| refused(format!("it is not a `.tar.gz`: {error}")))?;
    if archive.len() as u64 > MOST_BYTES {
        return Err(refused(format!("it unpacks to more than {MOST_BYTES} bytes")));
    }
    Ok(archive)
}

/// The path of an entry without `.`, and its form for messages.
fn plain_path(entry: &Entry<'_, &[u8]>) -> Result<(PathBuf, String), BundleError> {
    let bytes = entry.path_bytes();
    let shown = escape(&String::from_utf8_lossy(&bytes)).into_owned();
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return Err(refused(format!("the name `{shown}` is not UTF-8")));
    };
    let mut plain = PathBuf::new();
    for part in Path::new(text).components() {
        match part {
            Component::CurDir => {}
            Component::Normal(part) if part.to_string_lossy().starts_with('.') => {
                return Err(refused(format!("`{shown}` is hidden: modelgate would ignore it")));
            }
            Component::Normal(part) => plain.push(part),
            _ => return Err(refused(format!("`{shown}` leads out of the bundle"))),
        }
    }
    if text.contains('\0') {
        return Err(refused(format!("the name `{shown}` has a NUL in it")));
    }
    if plain.components().count() > DEEPEST {
        return Err(refused(format!("`{shown}` is more than {DEEPEST} directories deep")));
    }
    Ok((plain, shown))
}

/// Whether the file's name marks it as documentation.
fn is_documentation(name: &str) -> bool {
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let is_extension = matches!(extension, "" | "md" | "txt" | "rst");
    let stems = ["README", "LICENSE", "LICENCE", "COPYING", "NOTICE", "CHANGELOG", "AUTHORS", "CODEOWNERS"];
    is_extension && stems.iter().any(|known| stem.eq_ignore_ascii_case(known))
}

/// Reads a bundle, and writes its policies into a new directory.
pub(in crate::gateway) fn unpack(bundle: &[u8], into: &Path) -> Result<(), BundleError> {
    Contents::read(bundle)?.write(into)
}

/// Replaces a link to a directory atomically.
pub(super) fn point(link: &Path, to: &Path) -> io::Result<()> {
    let next = link.with_extension("next");
    symlink(to, &next)?;
    fs::rename(next, link)
}

#[cfg(test)]
mod tests;
