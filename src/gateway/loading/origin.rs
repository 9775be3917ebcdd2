//! The files of a generation, and whether they have changed since.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{Context, SHA256};

use crate::dropins;
use crate::reload::Roots;
use crate::sources::SourceFile;

/// Larger than any file that is read may be.
const LARGEST_FILE: u64 = 64 * 1024 * 1024 + 1;

/// The files of a generation.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The SHA-256 of all files, names and contents, in hexadecimal digits.
    pub hash: String,
    /// The time when they were read.
    pub loaded_at: SystemTime,
    /// Their paths, the configuration's first.
    pub files: Vec<PathBuf>,
    /// The directory of policies, if there is one.
    pub policies: Option<PathBuf>,
    /// The number of drop-in policies.
    pub policy_count: usize,
    /// The texts of the configuration and of the policies beside it. They may hold keys.
    pub(crate) rules: Arc<[SourceFile]>,
    pub(in crate::gateway) roots: Roots,
}

/// The SHA-256 of files, names and contents.
pub(in crate::gateway) struct Fingerprint(Context);

impl Origin {
    /// The directory of policies, if it contains no policy and so contributes nothing.
    #[must_use]
    pub fn without_policies(&self) -> Option<&Path> {
        self.policies.as_deref().filter(|_| self.policy_count == 0)
    }

    /// Whether the same files exist with the same contents. This is cheaper than parsing them.
    pub(in crate::gateway) fn is_up_to_date(&self) -> bool {
        let known: HashSet<&Path> = self.files.iter().map(PathBuf::as_path).collect();
        let is_known = |list: Vec<PathBuf>| list.iter().all(|path| known.contains(path.as_path()));
        let mut fingerprint = Fingerprint::new();
        self.roots.policies.iter().all(|directory| dropins::list(directory).is_ok_and(is_known))
            && self
                .files
                .iter()
                .all(|path| beginning(path).map(|content| fingerprint.add(path, &content)).is_ok())
            && fingerprint.finish() == self.hash
    }
}

/// Reads a file up to the size limit.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(LARGEST_FILE).read_to_end(&mut content)?;
    Ok(content)
}

impl Fingerprint {
    pub(in crate::gateway) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    pub(in crate::gateway) fn add(&mut self, path: &Path, content: &[u8]) {
        for part in [path.as_os_str().as_encoded_bytes(), content] {
            self.0.update(&(part.len() as u64).to_be_bytes());
            self.0.update(part);
        }
    }

    /// Formats bytes as hexadecimal digits.
    pub(in crate::gateway) fn finish(self) -> String {
        self.0.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
