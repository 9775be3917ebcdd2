//! The `modelgate` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    modelgate::cli::run().into()
}
