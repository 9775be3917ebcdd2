//! The arguments that subcommands share.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The configuration to work with.
#[derive(Debug, Args)]
pub(super) struct ConfigArgs {
    /// LiteLLM's YAML file
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// A directory of additional Cedar policies, or the URL of a policy bundle (.tar.gz)
    /// [default: `modelgate.policies`]
    #[arg(long, value_name = "DIR|URL")]
    pub(super) policies: Option<PathBuf>,
}

/// The configuration to work with, where it may also be named without a flag.
#[derive(Clone, Debug, Args)]
pub(super) struct FileArgs {
    /// LiteLLM's YAML file
    #[arg(value_name = "FILE", required_unless_present = "config", conflicts_with = "config")]
    file: Option<PathBuf>,
    /// LiteLLM's YAML file, as an option
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// A directory of additional Cedar policies, or the URL of a policy bundle (.tar.gz)
    /// [default: `modelgate.policies`]
    #[arg(long, value_name = "DIR|URL")]
    pub(super) policies: Option<PathBuf>,
}

impl From<FileArgs> for ConfigArgs {
    fn from(FileArgs { file, config, policies }: FileArgs) -> Self {
        // The command line is refused without either.
        Self { config: config.or(file).unwrap_or_default(), policies }
    }
}

/// How to print what a command found.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    Text,
    /// JSON for programs
    Json,
}
