//! LiteLLM's route groups, recorded from version 1.110.2 in `groups.json`.

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use super::template::Template;

#[derive(Debug, Default)]
struct Group {
    exact: HashSet<String>,
    templates: Vec<(String, Template)>,
}

static GROUPS: LazyLock<BTreeMap<String, Group>> = LazyLock::new(|| {
    let recorded: BTreeMap<String, Vec<String>> =
        serde_json::from_str(include_str!("groups.json")).unwrap_or_default();
    recorded.into_iter().map(|(name, paths)| (name, Group::new(paths))).collect()
});

impl Group {
    fn new(paths: Vec<String>) -> Self {
        let (templates, exact): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.contains('{'));
        Self {
            exact: exact.into_iter().collect(),
            templates: templates.into_iter().map(|text| (text.clone(), Template::parse(&text))).collect(),
        }
    }
}

/// Whether LiteLLM has a route group with this name.
#[must_use]
pub fn is_group(name: &str) -> bool {
    GROUPS.contains_key(name)
}

/// The names of all route groups, sorted.
pub fn group_names() -> impl Iterator<Item = &'static str> {
    GROUPS.keys().map(String::as_str)
}

/// Whether `path` is in the route group `name`. An unknown group contains no path.
#[must_use]
pub fn is_in_group(name: &str, path: &str) -> bool {
    GROUPS.get(name).is_some_and(|group| {
        group.exact.contains(path) || group.templates.iter().any(|(_, template)| template.matches(path))
    })
}

/// The paths and templates of a group.
pub(super) fn members(name: &str) -> impl Iterator<Item = &'static str> {
    let group = GROUPS.get(name);
    let templates = |group: &'static Group| group.templates.iter().map(|(text, _)| text.as_str());
    group.into_iter().flat_map(move |group| group.exact.iter().map(String::as_str).chain(templates(group)))
}

/// A path for each route of every group, sorted. `x` fills each parameter.
#[cfg(feature = "cli")]
pub(crate) fn known_paths() -> std::collections::BTreeSet<String> {
    let filled = |path: &str| {
        let mut pieces = path.split('{');
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |filled, piece| filled + "x" + piece.split_once('}').map_or("", |(_, rest)| rest))
    };
    let groups = GROUPS.values();
    groups
        .flat_map(|group| group.exact.iter().chain(group.templates.iter().map(|(text, _)| text)))
        .map(|path| filled(path))
        .collect()
}

/// The LiteLLM path or template that `path` matches, such as `/v1/threads/{thread_id}`. The number of results is
/// bounded.
#[must_use]
pub fn template_of(path: &str) -> Option<&'static str> {
    let exact = GROUPS.values().find_map(|group| group.exact.get(path));
    let fitting = || {
        let mut templates = GROUPS.values().flat_map(|group| &group.templates);
        templates.find(|(_, template)| template.matches(path)).map(|(text, _)| text)
    };
    exact.or_else(fitting).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(feature = "cli")]
    fn a_known_path_is_in_the_group_of_its_template() {
        let paths = known_paths();
        assert!(
            paths.contains("/v1/threads/x/messages")
                || paths.contains("/openai/deployments/x/chat/completions")
        );
        assert!(paths.iter().all(|path| group_names().any(|name| is_in_group(name, path))));
    }

    #[test]
    fn the_recorded_groups_are_readable() {
        assert!(GROUPS.len() > 30);
        assert!(is_group("llm_api_routes") && is_group("management_routes"));
    }

    #[test]
    fn no_path_is_in_an_unknown_group() {
        assert!(!is_in_group("llm_api_route", "/v1/chat/completions"));
    }

    #[test]
    fn a_path_has_the_template_that_it_fits_and_a_foreign_one_none() {
        assert_eq!(template_of("/v1/chat/completions"), Some("/v1/chat/completions"));
        let deployment = template_of("/openai/deployments/gpt-4o/chat/completions").unwrap();
        assert!(deployment.starts_with("/openai/deployments/{"), "{deployment}");
        assert_eq!(template_of("/none/such"), None);
    }

    #[test]
    fn a_star_in_a_template_stands_for_itself() {
        assert!(is_in_group("llm_api_routes", "/containers/*"));
        assert!(!is_in_group("llm_api_routes", "/containers/abc"));
    }
}
