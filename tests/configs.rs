//! Configurations as operators of LiteLLM write them, one kind in each file of `tests/configs/`, and what is said of them.
//!
//! A file begins with comments: what LiteLLM does with it, where such a file was seen, and the environment
//! (`# env: NAME=value`). Behind `# check:` stands everything that must be said, a line each, in this order: problems or
//! warnings by their place, ignored keys, and where each model goes.
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
    let (said, expected) = (support::said(text), support::expected(text));
    if !text.starts_with("# LiteLLM 1.110.2: ") {
        return Err("it must begin with what LiteLLM does".into());
    }
    if said == expected { Ok(()) } else { Err(format!("expected\n{expected}\nsaid\n{said}").into()) }
}
