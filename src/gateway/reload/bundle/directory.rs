//! A directory for unpacked policies. It is removed with the process.

use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PREFIX: &str = "modelgate-policies-";
const LOCK: &str = "lock";
/// A younger directory may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A private directory. Its lock shows other processes that it is in use.
#[derive(Debug)]
pub(super) struct PrivateDirectory {
    path: PathBuf,
    _lock: File,
}

impl PrivateDirectory {
    /// Creates a directory among the temporary files. Its name is random, because processes in containers often have
    /// the same id, and a killed process leaves its directory behind.
    pub(super) fn new() -> io::Result<Self> {
        let mut random = [0_u8; 16];
        aws_lc_rs::rand::fill(&mut random).map_err(io::Error::other)?;
        let name: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("{PREFIX}{name}"));
        create(&path)?;
        let lock = File::create_new(path.join(LOCK))?;
        lock.try_lock()?;
        remove_abandoned(&path);
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // If this fails, a copy stays behind in the directory for temporary files.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Creates a new directory that only this user can access.
pub(super) fn create(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(directory)
}

/// Removes the directories of killed processes. A failure is ignored until the next time.
fn remove_abandoned(own: &Path) {
    let (Ok(owner), Some(around)) = (fs::metadata(own), own.parent()) else { return };
    for entry in fs::read_dir(around).into_iter().flatten().flatten() {
        if entry.path() != own && is_abandoned(&entry, owner.uid()).unwrap_or(false) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

fn is_abandoned(entry: &DirEntry, owner: u32) -> io::Result<bool> {
    if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
        return Ok(false);
    }
    // Links are not followed.
    let metadata = entry.metadata()?;
    let is_ours = metadata.is_dir() && metadata.uid() == owner && metadata.mode() & 0o077 == 0;
    let is_old = metadata.modified()?.elapsed().is_ok_and(|age| age > YOUNG);
    Ok(is_ours && is_old && File::open(entry.path().join(LOCK))?.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// Sets the modification time of a directory to an hour ago.
    fn age(path: &Path) {
        File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }

    #[test]
    fn a_directory_that_was_left_behind_is_removed_and_one_in_use_is_not() {
        let in_use = PrivateDirectory::new().unwrap();
        age(in_use.path());
        let left = PrivateDirectory::new().unwrap();
        let path = left.path().to_owned();
        // This is the state after a kill: the directory exists, but its lock is gone.
        let PrivateDirectory { path: _, _lock: lock } = &left;
        lock.unlock().unwrap();
        age(&path);
        let _next = PrivateDirectory::new().unwrap();
        assert!(!path.exists() && in_use.path().exists());
    }
}
