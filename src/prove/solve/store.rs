//! Answers that earlier processes found, in a directory.
//!
//! An entry says what the solver said about one script. Whoever can write it can say that something is proven, so the
//! directory belongs to the user who proves, and nobody else may write to it.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::program::Program;
use super::query::{Answer, Limits};
use super::session::options;
use crate::prove::ProveError;

/// The first line of an entry, which changes with its format.
const FORMAT: &str = "modelgate proof 1";
/// The number of entries that a directory keeps.
const MOST: usize = 20_000;

/// A directory of answers, for later processes.
///
/// Only decided answers are kept. The key of an entry is the SHA-256 of all that the solver was told, with its version and
/// limits. An entry that is damaged counts as none.
#[derive(Clone, Debug)]
pub struct Cache {
    directory: PathBuf,
}

impl Cache {
    /// `modelgate/proofs` in the user's directory for caches: `XDG_CACHE_HOME`, or `.cache` in `HOME`.
    #[must_use]
    pub fn usual_directory() -> Option<PathBuf> {
        let of = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let caches = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")))?;
        Some(caches.join("modelgate/proofs"))
    }

    /// Opens a directory, and creates it if it is missing.
    ///
    /// # Errors
    ///
    /// [`ProveError::Cache`] if the directory cannot be written, or if another user may write to it.
    pub fn open(directory: &Path) -> Result<Self, ProveError> {
        let refused = |error| ProveError::Cache { directory: directory.to_owned(), error };
        Self::opened(directory).map_err(refused)
    }

    fn opened(directory: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        let found = fs::metadata(directory)?;
        if found.mode() & 0o022 != 0 {
            return Err(io::Error::other("other users may write to it"));
        }
        // A file belongs to the user who creates it.
        let trial = tempfile(directory)?;
        let own = fs::metadata(&trial.path)?;
        if own.uid() != found.uid() {
            return Err(io::Error::other("it belongs to another user"));
        }
        let cache = Self { directory: directory.to_owned() };
        cache.make_room();
        Ok(cache)
    }

    /// Removes the older half if there are too many entries.
    fn make_room(&self) {
        let entries = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut entries: Vec<_> = entries.map(|entry| entry.path()).collect();
        if entries.len() > MOST {
            entries.sort_by_key(|path| fs::metadata(path).and_then(|found| found.modified()).ok());
            entries.iter().take(MOST / 2).for_each(|path| _ = fs::remove_file(path));
        }
    }

    /// The answers about a script.
    pub(super) fn of_script(&self, program: &Program, limits: Limits, script: &str) -> Answers<'_> {
        let mut key = Sha256::new();
        let (options, memory) = (options(limits).join(" "), limits.memory.to_string());
        let parts = [FORMAT, &program.version, &options, &memory, script];
        for part in parts {
            key.update(part.len().to_le_bytes());
            key.update(part);
        }
        Answers { cache: self, key }
    }
}

/// The answers about a script.
pub(super) struct Answers<'c> {
    cache: &'c Cache,
    key: Sha256,
}

impl Answers<'_> {
    /// What is known about an assertion.
    pub(super) fn answer(&self, assertion: &str) -> Option<Answer> {
        let key = self.key_of(assertion);
        let text = fs::read_to_string(self.cache.directory.join(&key)).ok()?;
        [Answer::Never, Answer::Possible]
            .into_iter()
            .find(|answer| entry(&key, answer).as_ref() == Some(&text))
    }

    /// Keeps a decided answer. Without room, nothing is kept.
    pub(super) fn remember(&self, assertion: &str, answer: &Answer) {
        let key = self.key_of(assertion);
        let Some(text) = entry(&key, answer) else { return };
        let kept = tempfile(&self.cache.directory).and_then(|mut made| {
            made.file.write_all(text.as_bytes())?;
            fs::rename(&made.path, self.cache.directory.join(&key))
        });
        // The next process asks again.
        drop(kept);
    }

    fn key_of(&self, assertion: &str) -> String {
        hex(&self.key.clone().chain_update(assertion).finalize())
    }
}

/// The whole text of an entry. An entry with any other text is damaged.
fn entry(key: &str, answer: &Answer) -> Option<String> {
    let word = match answer {
        Answer::Never => "unsat",
        Answer::Possible => "sat",
        Answer::Unknown(_) => return None,
    };
    let text = format!("{FORMAT}\n{key}\n{word}\n");
    let sum = hex(&Sha256::digest(&text));
    Some(format!("{text}{sum}\n"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// A new file, which is removed unless it is renamed.
struct Made {
    file: fs::File,
    path: PathBuf,
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

fn tempfile(directory: &Path) -> io::Result<Made> {
    static MADE: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let number = MADE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = directory.join(format!(".new-{}-{number}", std::process::id()));
    // What an ended process with this id left is not ours.
    let _ = fs::remove_file(&path);
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok(Made { file, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        Program { path: PathBuf::from("cvc5"), version: "cvc5 version 1.0.3".to_owned() }
    }

    fn opened() -> (tempfile::TempDir, Cache) {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(&directory.path().join("own")).unwrap();
        (directory, cache)
    }

    fn entries(cache: &Cache) -> Vec<PathBuf> {
        fs::read_dir(&cache.directory).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn a_decided_answer_is_found_again_and_an_undecided_one_is_not_kept() {
        let (_directory, cache) = opened();
        let answers = cache.of_script(&program(), Limits::default(), "(declare-const a Bool)\n");
        answers.remember("a", &Answer::Possible);
        answers.remember("(and a (not a))", &Answer::Never);
        answers.remember("b", &Answer::Unknown("time".to_owned()));
        assert_eq!(answers.answer("a"), Some(Answer::Possible));
        assert_eq!(answers.answer("(and a (not a))"), Some(Answer::Never));
        assert_eq!(answers.answer("b"), None);
        assert_eq!(entries(&cache).len(), 2);
    }

    #[test]
    fn another_script_solver_or_limit_has_other_answers() {
        let (_directory, cache) = opened();
        let (program, limits) = (program(), Limits::default());
        cache.of_script(&program, limits, "one").remember("a", &Answer::Never);
        assert_eq!(cache.of_script(&program, limits, "two").answer("a"), None);
        // The border between script and assertion counts.
        assert_eq!(cache.of_script(&program, limits, "on").answer("ea"), None);
        let newer = Program { version: "cvc5 version 1.2.0".to_owned(), ..program.clone() };
        assert_eq!(cache.of_script(&newer, limits, "one").answer("a"), None);
        let other = Limits { seed: 2, ..limits };
        assert_eq!(cache.of_script(&program, other, "one").answer("a"), None);
        assert_eq!(cache.of_script(&program, limits, "one").answer("a"), Some(Answer::Never));
    }

    #[test]
    fn an_entry_that_is_cut_or_changed_or_of_another_question_counts_as_none() {
        let (_directory, cache) = opened();
        let answers = cache.of_script(&program(), Limits::default(), "");
        answers.remember("a", &Answer::Possible);
        let path = entries(&cache).pop().unwrap();
        let whole = fs::read_to_string(&path).unwrap();
        for cut in 0..whole.len() {
            fs::write(&path, whole.get(..cut).unwrap()).unwrap();
            assert_eq!(answers.answer("a"), None, "the first {cut} bytes");
        }
        fs::write(&path, whole.replace("\nsat", "\nunsat")).unwrap();
        assert_eq!(answers.answer("a"), None);
        answers.remember("b", &Answer::Never);
        let other = entries(&cache).into_iter().find(|other| *other != path).unwrap();
        fs::copy(other, &path).unwrap();
        assert_eq!(answers.answer("a"), None);
        assert_eq!(answers.answer("b"), Some(Answer::Never));
    }

    #[test]
    fn a_directory_that_others_may_write_to_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        for mode in [0o770, 0o707, 0o777] {
            fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).unwrap();
            let refused = Cache::open(directory.path()).unwrap_err();
            assert!(refused.to_string().contains("other users may write to it"), "{refused}");
        }
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        assert!(Cache::open(directory.path()).is_ok());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_new_directory_is_open_to_its_user_alone() {
        let (_directory, cache) = opened();
        assert_eq!(fs::metadata(&cache.directory).unwrap().mode() & 0o777, 0o700);
    }
}
