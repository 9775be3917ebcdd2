//! The classes of paths.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use super::Class;
use super::automaton::{Alphabet, Patterns, TooMany};
use crate::prove::vocabulary::Vocabulary;
use crate::routes::{RouteList, surface};

/// The classes of paths, for these lists of routes and policies.
pub(in crate::prove) fn routes<'c>(
    lists: impl Iterator<Item = &'c RouteList>,
    vocabulary: &Vocabulary,
) -> Result<Vec<Class>, TooMany> {
    let mut patterns = Patterns::default();
    // A path that ends with a slash matches no template of a known route.
    patterns.wildcard("", "*/");
    surface::templates().for_each(|template| patterns.template(template));
    lists.flat_map(RouteList::templates).for_each(|template| patterns.template(&template));
    let groups = vocabulary.of_type("RouteGroup").filter(|group| crate::routes::is_group(group));
    let groups: Vec<_> = groups.map(|group| crate::routes::RoutePattern::Group(group.to_owned())).collect();
    RouteList::new(groups).templates().for_each(|template| patterns.template(&template));
    vocabulary.of_type("Route").for_each(|path| patterns.exact(path));
    if vocabulary.reads("path") || vocabulary.reads("route") {
        vocabulary.texts.iter().filter(|text| text.starts_with('/')).for_each(|text| patterns.exact(text));
        vocabulary.likes.iter().for_each(|like| patterns.parts(like));
    }
    patterns.classes(Alphabet::Paths)
}

/// The number of remembered paths.
const MOST: usize = 10_000;

/// One method of each kind that the known routes tell apart.
pub(in crate::prove) const METHODS: [&str; 6] = ["POST", "GET", "PUT", "PATCH", "DELETE", "PROPFIND"];

/// With which of [`METHODS`] a request without a model runs one.
pub(in crate::prove) fn methods_that_run_unnamed(path: &str) -> [bool; METHODS.len()] {
    static KNOWN: LazyLock<Mutex<HashMap<String, [bool; METHODS.len()]>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(methods) = known.get(path) {
        return *methods;
    }
    if known.len() >= MOST {
        known.clear();
    }
    let methods = METHODS.map(|method| runs_unnamed(method, path));
    known.insert(path.to_owned(), methods);
    methods
}

/// Whether a request without a model runs one.
pub(in crate::prove) fn runs_unnamed(method: &str, path: &str) -> bool {
    let Ok(method) = http::Method::from_bytes(method.as_bytes()) else { return false };
    surface::lookup(&method, path).is_some_and(|route| route.model_use().runs_unnamed())
}
