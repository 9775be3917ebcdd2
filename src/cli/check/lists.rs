//! Finds names in lists that match no configured model. They neither allow nor deny anything.

use std::collections::BTreeSet;

use strsim::normalized_damerau_levenshtein;

use crate::config::Config;
use crate::pattern::Pattern;
use crate::providers;

/// The minimum similarity of two names, from 0 to 1.
const ALIKE: f64 = 0.7;

/// Each such name with its place and its fix.
pub(super) fn unmatched(config: &Config) -> Vec<(String, String)> {
    // Without a model list, only the upstream proxy knows the models.
    if config.models.is_empty() && config.gateway.upstream.is_some() {
        return Vec::new();
    }
    let names: BTreeSet<&str> = config.models.iter().map(|model| model.name.as_str()).collect();
    let groups: BTreeSet<&str> =
        config.models.iter().flat_map(|model| &model.access_groups).map(String::as_str).collect();
    let configured: Vec<Pattern> =
        names.iter().filter(|name| name.contains('*')).map(|name| Pattern::new(name)).collect();
    let is_served = |name: &str| names.contains(name) || configured.iter().any(|it| it.matches(name));
    let is_matched = |listed: &str| {
        let pattern = Pattern::new(listed);
        let fits = |name: &str| {
            let qualified = providers::of_bare_name(name).map(|provider| format!("{provider}/{name}"));
            pattern.matches(name) || qualified.is_some_and(|name| pattern.matches(&name))
        };
        let is_wild = listed.contains('*');
        // A configured wildcard may serve any name that the listed wildcard matches.
        is_served(listed)
            || groups.contains(listed)
            || (is_wild && (!configured.is_empty() || names.iter().any(|name| fits(name))))
    };
    let mut found = Vec::new();
    for (path, list, takes_wildcards) in lists(config) {
        for (i, listed) in list.into_iter().enumerate() {
            let exact = !takes_wildcards && is_served(&listed);
            if exact || (takes_wildcards && is_matched(&listed)) {
                continue;
            }
            let place = format!("{path}[{i}]");
            let line = config.lines.get(&place).map(|line| format!("{}:{line}: ", config.file));
            let message =
                format!("{}`{listed}` in `{path}` is not a configured model", line.unwrap_or_default());
            found.push((message, help(&listed, names.iter().chain(&groups).copied())));
        }
    }
    found
}

/// The lists of models by their YAML paths, and whether wildcards and access groups count in them. Those of
/// `general_settings.role_permissions` are judged when the configuration is read.
fn lists(config: &Config) -> Vec<(String, Vec<String>, bool)> {
    let mut lists = Vec::new();
    for (i, entry) in config.token_roles.iter().flatten().enumerate() {
        let path = format!("modelgate.role_permissions[{i}]");
        lists.push((format!("{path}.models"), entry.models.clone(), true));
        lists.push((format!("{path}.deny_models"), entry.deny_models.clone(), true));
    }
    for (i, team) in config.teams.iter().enumerate() {
        let listed = team.models.iter().map(|name| if name == "all-proxy-models" { "*" } else { name });
        lists.push((format!("teams[{i}].models"), listed.map(str::to_owned).collect(), true));
    }
    for (i, mapping) in config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings).enumerate() {
        let path = format!("general_settings.litellm_jwtauth.scope_mappings[{i}].models");
        lists.push((path, mapping.models.iter().map(ToString::to_string).collect(), false));
    }
    lists
}

fn help<'n>(listed: &str, names: impl Iterator<Item = &'n str>) -> String {
    let alike = names
        .map(|name| (normalized_damerau_levenshtein(listed, name), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    match alike {
        Some((_, name)) => format!("did you mean `{name}`?"),
        None => "add it to `model_list`, or remove it: no served model has this name".to_owned(),
    }
}
