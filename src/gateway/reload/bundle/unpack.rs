//! From the bytes of a bundle to files, within limits.

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};

use super::error::BundleError;
use crate::dropins;

const MOST_ENTRIES: usize = 10_000;
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Makes a directory that only we can enter, and that was not there before.
pub(super) fn private_directory(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(directory)
}

/// Writes the policies of a `.tar.gz` into a new directory.
pub(in crate::gateway) fn unpack(bundle: &[u8], into: &Path) -> Result<(), BundleError> {
    private_directory(into)?;
    let written = write(bundle, into);
    if written.is_err() {
        // Half a bundle is of no use.
        let _ = fs::remove_dir_all(into);
    }
    written
}

fn write(bundle: &[u8], into: &Path) -> Result<(), BundleError> {
    let refused = |reason: String| BundleError::Contents(reason);
    let unreadable = |error: io::Error| BundleError::Contents(format!("it is no `.tar.gz`: {error}"));
    // A byte more than is allowed shows that there is more.
    let mut archive = Archive::new(GzDecoder::new(bundle).take(MOST_BYTES + 1));
    let mut left = MOST_BYTES;
    for (count, entry) in archive.entries().map_err(unreadable)?.enumerate() {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.into_owned();
        let shown = path.display().to_string();
        if count >= MOST_ENTRIES {
            return Err(refused(format!("it has more than {MOST_ENTRIES} entries")));
        }
        match entry.header().entry_type() {
            EntryType::Directory | EntryType::XGlobalHeader => continue,
            EntryType::Regular => {}
            _ => return Err(refused(format!("`{shown}` is neither a file nor a directory"))),
        }
        let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
        if !path.components().all(is_plain) {
            return Err(refused(format!("`{shown}` leads out of the bundle")));
        }
        if !path.file_name().is_some_and(|name| dropins::is_ours(&name.to_string_lossy())) {
            continue;
        }
        let target = into.join(&path);
        fs::create_dir_all(target.parent().unwrap_or(into))?;
        let mut text = Vec::new();
        (&mut entry).take(left + 1).read_to_end(&mut text).map_err(unreadable)?;
        left = left
            .checked_sub(text.len() as u64)
            .ok_or_else(|| refused(format!("it unpacks to more than {MOST_BYTES} bytes")))?;
        fs::write(target, text)?;
    }
    Ok(())
}

/// Points a link to a directory, at once.
pub(super) fn point(link: &Path, to: &Path) -> io::Result<()> {
    let next = link.with_extension("next");
    symlink(to, &next)?;
    fs::rename(next, link)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use tar::{Builder, Header};

    use super::*;

    fn bundle(entries: &[(&str, EntryType, &str)]) -> Vec<u8> {
        let mut builder = Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (path, kind, text) in entries {
            let mut header = Header::new_gnu();
            // As an attacker writes it: the library itself refuses such paths.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            if *kind != EntryType::Regular {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, text.as_bytes()).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn unpacked(bundle: &[u8]) -> Result<Vec<String>, String> {
        let directory = tempfile::tempdir().unwrap();
        let into = directory.path().join("v1");
        unpack(bundle, &into).map_err(|error| {
            assert!(!into.exists(), "half of it was left");
            error.to_string()
        })?;
        let list = dropins::list(&into).unwrap();
        Ok(list.iter().map(|path| path.strip_prefix(&into).unwrap().display().to_string()).collect())
    }

    #[test]
    fn policies_are_unpacked_and_other_files_are_not() {
        let entries = [
            ("a.cedar", EntryType::Regular, "permit(principal, action, resource);"),
            ("./deep/b.cedarschema", EntryType::Regular, ""),
            ("README.md", EntryType::Regular, "hello"),
        ];
        assert_eq!(unpacked(&bundle(&entries)).unwrap(), ["a.cedar", "deep/b.cedarschema"]);
    }

    #[test]
    fn what_leads_out_of_the_bundle_is_refused() {
        for path in ["../a.cedar", "/etc/a.cedar", "x/../../a.cedar"] {
            let refused = unpacked(&bundle(&[(path, EntryType::Regular, "")])).unwrap_err();
            assert!(refused.contains("leads out of the bundle"), "{refused}");
        }
        for kind in [EntryType::Symlink, EntryType::Link, EntryType::Fifo, EntryType::Char] {
            let refused = unpacked(&bundle(&[("a.cedar", kind, "")])).unwrap_err();
            assert!(refused.contains("neither a file nor a directory"), "{refused}");
        }
    }

    #[test]
    fn a_bomb_is_refused() {
        let large = "x".repeat(usize::try_from(MOST_BYTES / 2).unwrap());
        let entries = [
            ("a.cedar", EntryType::Regular, large.as_str()),
            ("b.cedar", EntryType::Regular, &large),
            ("c.cedar", EntryType::Regular, "x"),
        ];
        assert!(unpacked(&bundle(&entries)).is_err());
    }

    #[test]
    fn what_is_no_archive_is_refused() {
        let mut text = GzEncoder::new(Vec::new(), Compression::fast());
        text.write_all(b"hello, this is no archive").unwrap();
        for bytes in [b"hello".to_vec(), text.finish().unwrap()] {
            assert!(unpacked(&bytes).unwrap_err().contains("no `.tar.gz`"));
        }
    }
}
