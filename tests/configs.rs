//! Configurations of LiteLLM operators, one kind in each file of `tests/configs/`, and modelgate's findings about
//! them.
//!
//! A file begins with comments: what LiteLLM does with it, where such a file occurs, and the environment (`# env:
//! NAME=value`). `# check:` is followed by all expected lines, in this order: problems or warnings by position,
//! ignored keys, and the destination of each model.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/configs.rs"]
mod support;

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(files.len() >= 60, "only {} configurations were found", files.len());
    let trials = files.into_iter().map(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        Trial::test(name, move || check(&std::fs::read_to_string(&path).unwrap()))
    });
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn check(text: &str) -> Result<(), Failed> {
    let (said, expected) = (support::findings(text), support::expected(text));
    if !text.starts_with("# LiteLLM 1.110.2: ") {
        return Err("it must begin with what LiteLLM does".into());
    }
    if said == expected { Ok(()) } else { Err(format!("expected\n{expected}\nsaid\n{said}").into()) }
}
