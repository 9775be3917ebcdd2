//! A directory for what is unpacked, which is gone with the process.

use std::fs::{self, DirEntry, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PREFIX: &str = "modelgate-policies-";
const LOCK: &str = "lock";
/// A directory that is younger may not be locked yet.
const YOUNG: Duration = Duration::from_secs(60);

/// A directory that nobody else may enter. Its lock tells other processes that it is in use.
#[derive(Debug)]
pub(super) struct PrivateDirectory {
    path: PathBuf,
    _lock: File,
}

impl PrivateDirectory {
    /// A new directory among temporary files. Its name is random: processes in containers often have one id, and a process
    /// that was killed leaves its directory behind.
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
        // What stays behind is a copy, in a directory for what stays behind.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Makes a directory that only we can enter, and that was not there before.
pub(super) fn create(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(directory)
}

/// Removes directories of processes that were killed. What fails is left for the next time.
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
    // Not followed if it is a link.
    let metadata = entry.metadata()?;
    let is_ours = metadata.is_dir() && metadata.uid() == owner && metadata.mode() & 0o077 == 0;
    let is_old = metadata.modified()?.elapsed().is_ok_and(|age| age > YOUNG);
    Ok(is_ours && is_old && File::open(entry.path().join(LOCK))?.try_lock().is_ok())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    /// Makes a directory look as if nothing had been written to it for an hour.
    fn age(path: &Path) {
        File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(3600)).unwrap();
    }

    #[test]
    fn a_directory_that_was_left_behind_is_removed_and_one_in_use_is_not() {
        let in_use = PrivateDirectory::new().unwrap();
        age(in_use.path());
        let left = PrivateDirectory::new().unwrap();
        let path = left.path().to_owned();
        // As after a kill: the lock is gone, and the directory is not.
        let PrivateDirectory { path: _, _lock: lock } = &left;
        lock.unlock().unwrap();
        age(&path);
        let _next = PrivateDirectory::new().unwrap();
        assert!(!path.exists() && in_use.path().exists());
    }
}
