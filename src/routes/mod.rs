//! Routes: LiteLLM's groups of path templates, and the route lists of a configuration.
//!
//! Input: paths, group names and patterns. Output: whether a list contains a path, which template a path matches, and
//! which model a route of an LLM API runs. `groups` and `surface` are data tables. `template` matches a path with a row
//! of them.

mod groups;
pub mod surface;
mod template;

#[cfg(feature = "cli")]
pub(crate) use groups::known_paths;
pub use groups::{group_names, is_group, is_in_group, template_of};

/// The group of LiteLLM's routes that call models (R9).
pub const LLM_ROUTES: &str = "llm_api_routes";

/// The group of the prefixes below which LiteLLM passes requests on unchanged (R9). Each ends in `*`.
const PASSED_ON: &str = "passthrough_routes_wildcard";

/// A route in a configuration's list.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RoutePattern {
    /// The name of a group of routes, such as `openai_routes`.
    Group(String),
    /// A single path.
    Exact(String),
    /// All paths with this prefix.
    Prefix(String),
}

/// A route list of a configuration, such as `role_permissions[].routes`.
#[derive(Clone, Debug, Default)]
pub struct RouteList {
    patterns: Vec<RoutePattern>,
    /// Whether the list also contains the SDKs' routes.
    with_sdks: bool,
}

impl RouteList {
    /// Creates a list that contains every path that one of `patterns` matches. The empty list contains no path.
    #[must_use]
    pub fn new(patterns: Vec<RoutePattern>) -> Self {
        Self { patterns, with_sdks: false }
    }

    /// The routes that R9 allows: LiteLLM's routes that call models, the paths that LiteLLM passes on, and the SDKs'
    /// routes if they are enabled.
    #[must_use]
    pub fn floor(with_sdks: bool) -> Self {
        let prefixes = groups::members(PASSED_ON).filter_map(|path| path.strip_suffix('*'));
        let mut patterns = vec![RoutePattern::Group(LLM_ROUTES.to_owned())];
        patterns.extend(prefixes.map(|prefix| RoutePattern::Prefix(prefix.to_owned())));
        Self { patterns, with_sdks }
    }

    /// Whether `path` is in the list.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        let is_listed = self.patterns.iter().any(|pattern| match pattern {
            RoutePattern::Group(name) => is_in_group(name, path),
            RoutePattern::Exact(exact) => exact == path,
            RoutePattern::Prefix(prefix) => path.starts_with(prefix.as_str()),
        });
        is_listed || self.with_sdks && surface::is_sdk_route(path)
    }

    /// Whether the list names the group `name`. It then also contains the routes that an entity file places in the
    /// group.
    pub(crate) fn names_group(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| matches!(pattern, RoutePattern::Group(group) if group == name))
    }

    /// Every template that the list is made of. A path with the same answer for each is in the list, or not, alike.
    #[cfg(feature = "prove")]
    pub(crate) fn templates(&self) -> impl Iterator<Item = String> {
        let of = |pattern: &RoutePattern| match pattern {
            RoutePattern::Group(name) => groups::members(name).map(str::to_owned).collect(),
            RoutePattern::Exact(path) => vec![path.clone()],
            RoutePattern::Prefix(prefix) => vec![format!("{prefix}{{:path}}")],
        };
        self.patterns.iter().flat_map(of).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(pattern: RoutePattern) -> RouteList {
        RouteList::new(vec![pattern])
    }

    #[test]
    fn the_empty_list_matches_nothing() {
        assert!(!RouteList::default().contains("/v1/models"));
    }

    #[test]
    fn a_group_matches_its_templates() {
        let openai = list(RoutePattern::Group("openai_routes".to_owned()));
        assert!(openai.contains("/v1/chat/completions"));
        assert!(openai.contains("/openai/deployments/gpt-4o/chat/completions"));
        assert!(!openai.contains("/openai/deployments/a/b/chat/completions"));
        assert!(!openai.contains("/key/generate"));
    }

    #[test]
    fn an_exact_path_does_not_match_what_lies_below_it() {
        let exact = list(RoutePattern::Exact("/custom".to_owned()));
        assert!(exact.contains("/custom"));
        assert!(!exact.contains("/custom/"));
    }

    #[test]
    fn the_floor_has_what_litellm_passes_on_and_nothing_that_only_begins_alike() {
        let floor = RouteList::floor(false);
        for path in
            ["/v1/chat/completions", "/anthropic/v1/messages", "/vertex_ai/v1/projects/p", "/bedrock/x"]
        {
            assert!(floor.contains(path), "{path}");
        }
        for path in ["/anthropicx/v1/messages", "/key/generate", "/v1/chat", "/langfusex", "/containers/a"] {
            assert!(!floor.contains(path), "{path}");
        }
    }

    #[test]
    fn the_floor_has_the_routes_of_the_sdks_unless_they_are_closed() {
        for path in
            ["/v1/conversations", "/v1/messages/batches", "/v2/chat", "/api/chat", "/v1/fim/completions"]
        {
            assert!(RouteList::floor(true).contains(path), "{path}");
            assert!(!RouteList::floor(false).contains(path), "{path}");
        }
        assert!(!RouteList::floor(true).contains("/v1/organization/admin_api_keys"));
    }

    #[test]
    fn a_prefix_matches_everything_that_begins_so() {
        let prefix = list(RoutePattern::Prefix("/internal".to_owned()));
        assert!(prefix.contains("/internal-models/a"));
        assert!(!prefix.contains("/Internal"));
    }
}
