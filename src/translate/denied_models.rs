//! A list of denied models that also matches other spellings of them.

use std::collections::{BTreeSet, HashSet};

use super::model_list::ModelList;
use super::spellings::{canonical, folded, is_bare, without_dots};

/// The models, wildcards and access groups of `deny_models`.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeniedModels {
    is_empty: bool,
    written: ModelList,
    /// The same, folded.
    folded: ModelList,
    /// The names in their plain form.
    canonical: HashSet<String>,
    /// The same without the provider, for names without one.
    bare: HashSet<String>,
}

impl DeniedModels {
    pub(super) fn new(listed: &[String]) -> Self {
        let listed_folded: Vec<String> = listed.iter().map(|name| folded(name.trim())).collect();
        let exact = || listed_folded.iter().filter(|name| !name.contains('*'));
        let dotless: Vec<String> = exact().filter_map(|name| without_dots(name)).collect();
        let names = || exact().chain(&dotless);
        // Ollama's `x:latest` is `x`.
        let latest = names().filter_map(|name| name.strip_suffix(":latest")).map(canonical);
        let without_provider =
            names().filter_map(|name| name.rsplit_once('/')).map(|(_, name)| canonical(name));
        Self {
            is_empty: listed.is_empty(),
            written: ModelList::new(listed),
            canonical: names().map(|name| canonical(name)).chain(latest).collect(),
            bare: without_provider.collect(),
            folded: ModelList::new(&listed_folded),
        }
    }

    /// Whether the list is empty.
    pub(crate) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Whether the list contains the model as written.
    pub(crate) fn contains_model(&self, model: &str) -> bool {
        self.written.contains_model(model)
    }

    /// Whether the list names the access group.
    pub(crate) fn names_group(&self, group: &str) -> bool {
        self.written.names_group(group)
    }

    /// Whether the list contains one of the readings of a name.
    pub(crate) fn contains_reading(&self, name: &str, readings: &BTreeSet<String>) -> bool {
        let is_bare = is_bare(name);
        readings.iter().any(|reading| {
            let plain = canonical(reading);
            self.folded.contains_model(reading)
                || self.canonical.contains(&plain)
                || (is_bare && self.bare.contains(&plain))
        })
    }
}
