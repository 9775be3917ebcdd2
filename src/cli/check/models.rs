//! Reports the upstream of each model.

use crate::config::{Config, Deployment, Destination, Model, Provider, UpstreamModels};
use crate::display::escape;

/// One line for each model, one for `modelgate.upstream`, and one for each alias.
pub(super) fn lines(config: &Config) -> Vec<String> {
    let mut lines: Vec<_> = config.models.iter().map(|model| line(config, model)).collect();
    if let Some(upstream) = &config.gateway.upstream {
        let base = upstream.api_base.as_str().trim_end_matches('/');
        let has_deployments = config.models.iter().any(|model| model.deployment.is_some());
        lines.push(match upstream.serves {
            UpstreamModels::Unlisted if has_deployments => format!(
                "everything else goes to {base} (modelgate.upstream); `modelgate.upstream.for: all` sends those above there, too"
            ),
            UpstreamModels::Unlisted | UpstreamModels::All => {
                format!("everything else goes to {base} (modelgate.upstream)")
            }
        });
    }
    // An alias occurs once for each deployment of its model.
    let mut seen = Vec::new();
    for model in &config.models {
        if let Some(target) = &model.alias_of
            && !seen.contains(&&model.name)
        {
            seen.push(&model.name);
            let (name, target) = (escape(model.name.as_str()), escape(target.as_str()));
            lines.push(format!("alias {name}: opens {target} to those who may use `{name}`"));
        }
    }
    lines
}

fn line(config: &Config, model: &Model) -> String {
    let name = escape(model.name.as_str());
    let upstream_serves_all =
        config.gateway.upstream.as_ref().is_some_and(|upstream| upstream.serves == UpstreamModels::All);
    match &model.deployment {
        Some(deployment) if !upstream_serves_all => format!("  {name}: {}", served(deployment)),
        _ => match config.destination(&model.name) {
            nowhere @ (Destination::NotServed | Destination::Unknown) => format!("  {name}: {nowhere}"),
            destination => format!("  {name}: to {}", escape(&destination.to_string())),
        },
    }
}

fn served(deployment: &Deployment) -> String {
    let provider = match deployment.provider {
        Provider::OpenAi => "openai",
        Provider::Azure => "azure",
        Provider::Anthropic => "anthropic",
        Provider::Gemini => "gemini",
        Provider::Bedrock => "bedrock",
        Provider::Vertex => "vertex_ai",
    };
    let (model, base) = (escape(&deployment.model), escape(deployment.api_base.as_str()));
    format!("{model} at {base} ({provider})")
}
