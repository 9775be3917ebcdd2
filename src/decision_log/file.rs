//! The log file: lines are appended, and a full file is rotated.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use super::chain::Link;
use super::{Chain, DecisionLogError};

/// Only the owner may read the file, because it records who did what.
const MODE: u32 = 0o600;
/// The last line is searched within this many bytes. A line with claims is shorter.
const TAIL: u64 = 1024 * 1024;

/// The log file and its rotated predecessors.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    max_bytes: u64,
    keep: u32,
    file: File,
    bytes: u64,
}

impl LogFile {
    /// Opens the file for appending. Removes a line that a crash cut short.
    pub(super) fn open(path: &Path, max_bytes: u64, keep: u32) -> Result<Self, DecisionLogError> {
        let failed = |cause| DecisionLogError::Open { file: path.to_owned(), cause };
        let (file, bytes) = open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(DecisionLogError::Taken { file: path.to_owned() }),
            Err(TryLockError::Error(cause)) => return Err(failed(cause)),
        }
        let mut log = Self { path: path.to_owned(), max_bytes, keep, file, bytes };
        log.cut_torn_line().map_err(failed)?;
        Ok(log)
    }

    /// The chain that the file's last line ends. If the file is empty, the chain of the previous file. `None` if that
    /// line is not a link of a chain.
    pub(super) fn chain(&self) -> Result<Option<Chain>, DecisionLogError> {
        let older = self.older(1);
        let path = if self.bytes == 0 && older.exists() { &older } else { &self.path };
        let tail = tail(path).map_err(|cause| DecisionLogError::Open { file: path.clone(), cause })?;
        let Some(last) = tail.split(|byte| *byte == b'\n').rfind(|line| !line.is_empty()) else {
            return Ok(Some(Chain::default()));
        };
        Ok(Link::read(last).ok().map(Chain::ending_with))
    }

    /// Whether this number of additional bytes fits.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        self.bytes.saturating_add(bytes as u64) <= self.max_bytes
    }

    /// Appends whole lines. After an error, none of them is in the file.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let appended = self.file.write_all(lines);
        match &appended {
            Ok(()) => self.bytes += lines.len() as u64,
            // The first error is the one to report. A file that is not regular has no length to set.
            Err(_) => drop(self.file.set_len(self.bytes)),
        }
        appended
    }

    /// Rotates the file, unless it is empty.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        if self.keep == 0 {
            self.file.set_len(0)?;
            self.bytes = 0;
            return Ok(());
        }
        for n in (1..self.keep).rev() {
            if self.older(n).exists() {
                fs::rename(self.older(n), self.older(n + 1))?;
            }
        }
        fs::rename(&self.path, self.older(1))?;
        let (file, bytes) = open(&self.path)?;
        file.try_lock()?;
        (self.file, self.bytes) = (file, bytes);
        Ok(())
    }

    pub(super) fn failed(&self, cause: io::Error) -> DecisionLogError {
        DecisionLogError::Open { file: self.path.clone(), cause }
    }

    fn older(&self, n: u32) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(format!(".{n}"));
        name.into()
    }

    fn cut_torn_line(&mut self) -> io::Result<()> {
        if self.bytes == 0 {
            return Ok(());
        }
        let tail = tail(&self.path)?;
        let torn = tail.iter().rev().take_while(|byte| **byte != b'\n').count() as u64;
        if torn > 0 {
            tracing::warn!("the last line of the decision log was cut short, and is removed");
            self.bytes -= torn;
            self.file.set_len(self.bytes)?;
        }
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().append(true).create(true).mode(MODE).open(path)?;
    let bytes = file.metadata()?.len();
    Ok((file, bytes))
}

/// The end of a file. It is empty for a file that is not regular, such as a pipe.
fn tail(path: &Path) -> io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    let metadata = fs::metadata(path)?;
    if metadata.is_file() {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(metadata.len().saturating_sub(TAIL)))?;
        file.read_to_end(&mut tail)?;
    }
    Ok(tail)
}
