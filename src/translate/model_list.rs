//! A list of models: names, wildcards and access groups.

use std::collections::HashSet;

use crate::pattern::Pattern;
use crate::providers;

/// Models, wildcards and access groups: the models of a team (R6) or of a token role.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelList {
    pub(crate) all: bool,
    names: HashSet<String>,
    patterns: Vec<Pattern>,
}

impl ModelList {
    pub(super) fn new(listed: &[String]) -> Self {
        let (patterns, names): (Vec<_>, Vec<_>) = listed.iter().partition(|name| name.contains('*'));
        Self {
            all: listed.iter().any(|name| name == "*"),
            names: names.into_iter().cloned().collect(),
            patterns: patterns.into_iter().map(|text| Pattern::new(text)).collect(),
        }
    }

    /// The list of a team. An empty list or `all-proxy-models` contains every model.
    pub(super) fn of_team(listed: &[String]) -> Self {
        let all = listed.is_empty() || listed.iter().any(|name| name == "all-proxy-models");
        let list = Self::new(listed);
        Self { all: all || list.all, ..list }
    }

    pub(crate) fn contains<'g>(&self, model: &str, mut groups: impl Iterator<Item = &'g str>) -> bool {
        self.contains_model(model) || groups.any(|group| self.names_group(group))
    }

    /// Whether the list contains the model by its own name.
    pub(crate) fn contains_model(&self, model: &str) -> bool {
        self.names.contains(model) || self.fits_a_pattern(model)
    }

    /// Whether the list names the access group, and thereby contains all models of the group.
    pub(crate) fn names_group(&self, group: &str) -> bool {
        self.names.contains(group)
    }

    fn fits_a_pattern(&self, model: &str) -> bool {
        if self.patterns.is_empty() {
            return false;
        }
        let qualified = providers::of_bare_name(model).map(|provider| format!("{provider}/{model}"));
        self.patterns.iter().any(|pattern| {
            pattern.matches(model) || qualified.as_deref().is_some_and(|qualified| pattern.matches(qualified))
        })
    }
}
