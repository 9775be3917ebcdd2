//! `modelgate init`: writes a first configuration.

use std::path::PathBuf;

use clap::Args;

use super::Exit;

/// The files for a gateway that calls the providers directly.
const STARTER: &[(&str, &str)] = &[
    ("config.yaml", include_str!("../../examples/starter/config.yaml")),
    ("policies/example.cedar", include_str!("../../examples/starter/policies/example.cedar")),
    ("tests/cases.yaml", include_str!("../../examples/starter/tests/cases.yaml")),
];

/// The files for a gateway in front of a LiteLLM proxy.
const BEFORE_LITELLM: &[(&str, &str)] = &[
    ("modelgate.yaml", include_str!("../../examples/before-litellm/modelgate.yaml")),
    ("tests/cases.yaml", include_str!("../../examples/before-litellm/tests/cases.yaml")),
];

/// The arguments of `init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// The directory to write to; created if it does not exist
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Write `modelgate.yaml` for a gateway in front of a LiteLLM proxy. The proxy's configuration does not change
    #[arg(long)]
    before_litellm: bool,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &InitArgs) -> miette::Result<Exit> {
    let files = if args.before_litellm { BEFORE_LITELLM } else { STARTER };
    let taken: Vec<String> = files
        .iter()
        .map(|(name, _)| args.directory.join(name))
        // A dangling symbolic link also counts as an existing file.
        .filter(|path| path.symlink_metadata().is_ok())
        .map(|path| format!("`{}`", path.display()))
        .collect();
    if !taken.is_empty() && !args.force {
        return Err(super::failed(format!("{} is there already: --force overwrites it", taken.join(", "))));
    }
    for (name, text) in files {
        let path = args.directory.join(name);
        let write = || {
            std::fs::create_dir_all(path.parent().unwrap_or(&args.directory))?;
            std::fs::write(&path, text)
        };
        write().map_err(|error| super::failed(format!("`{}`: {error}", path.display())))?;
        super::say(format_args!("wrote {}\n", path.display()));
    }
    // The first file is the configuration.
    if let Some((name, _)) = files.first() {
        super::say(format_args!("next: modelgate test --config {}\n", args.directory.join(name).display()));
    }
    Ok(Exit::Yes)
}
