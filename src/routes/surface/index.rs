//! Finds the routes that match a path, most specific first, without trying every template.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::super::template::Template;
use super::route::{Floor, Methods, Route};
use super::table;

pub(super) const TABLE: &str = include_str!("table.txt");

/// All routes, indexed by the literal directory in which their template starts.
#[derive(Debug)]
pub(super) struct Index {
    exact: HashMap<String, Vec<Route>, foldhash::fast::RandomState>,
    /// Routes by the start of their template, up to the last slash before the first parameter.
    folders: HashMap<String, Vec<(Template, Route)>, foldhash::fast::RandomState>,
}

static INDEX: LazyLock<Index> = LazyLock::new(|| Index::new(table::routes(TABLE)));

impl Index {
    pub(super) fn get() -> &'static Self {
        &INDEX
    }

    pub(super) fn new(routes: Vec<Route>) -> Self {
        let mut index = Self { exact: HashMap::default(), folders: HashMap::default() };
        for route in routes {
            match route.path.split_once('{') {
                None => index.exact.entry(route.path.clone()).or_default().push(route),
                Some((literal, _)) => {
                    let folder = literal.rsplit_once('/').map_or("", |(folder, _)| folder).to_owned();
                    index.folders.entry(folder).or_default().push((Template::parse(&route.path), route));
                }
            }
        }
        for templates in index.folders.values_mut() {
            // The sort is stable, so equally specific routes keep the order of the table.
            templates.sort_by_key(|(_, route)| std::cmp::Reverse(literals(&route.path)));
        }
        index
    }

    /// The first route with the method. For a prefix that LiteLLM passes on, this is the route of the remaining path.
    pub(super) fn find(&self, method: Methods, path: &str) -> Option<&Route> {
        let route = self.fitting(path).find(|route| route.methods.contains(method))?;
        if route.floor != Floor::Pass {
            return Some(route);
        }
        // The remaining path is shorter, so the recursion ends.
        let rest = route.path.split_once("/{").and_then(|(prefix, _)| path.strip_prefix(prefix));
        rest.and_then(|rest| self.find(method, rest)).or(Some(route))
    }

    /// The most specific route, regardless of its methods.
    pub(super) fn first(&self, path: &str) -> Option<&Route> {
        self.fitting(path).next()
    }

    /// The routes that match a path, most specific first.
    fn fitting(&self, path: &str) -> impl Iterator<Item = &Route> {
        let exact = self.exact.get(path).into_iter().flatten();
        let folders = path.rmatch_indices('/').filter_map(|(at, _)| self.folders.get(path.get(..at)?));
        // `/v1/chat/completions/` is not a completion for an empty name. A server may treat it as
        // `/v1/chat/completions`.
        let may_fit = |route: &Route| route.floor == Floor::Pass || !path.ends_with('/');
        let templates =
            folders.flatten().filter(move |(template, route)| may_fit(route) && template.matches(path));
        exact.chain(templates.map(|(_, route)| route))
    }

    #[cfg(any(test, feature = "prove"))]
    pub(super) fn all(&self) -> impl Iterator<Item = &Route> {
        let templates = self.folders.values().flatten().map(|(_, route)| route);
        self.exact.values().flatten().chain(templates)
    }
}

/// The specificity of a template: its number of literal characters. A segment is more specific than any rest.
fn literals(path: &str) -> (usize, usize) {
    let parameters: Vec<&str> =
        path.split('{').skip(1).filter_map(|piece| piece.split_once('}')).map(|(name, _)| name).collect();
    let named: usize = parameters.iter().map(|name| name.len() + 2).sum();
    (path.len() - named, parameters.iter().filter(|name| !name.ends_with(":path")).count())
}
