//! Where requests for each model go.

use std::collections::BTreeMap;

use crate::config::{Config, Destination, UpstreamModels};

/// So many models are named for each destination.
const NAMED: usize = 20;

/// A line for each destination, and one for each alias.
pub(super) fn lines(config: &Config) -> Vec<String> {
    let mut by_destination: BTreeMap<Destination, Vec<&str>> = BTreeMap::new();
    for (model, destination) in config.destinations() {
        by_destination.entry(destination).or_default().push(model.as_str());
    }
    let mut lines: Vec<_> = by_destination
        .iter()
        .map(|(destination, models)| format!("sent to {destination}: {}", listed(models)))
        .collect();
    if let Some(upstream) = &config.gateway.upstream {
        let past =
            by_destination.keys().any(|destination| matches!(destination, Destination::Deployments(_)));
        lines.push(match upstream.serves {
            UpstreamModels::Unlisted if past => format!(
                "sent to {} (modelgate.upstream): all other models; `modelgate.upstream.for: all` sends those above there, too",
                upstream.api_base.as_str().trim_end_matches('/')
            ),
            UpstreamModels::Unlisted | UpstreamModels::All => {
                format!("sent to {} (modelgate.upstream): every other model", upstream.api_base.as_str().trim_end_matches('/'))
            }
        });
    }
    for model in &config.models {
        if let Some(target) = &model.alias_of {
            let line = format!("alias {}: opens {target} to those who may use `{}`", model.name, model.name);
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

fn listed(models: &[&str]) -> String {
    let named = models.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match models.len().checked_sub(NAMED) {
        Some(further @ 1..) => format!("{named} and {further} more"),
        _ => named,
    }
}
