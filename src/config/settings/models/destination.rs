//! The destinations of requests for each model, for reports.

use std::collections::HashMap;
use std::fmt;

use crate::config::settings::base_url::BaseUrl;
use crate::config::settings::models::provider;
use crate::config::settings::types::{Config, Deployment, Model, UpstreamModels};
use crate::names::ModelName;
use crate::pattern::Pattern;

/// The destination of requests for a model.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Destination {
    /// The deployments with these endpoints, in turn.
    Deployments(Vec<String>),
    /// The deployment of the provider that a request names.
    ByProvider,
    /// `modelgate.upstream`.
    Upstream(String),
    /// None: the model is judged, and answered with 501.
    NotServed,
    /// None: the model does not exist.
    Unknown,
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deployments(endpoints) => f.write_str(&endpoints.join(", ")),
            Self::ByProvider => f.write_str("the provider that the request names"),
            Self::Upstream(endpoint) => write!(f, "{endpoint} (modelgate.upstream)"),
            Self::NotServed => f.write_str("nowhere (501)"),
            Self::Unknown => f.write_str("nowhere (404)"),
        }
    }
}

impl Config {
    /// The destination of requests for `model`, if they are allowed.
    #[must_use]
    pub fn destination(&self, model: &ModelName) -> Destination {
        self.destination_of(model, &self.entries_for(model))
    }

    /// The destination for each model of the configuration, in its order.
    #[must_use]
    pub fn destinations(&self) -> Vec<(&ModelName, Destination)> {
        let (mut entries, mut order): (HashMap<_, Vec<_>>, _) = (HashMap::new(), Vec::new());
        for model in &self.models {
            let of_name = entries.entry(&model.name).or_default();
            if of_name.is_empty() {
                order.push(&model.name);
            }
            of_name.push(model);
        }
        order
            .into_iter()
            .map(|name| {
                (name, self.destination_of(name, entries.get(name).map(Vec::as_slice).unwrap_or_default()))
            })
            .collect()
    }

    fn destination_of(&self, model: &ModelName, entries: &[&Model]) -> Destination {
        let upstream = self.gateway.upstream.as_ref();
        if upstream.is_none_or(|upstream| upstream.serves == UpstreamModels::Unlisted) {
            let provider = provider::find(model.as_str()).map(|(known, _)| known.name.as_str());
            let deployments: Vec<_> =
                entries.iter().filter_map(|entry| entry.deployment_for(provider)).collect();
            if !deployments.is_empty() {
                let mut endpoints: Vec<String> =
                    deployments.iter().map(|found| shown(&found.api_base)).collect();
                endpoints.sort();
                endpoints.dedup();
                return Destination::Deployments(endpoints);
            }
            let is_wildcard = model.as_str().contains('*');
            if is_wildcard && entries.iter().any(|entry| !entry.by_provider.is_empty()) {
                return Destination::ByProvider;
            }
        }
        match upstream {
            Some(upstream) => Destination::Upstream(shown(&upstream.api_base)),
            None if entries.is_empty() => Destination::Unknown,
            None => Destination::NotServed,
        }
    }

    /// The entries for a model: those with its name, otherwise those of the longest matching wildcard.
    fn entries_for(&self, model: &ModelName) -> Vec<&Model> {
        let exact: Vec<_> = self.models.iter().filter(|entry| entry.name == *model).collect();
        if !exact.is_empty() {
            return exact;
        }
        let fits = |entry: &&Model| {
            let name = entry.name.as_str();
            name.contains('*') && Pattern::new(name).matches(model.as_str())
        };
        let length = |entry: &Model| entry.name.as_str().len();
        let longest = self.models.iter().filter(fits).map(length).max();
        self.models.iter().filter(fits).filter(|entry| Some(length(entry)) == longest).collect()
    }
}

impl Model {
    fn deployment_for(&self, provider: Option<&str>) -> Option<&Deployment> {
        let of_provider = self.by_provider.iter().find(|(name, _)| Some(name.as_str()) == provider);
        of_provider.map(|(_, deployment)| deployment).or(self.deployment.as_ref())
    }
}

fn shown(base: &BaseUrl) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}
