//! `modelgate verify-log`: checks that a decision log was not changed.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use clap::Args;

use super::Exit;
use crate::decision_log::{Chain, LinkError};

/// The arguments of `verify-log`.
#[derive(Debug, Args)]
pub(super) struct VerifyLogArgs {
    /// The files of one log with `chain: true`, oldest first
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
}

pub(super) fn run(args: &VerifyLogArgs) -> miette::Result<Exit> {
    let mut chain = Chain::default();
    let mut lines = 0;
    for path in &args.files {
        match verify(path, &mut chain)? {
            Ok(count) => {
                lines += count;
                super::say(format_args!("{}: {count} lines\n", path.display()));
            }
            Err((line, LinkError::Unchained)) if lines == 0 && line == 1 => {
                return Err(super::failed(format_args!(
                    "`{}` is not a log with a chain: its first line has no `prev` and `hash` at its end",
                    path.display()
                )));
            }
            Err((line, broken)) => {
                super::say(format_args!("broken: {}:{line}: {broken}\n", path.display()));
                return Ok(Exit::Denied);
            }
        }
    }
    if lines == 0 {
        return Err(super::failed("there is no line to verify"));
    }
    super::say(format_args!("intact: {lines} lines, the last hash is {}\n", chain.head()));
    Ok(Exit::Yes)
}

/// The number of lines in a file, or the first line that breaks the chain, counted from 1.
fn verify(path: &Path, chain: &mut Chain) -> miette::Result<Result<u64, (u64, LinkError)>> {
    let failed = |error| super::failed(format_args!("`{}` cannot be read: {error}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(failed)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if file.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(Ok(number - 1));
        }
        if let Err(broken) = chain.follow(line.strip_suffix(b"\n").unwrap_or(&line)) {
            return Ok(Err((number, broken)));
        }
    }
    Err(super::failed("there are too many lines"))
}
