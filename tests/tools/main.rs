//! `check`, `access`, `explain`, `decide`, `test`, `diff`, `replay`, `init` and the files for editors, from a user's view.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod access;
mod agree;
mod callers;
mod cases;
#[cfg(feature = "prove")]
mod demands;
mod diff;
#[path = "../support/generate.rs"]
mod generate;
mod plain;
#[cfg(feature = "prove")]
mod prove;
mod replay;
#[cfg(feature = "prove")]
#[path = "../support/skip.rs"]
mod skip;
mod start;
mod words;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A directory of files, and commands that run in it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Runs the command. Returns its exit code and output.
    fn run(&self, args: &str) -> (i32, String) {
        let output = run_in(self.0.path(), args);
        let told = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap(), String::from_utf8(told).unwrap())
    }
}

fn run_in(directory: &Path, args: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
    command.args(args.split_whitespace()).current_dir(directory);
    for name in ["JWT_PUBLIC_KEY_URL", "JWT_AUDIENCE", "JWT_ISSUER", "LITELLM_MASTER_KEY"] {
        command.env_remove(name);
    }
    // Proofs of other runs are not found.
    command.env("XDG_CACHE_HOME", directory.join(".cache"));
    command.output().unwrap()
}

/// The documented example.
const CONFIG: &str = include_str!("../../examples/azure-ad.yaml");
