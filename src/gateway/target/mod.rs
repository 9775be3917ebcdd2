//! The destination of a permitted request.
//!
//! Input: a deployment as `upstream` knows it. Output: the address of one request, with what is added to its headers
//! and to its body.

mod request_defaults;

use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue};

use crate::config::Provider;

pub(in crate::gateway) use request_defaults::Defaults;

/// Where a request goes.
#[derive(Debug)]
pub(in crate::gateway) struct Target<'d> {
    pub(in crate::gateway) uri: Uri,
    /// The model's name at the upstream; `None` leaves the body alone.
    pub(super) model: Option<String>,
    /// The position of a credential that is no fixed header, among those of the deployments.
    pub(in crate::gateway) credential: Option<usize>,
    pub(in crate::gateway) headers: &'d [(HeaderName, HeaderValue)],
    pub(in crate::gateway) timeout: Option<Duration>,
    /// `None`: a proxy.
    pub(in crate::gateway) provider: Option<Provider>,
    /// Parameters for a JSON body that does not set them.
    pub(in crate::gateway) defaults: Defaults<'d>,
    /// `None`: a proxy.
    pub(in crate::gateway) served: Option<Served>,
}

/// The deployment that a request goes to.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Served {
    /// Its position in the configuration.
    pub(in crate::gateway) position: usize,
    /// Whether something else may be tried if it fails: another deployment, the same one, or another model.
    pub(in crate::gateway) is_routed: bool,
}

/// The facts about a called upstream for telemetry.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Called<'t> {
    pub(in crate::gateway) uri: &'t Uri,
    /// The model's name at the upstream, if it differs from the caller's.
    pub(in crate::gateway) model: Option<&'t str>,
    /// `None`: a proxy.
    pub(in crate::gateway) provider: Option<Provider>,
}

impl Target<'_> {
    /// The facts about this target for telemetry.
    pub(in crate::gateway) fn called(&self) -> Called<'_> {
        Called { uri: &self.uri, model: self.model.as_deref(), provider: self.provider }
    }
}

/// What a path asks of a model: the path without the prefix below which an OpenAI-shaped API is mounted.
pub(in crate::gateway) fn operation(path: &str) -> &str {
    for mount in ["/openai/deployments/", "/engines/"] {
        if let Some((_, operation)) = path.strip_prefix(mount).and_then(|rest| rest.split_once('/')) {
            return operation;
        }
    }
    let mounts = ["/openai/v1/", "/claude_code_gateway/v1/", "/cursor/", "/v1/", "/v2/", "/"];
    mounts.iter().find_map(|mount| path.strip_prefix(mount)).unwrap_or(path)
}
