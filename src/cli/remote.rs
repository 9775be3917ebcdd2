//! Policies that a server has, brought here for a command.

use std::time::Duration;

use super::ConfigArgs;
use crate::config::Config;
use crate::gateway::{Mirror, remote};
use crate::sources::Sources;

/// A mirror whose policies were fetched, and how often to ask for others.
pub(super) struct Brought {
    pub(super) mirror: Mirror,
    pub(super) every: Duration,
}

/// Fetches the policies, where they are a server's.
pub(super) async fn bring(args: &ConfigArgs) -> miette::Result<Option<Brought>> {
    // A configuration that is refused is refused when it is loaded, with everything that is to be said.
    let settings = Config::load(&args.config, &super::environment).map(|config| config.gateway);
    let Ok(settings) = settings else { return Ok(None) };
    let policies = args.policies.as_ref().or(settings.policies.as_ref());
    let Some(url) = policies.and_then(|policies| remote(policies)) else { return Ok(None) };
    let mut mirror = Mirror::new(url, settings.policies_key).map_err(super::failed)?;
    mirror.refresh().await.map_err(super::failed)?;
    Ok(Some(Brought { mirror, every: settings.policies_poll }))
}

/// The files of a command: the configuration, and the policies where they are now.
pub(super) fn sources(args: &ConfigArgs, brought: Option<&Brought>) -> Sources {
    match brought {
        Some(brought) => Sources::new(&args.config, Some(&brought.mirror.policies())),
        None => Sources::new(&args.config, args.policies.as_deref()),
    }
}
