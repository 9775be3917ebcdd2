//! Whether a list has a name or a path, read from the rules.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use crate::config::{Config, RoutePattern};
use crate::providers;
use crate::routes::{LLM_ROUTES, RouteList, surface};

/// Whether a list of names, wildcards and access groups has a model.
pub(super) fn is_listed(config: &Config, listed: &[String], model: &str) -> bool {
    let provider = providers::beginnings().find(|(beginning, _)| model.starts_with(beginning));
    let full = provider.filter(|_| !model.contains('/')).map(|(_, provider)| format!("{provider}/{model}"));
    let served = config.models.iter().filter(|entry| entry.name.as_str() == model);
    let groups: Vec<&String> = served.flat_map(|entry| &entry.access_groups).collect();
    listed.iter().any(|entry| {
        let is_wildcard = entry.contains('*');
        let fits = |name: &str| fits(&entry.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>());
        (!is_wildcard && entry == model)
            || groups.contains(&entry)
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

/// Whether a list of denied models has a model, by the [rules](../../../../docs/reference/rules.md#denied-spellings) 1 and 2. `None`
/// if its spelling decides.
pub(super) fn denies(config: &Config, listed: &[String], model: &str) -> Option<bool> {
    if is_listed(config, listed, model) {
        return Some(true);
    }
    if config.models.iter().any(|entry| entry.name.as_str() == model && !model.contains('*')) {
        return Some(false);
    }
    (!has_name(config, model) && !model.contains(',')).then_some(true)
}

/// Whether `model_list` has a name, exactly or by a wildcard, or a list of models has it.
fn has_name(config: &Config, model: &str) -> bool {
    let served = config.models.iter().map(|entry| entry.name.as_str());
    let mut served = served.filter(|name| name.contains('*'));
    let of_roles = config.role_permissions.iter().flatten().flat_map(|entry| entry.models.iter().flatten());
    let of_scopes = config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings).flat_map(|mapping| &mapping.models);
    let of_tokens = config.token_roles.iter().flatten().flat_map(|entry| &entry.models);
    let of_teams = config.teams.iter().flat_map(|team| &team.models);
    let names = of_roles.chain(of_scopes).map(|name| name.as_str());
    let mut names = names.chain(of_tokens.chain(of_teams).map(String::as_str));
    served.any(|name| fits(&name.chars().collect::<Vec<_>>(), &model.chars().collect::<Vec<_>>()))
        || names.any(|name| name == model && !name.contains('*'))
}

/// The paths that a list of routes has.
pub(super) struct Paths {
    exact: BTreeSet<String>,
    /// With a part for any text.
    templates: Vec<String>,
    prefixes: Vec<String>,
}

impl Paths {
    pub(super) fn new(routes: &[RoutePattern]) -> Self {
        let mut paths = Self { exact: BTreeSet::new(), templates: Vec::new(), prefixes: Vec::new() };
        for route in routes {
            match route {
                RoutePattern::Group(_) => {
                    let templates = RouteList::new(vec![route.clone()]).templates().collect::<Vec<_>>();
                    let (open, exact): (Vec<_>, Vec<_>) =
                        templates.into_iter().partition(|template| template.contains('{'));
                    paths.exact.extend(exact);
                    paths.templates.extend(open);
                }
                RoutePattern::Exact(exact) => _ = paths.exact.insert(exact.clone()),
                RoutePattern::Prefix(prefix) => paths.prefixes.push(prefix.clone()),
            }
        }
        paths
    }

    /// The paths that are open to callers who are no admins (R9), without those of SDKs.
    fn of_llms() -> Self {
        let group = |name: &str| RouteList::new(vec![RoutePattern::Group(name.to_owned())]);
        let mut paths = Self::new(&[RoutePattern::Group(LLM_ROUTES.to_owned())]);
        let below = group("passthrough_routes_wildcard").templates().collect::<Vec<_>>();
        paths.prefixes.extend(below.iter().filter_map(|path| path.strip_suffix('*')).map(str::to_owned));
        paths
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.exact.contains(path)
            || self.templates.iter().any(|template| follows(template, path))
            || self.prefixes.iter().any(|prefix| path.starts_with(prefix.as_str()))
    }
}

/// Whether a route is open to callers who are no admins (R9).
pub(super) fn is_llm_route(path: &str, with_sdks: bool) -> bool {
    static PATHS: LazyLock<Paths> = LazyLock::new(Paths::of_llms);
    PATHS.has(path) || (with_sdks && surface::is_sdk_route(path))
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
