//! Whether a list has a name or a path, read from the rules.

use crate::config::{Config, RoutePattern};
use crate::providers;
use crate::routes::{LLM_ROUTES, RouteList, surface};

/// Whether a list of names, wildcards and access groups has a model.
pub(super) fn is_listed(config: &Config, listed: &[String], model: &str) -> bool {
    let provider = providers::beginnings().find(|(beginning, _)| model.starts_with(beginning));
    let full = provider.filter(|_| !model.contains('/')).map(|(_, provider)| format!("{provider}/{model}"));
    let in_group = |group: &str| {
        let mut entries = config.models.iter().filter(|entry| entry.name.as_str() == model);
        entries.any(|entry| entry.access_groups.iter().any(|own| own == group))
    };
    listed.iter().any(|entry| {
        let is_wildcard = entry.contains('*');
        let fits = |name: &str| fits(&entry.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>());
        (!is_wildcard && entry == model)
            || in_group(entry)
            || (is_wildcard && (fits(model) || full.as_deref().is_some_and(fits)))
    })
}

/// Whether a team with these models may use one (R6).
pub(super) fn team_may_use(config: &Config, models: &[String], model: &str) -> bool {
    models.is_empty()
        || models.iter().any(|name| name == "all-proxy-models")
        || is_listed(config, models, model)
}

fn fits(pattern: &[char], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some(('*', rest)) => (0..=text.len()).any(|skip| fits(rest, text.get(skip..).unwrap_or_default())),
        Some((c, rest)) => text.first() == Some(c) && fits(rest, text.get(1..).unwrap_or_default()),
    }
}

/// Whether a list of routes has a path.
pub(super) fn has_route(routes: &[RoutePattern], path: &str) -> bool {
    routes.iter().any(|route| match route {
        RoutePattern::Group(_) => {
            RouteList::new(vec![route.clone()]).templates().any(|template| follows(&template, path))
        }
        RoutePattern::Exact(exact) => exact == path,
        RoutePattern::Prefix(prefix) => path.starts_with(prefix.as_str()),
    })
}

/// Whether a route is open to callers who are no admins (R9).
pub(super) fn is_llm_route(path: &str, with_sdks: bool) -> bool {
    let group = |name: &str| RouteList::new(vec![RoutePattern::Group(name.to_owned())]);
    group(LLM_ROUTES).templates().any(|template| follows(&template, path))
        || group("passthrough_routes_wildcard")
            .templates()
            .any(|prefix| prefix.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix)))
        || (with_sdks && surface::is_sdk_route(path))
}

/// Whether a path follows a template: `{x}` is one segment, `{x:path}` any rest.
fn follows(template: &str, path: &str) -> bool {
    let Some((literal, rest)) = template.split_once('{') else { return template == path };
    let (Some(path), Some((name, rest))) = (path.strip_prefix(literal), rest.split_once('}')) else {
        return false;
    };
    let is_rest = name.ends_with(":path");
    let ends = path.char_indices().map(|(at, c)| at + c.len_utf8());
    ends.chain(is_rest.then_some(0)).any(|end| {
        let Some((own, tail)) = path.split_at_checked(end) else { return false };
        (is_rest || !own.contains('/')) && follows(rest, tail)
    })
}
