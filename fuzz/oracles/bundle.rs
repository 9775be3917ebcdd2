//! A bundle is unpacked completely or not at all. It is unpacked into its own directory, contains only plain files of
//! policies, and has the content of its archive.
//!
//! The first byte of an input chooses the form of the rest: the bytes of a bundle; the bytes of an archive, which is
//! then compressed; or entries to archive, each a line of `TYPE PATH`, a tab, and the content.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use modelgate::gateway::internal;

const MAX_LEN: usize = 8 * 1024;
const ENDINGS: [&str; 3] = [".cedar", ".cedarschema", ".entities.json"];

type Files = BTreeMap<String, Vec<u8>>;

pub(crate) fn check(data: &[u8]) {
    let Some((choice, rest)) = data.split_first().filter(|_| data.len() <= MAX_LEN) else { return };
    let (bundle, expected) = match choice % 3 {
        0 => (rest.to_vec(), None),
        1 => (compressed(rest), None),
        _ => {
            let entries: Vec<Entry<'_>> = rest.split(|byte| *byte == b'\n').filter_map(Entry::read).collect();
            let archive: Vec<u8> = entries.iter().flat_map(Entry::archived).chain([0; 1024]).collect();
            (compressed(&archive), naive(&entries))
        }
    };
    let around = tempfile::tempdir().expect("a directory");
    let into = around.path().join("v1");
    let unpacked = internal::unpack(&bundle, &into);
    let mut found = Files::new();
    collect(around.path(), "", &mut found);
    if unpacked.is_err() {
        assert!(
            !into.exists() && found.is_empty(),
            "something is left of what was refused: {:?}",
            found.keys()
        );
        return;
    }
    assert!(found.values().map(Vec::len).sum::<usize>() <= 64 * 1024 * 1024, "the limit is passed");
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    for path in found.keys() {
        let is_policy = ENDINGS.iter().any(|ending| path.ends_with(ending)) && !name(path).starts_with('.');
        assert!(path.starts_with("v1/") && is_policy, "{path:?}");
    }
    match expected {
        Some(Ok(files)) => assert_eq!(found, files, "the files say something else"),
        Some(Err(why)) => panic!("{why}, and it is unpacked"),
        None => {}
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    encoder.write_all(bytes).expect("into memory");
    encoder.finish().expect("into memory")
}

/// Every regular file below, by its path. Anything except files and directories is a finding.
fn collect(directory: &Path, prefix: &str, into: &mut Files) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let entry = entry.expect("an entry");
        let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().expect("a type");
        if kind.is_dir() {
            collect(&entry.path(), &format!("{path}/"), into);
        } else {
            assert!(kind.is_file(), "{path:?} is no plain file");
            into.insert(path, fs::read(entry.path()).expect("a file"));
        }
    }
}

struct Entry<'e> {
    kind: u8,
    path: &'e [u8],
    content: &'e [u8],
}

impl<'e> Entry<'e> {
    fn read(line: &'e [u8]) -> Option<Self> {
        let (kind, rest) = line.split_first()?;
        let rest = rest.strip_prefix(b" ")?;
        let tab = rest.iter().position(|byte| *byte == b'\t').unwrap_or(rest.len());
        let (path, content) = (&rest[..tab], rest.get(tab + 1..).unwrap_or_default());
        (path.len() <= 100 && !path.is_empty()).then_some(Self { kind: *kind, path, content })
    }

    /// Follows POSIX, regardless of the path.
    fn archived(&self) -> Vec<u8> {
        let mut head = [0; 512];
        head[..self.path.len()].copy_from_slice(self.path);
        for (at, text) in [
            (100, "0000644\0"),
            (108, "0000000\0"),
            (116, "0000000\0"),
            (136, "00000000000\0"),
            (148, "        "),
        ] {
            head[at..at + text.len()].copy_from_slice(text.as_bytes());
        }
        head[124..136].copy_from_slice(format!("{:011o}\0", self.content.len()).as_bytes());
        head[156] = self.kind;
        head[257..265].copy_from_slice(b"ustar\x0000");
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let padding = self.content.len().next_multiple_of(512) - self.content.len();
        [&head[..], self.content, &vec![0; padding]].concat()
    }
}

/// The expected files, or the reason for a refusal. `None` if a name or an extension of the format needs more than a
/// line.
fn naive(entries: &[Entry<'_>]) -> Option<Result<Files, String>> {
    let mut files = Files::new();
    for Entry { kind, path, content } in entries {
        let path = std::str::from_utf8(path).ok().filter(|path| !path.contains('\0'))?;
        match kind {
            // Long names and attributes of the next entry, a sparse file, and a directory in the old form.
            b'L' | b'K' | b'x' | b'S' => return None,
            _ if path.ends_with('/') => return None,
            b'g' => continue,
            b'5' | b'0' | 0 => {}
            kind => return Some(Err(format!("an entry of type {kind}"))),
        }
        let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
        if path.starts_with('/') || parts.contains(&"..") {
            return Some(Err(format!("{path:?} leads out")));
        }
        if parts.iter().any(|part| part.starts_with('.')) || parts.len() > 16 {
            return Some(Err(format!("{path:?} would not be read")));
        }
        let (false, Some(name)) = (*kind == b'5', parts.last()) else { continue };
        // The version is checked elsewhere.
        if parts == ["bundle.json"] {
            return None;
        }
        if ENDINGS.iter().any(|ending| name.ends_with(ending)) {
            if files.insert(format!("v1/{}", parts.join("/")), content.to_vec()).is_some() {
                return Some(Err(format!("{path:?} is there twice")));
            }
        } else if !is_documentation(name) {
            return Some(Err(format!("nobody reads {path:?}")));
        }
    }
    if !files.keys().any(|path| path.ends_with(".cedar")) {
        return Some(Err("there is no policy".to_owned()));
    }
    Some(Ok(files))
}

fn is_documentation(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["readme", "license", "licence", "copying", "notice", "changelog", "authors", "codeowners"]
        .iter()
        .any(|stem| ["", ".", ".md", ".txt", ".rst"].iter().any(|ending| name == format!("{stem}{ending}")))
}
