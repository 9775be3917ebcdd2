//! Chooses the routes to compare: one for each way in which the lists of routes can distinguish paths.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::names::Names;
use crate::config::RoutePattern;
use crate::engine::{AuthzQuery, MODEL_ROUTES};
use crate::names::ModelName;
use crate::pattern::Pattern;
use crate::request::{RequestParts, classify};
use crate::routes::{RouteList, known_paths, surface};

/// The list of R9, and the default list of R6. They affect decisions even if no configuration names them.
const ALWAYS: [&[&str]; 2] = [
    &["llm_api_routes"],
    &["openai_routes", "info_routes", "mcp_routes", "/v1/messages", "/v1/messages/count_tokens"],
];
const OTHER: &str = "/a-route-that-nobody-names";

/// Routes that every list of both sides treats alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct RouteClass {
    /// For display.
    pub(in crate::cli) shown: String,
    /// The groups, prefixes and paths of lists that contain these routes.
    pub(in crate::cli) lists: BTreeSet<String>,
    /// The method and path of a request without a model.
    pub(in crate::cli) bare: (Method, String),
    /// The path of a request whose body names a model, if one exists.
    pub(in crate::cli) with_model: Option<String>,
}

pub(in crate::cli) fn classes(names: &Names) -> Vec<RouteClass> {
    let always = ALWAYS.iter().map(|list| list.iter().map(|route| pattern(route)).collect());
    let lists: Vec<Vec<RoutePattern>> = names.route_lists.iter().cloned().chain(always).collect();
    let patterns: Vec<&RoutePattern> = lists.iter().flatten().collect();
    let shown: BTreeMap<String, RouteList> =
        patterns.iter().map(|pattern| (shown(pattern), RouteList::new(vec![(*pattern).clone()]))).collect();
    let configured = configured(names);
    let paths: Vec<String> =
        configured.iter().cloned().chain([OTHER.to_owned()]).chain(known_paths()).collect();
    let wildcards: Vec<Pattern> =
        names.route_wildcards.iter().map(|wildcard| Pattern::new(wildcard)).collect();
    let lists: Vec<RouteList> = lists.into_iter().map(RouteList::new).collect();

    let mut classes: BTreeMap<(Vec<bool>, Option<String>), Vec<String>> = BTreeMap::new();
    for path in paths {
        let listed = lists.iter().map(|list| list.contains(&path));
        let wild = wildcards.iter().map(|pattern| pattern.matches(&path));
        // Some routes deny a request without a model, and others allow it (D10).
        let route = surface::lookup(&Method::POST, &path);
        let runs_unnamed = route.is_some_and(|route| route.model_use().runs_unnamed());
        let own = names.routes.contains(&path).then(|| path.clone());
        classes.entry((listed.chain(wild).chain([runs_unnamed]).collect(), own)).or_default().push(path);
    }
    let mut classes: Vec<RouteClass> = classes
        .into_values()
        .map(|paths| {
            // Prefers paths that are written in a list, then paths that clients use, then the first by name.
            let written = paths.iter().find(|path| configured.contains(path));
            let used = || MODEL_ROUTES.into_iter().find(|route| paths.iter().any(|path| path == route));
            let first = written.or(paths.first()).map_or(OTHER, String::as_str);
            let first = if written.is_some() { first } else { used().unwrap_or(first) };
            let of_first =
                shown.iter().filter(|(_, list)| list.contains(first)).map(|(name, _)| name.clone());
            RouteClass::new(first, of_first.collect(), &paths)
        })
        .collect();
    classes.sort_by(|a, b| a.shown.cmp(&b.shown));
    classes
}

fn pattern(route: &str) -> RoutePattern {
    if route.starts_with('/') {
        RoutePattern::Exact(route.to_owned())
    } else {
        RoutePattern::Group(route.to_owned())
    }
}

/// The paths that lists and policies name, and one path for each prefix that they name.
fn configured(names: &Names) -> Vec<String> {
    let mut paths: Vec<String> = names.routes.iter().cloned().collect();
    paths.extend(names.route_wildcards.iter().map(|wildcard| wildcard.replace('*', "x")));
    for pattern in names.route_lists.iter().flatten() {
        match pattern {
            RoutePattern::Exact(path) => paths.push(path.clone()),
            RoutePattern::Prefix(prefix) => paths.extend([format!("{prefix}x"), format!("{prefix}/x")]),
            RoutePattern::Group(_) => {}
        }
    }
    paths
}

impl RouteClass {
    /// A request on these routes, with or without a model. `None` if they take no model.
    pub(in crate::cli) fn query(&self, model: Option<&ModelName>, team: Option<&str>) -> Option<AuthzQuery> {
        let (method, route) = match model {
            Some(_) => ("POST", self.with_model.as_deref()?),
            None => (self.bare.0.as_str(), self.bare.1.as_str()),
        };
        Some(AuthzQuery {
            method: method.to_owned(),
            route: route.to_owned(),
            team_header: team.map(str::to_owned),
            models: model.cloned().into_iter().collect(),
            ..AuthzQuery::default()
        })
    }

    /// The same request in the input format of `decide`, without headers and claims.
    pub(in crate::cli) fn example(&self, model: Option<&ModelName>) -> Value {
        match model {
            Some(model) => {
                json!({"method": "POST", "path": self.with_model, "body": {"model": model.as_str()}})
            }
            None => json!({"method": self.bare.0.as_str(), "path": self.bare.1}),
        }
    }

    fn new(first: &str, lists: BTreeSet<String>, paths: &[String]) -> Self {
        let takes_no_model = |path: &&String| names_of(&Method::POST, path, &[]).is_some();
        let bare = match paths.iter().find(takes_no_model) {
            Some(path) => (Method::POST, path.clone()),
            None => (Method::GET, first.to_owned()),
        };
        // Prefers a path that clients use to the first by name.
        let mut candidates: Vec<&String> = paths.iter().collect();
        let place = |path: &&String| MODEL_ROUTES.iter().position(|route| route == path);
        candidates.sort_by_key(|path| place(path).unwrap_or(usize::MAX));
        let sample = ModelName::new("m").ok();
        let body = json!({"model": "m"}).to_string();
        let takes_one = |path: &&&String| {
            names_of(&Method::POST, path, body.as_bytes()).is_some_and(|names| names.iter().eq(&sample))
        };
        let with_model = candidates.iter().find(takes_one).map(|path| (**path).clone());
        let shown = match lists.is_empty() {
            true => "any other route".to_owned(),
            false => format!("{first} ({})", lists.iter().cloned().collect::<Vec<_>>().join(", ")),
        };
        Self { shown, lists, bare, with_model }
    }
}

/// The models that a request names, or `None` if the request is invalid.
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
        let of_most = |class: &&RouteClass| class.shown.ends_with(" (llm_api_routes, openai_routes)");
        let chat = classes.iter().filter(of_most).filter_map(|class| class.with_model.as_deref());
        assert!(chat.clone().any(|path| MODEL_ROUTES.contains(&path)), "{:?}", chat.collect::<Vec<_>>());
    }
}
