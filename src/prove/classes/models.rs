//! The classes of model names.

use super::Class;
use super::automaton::{Alphabet, Patterns, TooMany};
use crate::config::Config;
use crate::prove::vocabulary::Vocabulary;
use crate::providers;

/// The classes of the names of models, for these configurations and policies.
pub(in crate::prove) fn models<'c>(
    configs: impl Iterator<Item = &'c Config>,
    vocabulary: &Vocabulary,
) -> Result<Vec<Class>, TooMany> {
    let mut patterns = Patterns::default();
    // The name of a request that names no model, although its route runs one.
    patterns.exact("");
    patterns.wildcard("", "*/*");
    patterns.wildcard("", "*,*");
    for (beginning, _) in providers::beginnings() {
        patterns.wildcard("", &format!("{beginning}*"));
    }
    for config in configs {
        for name in names(config) {
            add(&mut patterns, name);
        }
    }
    for uid in vocabulary.of_type("Model") {
        add(&mut patterns, uid);
    }
    for provider in vocabulary.of_type("Provider") {
        patterns.wildcard("", &format!("{provider}/*"));
    }
    if vocabulary.reads("name") {
        vocabulary.texts.iter().for_each(|text| patterns.exact(text));
        vocabulary.likes.iter().for_each(|like| patterns.parts(like));
    }
    patterns.classes(Alphabet::Names)
}

fn add(patterns: &mut Patterns, name: &str) {
    patterns.exact(name);
    if name.contains('*') {
        patterns.wildcard("", name);
        // A wildcard is also compared with the provider and the name.
        for prefix in ["openai/", "anthropic/", "gemini/"] {
            patterns.wildcard(prefix, name);
        }
    }
}

/// Every name and wildcard of a configuration.
fn names(config: &Config) -> impl Iterator<Item = &str> {
    let served = config.models.iter().map(|model| model.name.as_str());
    let of_roles = config.role_permissions.iter().flatten().flat_map(|entry| entry.models.iter().flatten());
    let of_scopes = config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings).flat_map(|mapping| &mapping.models);
    let of_token_roles = config.token_roles.iter().flatten();
    let of_token_roles = of_token_roles.flat_map(|entry| entry.models.iter().chain(&entry.deny_models));
    let of_teams = config.teams.iter().flat_map(|team| &team.models);
    let named = of_roles.chain(of_scopes).map(|name| name.as_str());
    served.chain(named).chain(of_token_roles.chain(of_teams).map(String::as_str))
}
