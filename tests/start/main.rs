//! The first minutes of a new user: the demo, `init`, the examples, and the commands of the README.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod before_litellm;
mod demo;
mod examples;
mod readme;
mod rust_examples;
mod service;

#[path = "../support/key.rs"]
mod key;

use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Variables that would change what the command does.
const VARIABLES: [&str; 5] =
    ["JWT_PUBLIC_KEY_URL", "JWT_AUDIENCE", "JWT_ISSUER", "LITELLM_MASTER_KEY", "RUST_LOG"];

fn root() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

/// The command in a directory, in a plain environment.
fn modelgate(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_modelgate"));
    command.args(args).current_dir(directory);
    for name in VARIABLES {
        command.env_remove(name);
    }
    command
}

/// Runs the command. Returns its exit code and output.
fn run(directory: &Path, args: &[&str]) -> (i32, String) {
    let output = modelgate(directory, args).output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap(), String::from_utf8(printed).unwrap())
}

/// A process that is killed with the test, by its own id.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // This fails if the process has already ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
