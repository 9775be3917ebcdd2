//! The routes that are compared: one for each way in which paths can differ for the lists of routes.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, Method};
use serde_json::json;

use super::names::Names;
use crate::config::RoutePattern;
use crate::engine::MODEL_ROUTES;
use crate::names::ModelName;
use crate::pattern::Pattern;
use crate::request::{RequestParts, classify};
use crate::routes::{RouteList, known_paths};

/// Groups of routes that make a difference whether named or not.
const GROUPS: [&str; 5] =
    ["llm_api_routes", "openai_routes", "info_routes", "mcp_routes", "management_routes"];
/// Paths that do, beside the groups (R6).
const PATHS: [&str; 2] = ["/v1/messages", "/v1/messages/count_tokens"];
const OTHER: &str = "/a-route-that-nobody-names";

/// Routes that every list of both sides treats alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli::diff) struct RouteClass {
    /// As people read it.
    pub(in crate::cli::diff) shown: String,
    /// The method and path of a request without a model.
    pub(in crate::cli::diff) bare: (Method, String),
    /// The path of one whose body names a model, if any can.
    pub(in crate::cli::diff) with_model: Option<String>,
}

pub(in crate::cli::diff) fn classes(names: &Names) -> Vec<RouteClass> {
    let mut patterns = names.patterns.clone();
    patterns.extend(GROUPS.map(|name| RoutePattern::Group(name.to_owned())));
    patterns.extend(PATHS.map(|path| RoutePattern::Exact(path.to_owned())));
    let lists: BTreeMap<String, RouteList> =
        patterns.iter().map(|pattern| (shown(pattern), RouteList::new(vec![pattern.clone()]))).collect();
    let wildcards: Vec<(&String, Pattern)> =
        names.route_wildcards.iter().map(|wildcard| (wildcard, Pattern::new(wildcard))).collect();

    let mut classes: BTreeMap<BTreeSet<String>, Vec<String>> = BTreeMap::new();
    for path in paths(names, &patterns) {
        let listed = lists.iter().filter(|(_, list)| list.contains(&path)).map(|(name, _)| name);
        let wild = wildcards.iter().filter(|(_, pattern)| pattern.matches(&path)).map(|(name, _)| *name);
        let own = names.routes.contains(&path).then_some(&path);
        let class: BTreeSet<String> = listed.chain(wild).chain(own).cloned().collect();
        classes.entry(class).or_default().push(path);
    }
    classes.into_iter().map(|(class, paths)| RouteClass::new(&class, &paths)).collect()
}

/// The paths that are named, those that LiteLLM knows, and one that nobody does.
fn paths(names: &Names, patterns: &[RoutePattern]) -> Vec<String> {
    let mut paths: Vec<String> = names.routes.iter().cloned().collect();
    paths.extend(names.route_wildcards.iter().map(|wildcard| wildcard.replace('*', "x")));
    for pattern in patterns {
        match pattern {
            RoutePattern::Exact(path) => paths.push(path.clone()),
            RoutePattern::Prefix(prefix) => {
                paths.extend([format!("{prefix}x"), format!("{prefix}/x")]);
            }
            RoutePattern::Group(_) => {}
        }
    }
    paths.push(OTHER.to_owned());
    paths.extend(known_paths());
    paths
}

impl RouteClass {
    fn new(class: &BTreeSet<String>, paths: &[String]) -> Self {
        let first = paths.first().map_or(OTHER, String::as_str);
        let takes_no_model = |path: &&String| names_of(&Method::POST, path, &[]).is_some();
        let bare = match paths.iter().find(takes_no_model) {
            Some(path) => (Method::POST, path.clone()),
            None => (Method::GET, first.to_owned()),
        };
        // A path that clients use says more than the first by name.
        let mut candidates: Vec<&String> = paths.iter().collect();
        candidates.sort_by_key(|path| !MODEL_ROUTES.contains(&path.as_str()));
        let sample = ModelName::new("m").ok();
        let body = json!({"model": "m"}).to_string();
        let takes_one = |path: &&&String| {
            names_of(&Method::POST, path, body.as_bytes()).is_some_and(|names| names.iter().eq(&sample))
        };
        let with_model = candidates.iter().find(takes_one).map(|path| (**path).clone());
        let shown = match class.is_empty() {
            true => "any other route".to_owned(),
            false => format!("{first} ({})", class.iter().cloned().collect::<Vec<_>>().join(", ")),
        };
        Self { shown, bare, with_model }
    }
}

/// The models that such a request names; `None` if it cannot be judged.
fn names_of(method: &Method, path: &str, body: &[u8]) -> Option<Vec<ModelName>> {
    let headers = HeaderMap::new();
    let call = classify(&RequestParts { method, path, query: None, headers: &headers, body }).ok()?;
    (call.route().to_string() == path).then(|| call.models().cloned().collect())
}

fn shown(pattern: &RoutePattern) -> String {
    match pattern {
        RoutePattern::Group(name) => name.clone(),
        RoutePattern::Exact(path) => path.clone(),
        RoutePattern::Prefix(prefix) => format!("{prefix}*"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_of_routes_has_one_path() {
        let classes = classes(&Names::default());
        assert!(classes.iter().any(|class| class.shown == "any other route"));
        let chat = classes.iter().find(|class| class.shown.ends_with(" (llm_api_routes, openai_routes)"));
        let chat = chat.expect("the class of most routes");
        assert!(MODEL_ROUTES.contains(&chat.with_model.as_deref().unwrap()), "{chat:?}");
    }
}
