//! The model names of a configuration.

use std::collections::{HashMap, HashSet};

use super::spellings::canonical;
use crate::config::Config;
use crate::pattern::{Pattern, filled};

/// The names that `model_list` serves, and the names that lists of models allow.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelNames {
    /// The exact names of `model_list`, aliases included.
    served: HashSet<String>,
    /// The same by their plain form.
    by_canonical: HashMap<String, Vec<String>>,
    wildcards: Vec<Wildcard>,
    /// The exact names in lists of roles, scopes and teams.
    opened: HashSet<String>,
}

/// A wildcard of `model_list`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wildcard {
    text: String,
    pattern: Pattern,
    /// The upstream's name. Its `*` is replaced by the text that `*` matched.
    target: Option<String>,
}

impl ModelNames {
    pub(super) fn new(config: &Config) -> Self {
        let mut names = Self::default();
        for model in &config.models {
            let name = model.name.as_str();
            if name.contains('*') {
                let target = model.deployment.as_ref().map(|deployment| deployment.model.clone());
                names.wildcards.push(Wildcard { text: name.to_owned(), pattern: Pattern::new(name), target });
            } else if names.served.insert(name.to_owned()) {
                names.by_canonical.entry(canonical(name)).or_default().push(name.to_owned());
            }
        }
        let of_roles =
            config.role_permissions.iter().flatten().flat_map(|entry| entry.models.iter().flatten());
        let of_scopes = config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings);
        let of_scopes = of_scopes.flat_map(|mapping| &mapping.models);
        let of_tokens = config.token_roles.iter().flatten().flat_map(|entry| &entry.models);
        let of_teams = config.teams.iter().flat_map(|team| &team.models);
        let opened = of_roles.chain(of_scopes).map(|name| name.as_str());
        let opened = opened.chain(of_tokens.chain(of_teams).map(String::as_str));
        names.opened = opened.filter(|name| !name.contains('*')).map(str::to_owned).collect();
        names
    }

    /// Whether `model_list` has an entry with exactly this name. The entry then determines the model that
    /// runs.
    pub(crate) fn is_served(&self, name: &str) -> bool {
        self.served.contains(name)
    }

    /// The exact names of `model_list`, aliases included.
    #[cfg(feature = "prove")]
    pub(crate) fn served(&self) -> impl Iterator<Item = &str> {
        self.served.iter().map(String::as_str)
    }

    /// Whether two configurations resolve a name by the same wildcards of `model_list`, with the same targets.
    #[cfg(feature = "prove")]
    pub(crate) fn resolves_like(&self, other: &Self, name: &str) -> bool {
        let within = |some: &Self, others: &Self| {
            let mut own = some.wildcards.iter().filter(|wildcard| wildcard.pattern.matches(name));
            own.all(|wildcard| others.wildcards.contains(wildcard))
        };
        within(self, other) && within(other, self)
    }

    /// Whether the configuration has a name that `model_list` does not have exactly.
    #[cfg(feature = "prove")]
    pub(crate) fn has_others(&self) -> bool {
        !self.wildcards.is_empty() || !self.opened.is_subset(&self.served)
    }

    /// Whether two configurations have the same wildcards in `model_list`, and this one has each name that the other has.
    #[cfg(feature = "prove")]
    pub(crate) fn has_all_of(&self, other: &Self) -> bool {
        let within =
            |some: &Self, others: &Self| some.wildcards.iter().all(|own| others.wildcards.contains(own));
        other.served.is_subset(&self.served)
            && other.opened.iter().all(|name| self.served.contains(name) || self.opened.contains(name))
            && within(self, other)
            && within(other, self)
    }

    /// Whether the configuration has the name: in `model_list` by name or wildcard, or in a list of models by
    /// name. For a name with commas, each part must be there. The placeholder model of a request without a
    /// model (D10) is never there.
    pub(crate) fn resolves(&self, name: &str) -> bool {
        let is_one = |name: &str| {
            !name.is_empty()
                && (self.is_served(name)
                    || self.opened.contains(name)
                    || self.wildcards.iter().any(|wildcard| wildcard.pattern.matches(name)))
        };
        let mut parts = name.split(',').map(str::trim).filter(|part| !part.is_empty()).peekable();
        is_one(name) || (name.contains(',') && parts.peek().is_some() && parts.all(is_one))
    }

    /// The upstream's names if a wildcard serves the name.
    pub(crate) fn targets(&self, name: &str) -> impl Iterator<Item = String> {
        let fitting = self.wildcards.iter().filter(move |wildcard| wildcard.pattern.matches(name));
        fitting.filter_map(move |wildcard| Some(filled(wildcard.target.as_deref()?, &wildcard.text, name)))
    }

    /// The exact names of `model_list` with this plain form.
    pub(crate) fn served_like(&self, reading: &str) -> impl Iterator<Item = &str> {
        self.by_canonical.get(&canonical(reading)).into_iter().flatten().map(String::as_str)
    }
}
