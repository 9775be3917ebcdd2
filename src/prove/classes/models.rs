//! The classes of model names.

use std::collections::BTreeSet;

use super::Class;
use super::automaton::{Alphabet, Patterns, TooMany};
use crate::config::Config;
use crate::pattern::filled;
use crate::prove::vocabulary::Vocabulary;
use crate::providers;

/// The number of spellings of denied models that get classes of their own.
const MOST: usize = 500;

/// The classes of the names of models, for these configurations and policies.
pub(in crate::prove) fn models<'c>(
    configs: impl Iterator<Item = &'c Config> + Clone,
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
    for name in configs.clone().flat_map(names) {
        add(&mut patterns, name);
    }
    spellings(configs).iter().for_each(|name| patterns.exact(name));
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

/// Spellings of denied models that a wildcard allows: `vendor/x`, if `vendor/*` is allowed and `x` or `openai/x` is denied, or
/// if it stands for `openai/x` at the upstream. The engine decides about each of them, where a formula would leave open
/// what the names of a class spell.
fn spellings<'c>(configs: impl Iterator<Item = &'c Config> + Clone) -> BTreeSet<String> {
    let denied = configs.clone().flat_map(|config| config.token_roles.iter().flatten());
    let denied = denied.flat_map(|entry| &entry.deny_models).filter(|name| !name.contains('*'));
    let denied = denied.flat_map(|name| [name.as_str(), name.rsplit('/').next().unwrap_or(name)]);
    let denied: BTreeSet<&str> = denied.collect();
    let own = configs.clone().flat_map(names).map(|name| (name, "*"));
    let served = configs
        .flat_map(|config| &config.models)
        .filter_map(|model| Some((model.name.as_str(), model.deployment.as_ref()?.model.as_str())));
    let wildcards: BTreeSet<(&str, &str)> =
        own.chain(served).filter(|(name, _)| name.contains('*')).collect();
    let spelled = wildcards.iter().flat_map(|(name, target)| {
        denied.iter().map(move |denied| filled(name, target, denied)).filter(|name| !name.contains('*'))
    });
    spelled.take(MOST).collect()
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
