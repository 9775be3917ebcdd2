//! `modelgate init`: something to start from.

use std::path::PathBuf;

use clap::Args;

use super::Exit;

/// What `tests/` of the crate runs too.
const FILES: [(&str, &str); 3] = [
    ("config.yaml", include_str!("../../examples/starter/config.yaml")),
    ("policies/example.cedar", include_str!("../../examples/starter/policies/example.cedar")),
    ("tests/cases.yaml", include_str!("../../examples/starter/tests/cases.yaml")),
];

/// Where to write.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The directory, made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Overwrite files that are there
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &InitArgs) -> miette::Result<Exit> {
    let taken: Vec<String> = FILES
        .iter()
        .map(|(name, _)| args.directory.join(name))
        // A link that leads nowhere is taken too.
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", path.display()))
        .collect();
    if !taken.is_empty() && !args.force {
        return Err(super::failed(format!("{} is there already: --force overwrites it", taken.join(", "))));
    }
    for (name, text) in FILES {
        let path = args.directory.join(name);
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(&args.directory))?;
            std::fs::write(&path, text)
        };
        write().map_err(|error| super::failed(format!("`{}`: {error}", path.display())))?;
        super::say(format_args!("wrote {}\n", path.display()));
    }
    let config = args.directory.join("config.yaml");
    super::say(format_args!("next: modelgate test --config {}\n", config.display()));
    Ok(Exit::Yes)
}
