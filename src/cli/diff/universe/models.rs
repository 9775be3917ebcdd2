//! Chooses the models to compare: every named model, and one for each way in which unnamed models can differ.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::names::Names;
use crate::config::Config;
use crate::names::ModelName;
use crate::pattern::Pattern;
use crate::providers;

/// Models that every list of both sides treats alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct ModelClass {
    /// The model that the requests name.
    pub(in crate::cli) name: ModelName,
    /// All of them, for display.
    pub(in crate::cli) shown: Vec<String>,
}

const OTHER: &str = "a-model-that-nobody-names";
/// The texts that may replace a wildcard in a sample. The first one that no other wildcard matches is used.
const FILLS: [&str; 4] = ["any-model", "zz-unlisted", "7", "q.q"];

/// A list of models, with the meaning that the sides give it.
struct List {
    names: HashSet<String>,
    patterns: Vec<Pattern>,
}

impl List {
    fn new(listed: impl IntoIterator<Item = String>) -> Self {
        let (wild, names): (Vec<_>, Vec<_>) = listed.into_iter().partition(|name| name.contains('*'));
        let patterns = wild.iter().map(|name| Pattern::new(name)).collect();
        // Whether `*` is a wildcard. In some lists it is an ordinary character (R2).
        Self { names: names.into_iter().chain(wild).collect(), patterns }
    }

    fn matches(&self, name: &str, qualified: Option<&str>) -> bool {
        self.patterns
            .iter()
            .any(|pattern| pattern.matches(name) || qualified.is_some_and(|name| pattern.matches(name)))
    }
}

/// The classes, in the order of their names.
pub(in crate::cli) fn classes(names: &Names, configs: [&Config; 2]) -> Vec<ModelClass> {
    let lists = lists(names, configs);
    let groups: [HashMap<&str, BTreeSet<&str>>; 2] = configs.map(|config| {
        let mut groups: HashMap<&str, BTreeSet<&str>> = HashMap::new();
        for model in &config.models {
            let of_model = groups.entry(model.name.as_str()).or_default();
            of_model.extend(model.access_groups.iter().map(String::as_str));
        }
        groups
    });
    let denies = configs
        .iter()
        .any(|config| config.token_roles.iter().flatten().any(|entry| !entry.deny_models.is_empty()));
    // LiteLLM's own lists have no wildcards, so `*` in them is part of a name.
    let is_literal = |name: &str| {
        configs.iter().any(|config| {
            let of_roles =
                config.role_permissions.iter().flatten().flat_map(|entry| entry.models.iter().flatten());
            let scopes = config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings);
            of_roles.chain(scopes.flat_map(|mapping| &mapping.models)).any(|listed| listed.as_str() == name)
        })
    };
    let signature = |name: &str| {
        let provider = name.split_once('/').map(|(provider, _)| provider);
        let provider = provider.or_else(|| providers::of_bare_name(name));
        let qualified = provider.filter(|_| !name.contains('/')).map(|provider| format!("{provider}/{name}"));
        let in_lists: Vec<[bool; 2]> = lists
            .iter()
            .map(|list| [list.names.contains(name), list.matches(name, qualified.as_deref())])
            .collect();
        let of_groups = groups.each_ref().map(|groups| groups.get(name).cloned().unwrap_or_default());
        let provider = provider.filter(|id| names.mentions("Provider", id)).map(str::to_owned);
        // A name outside `model_list` is denied by its exact spelling.
        let is_served =
            groups.each_ref().map(|groups| denies && !name.contains('*') && groups.contains_key(name));
        let is_spelled = denies && is_served != [true; 2];
        let own = (is_spelled || names.mentions("Model", name)).then(|| name.to_owned());
        (in_lists, of_groups, provider, is_served, own)
    };

    let named = names.models.iter().map(|name| (name.clone(), name.clone()));
    let other = [(OTHER.to_owned(), "any other model".to_owned())];
    let starred = names.wildcards.iter().map(|name| (name.clone(), format!("`{name}` itself")));
    let mut classes = BTreeMap::new();
    for (name, shown) in named.chain(samples(&names.wildcards)).chain(other).chain(starred) {
        let Ok(model) = ModelName::new(&name) else { continue };
        let is_starred = names.wildcards.contains(&name);
        if denies && is_starred && !is_literal(&name) {
            continue;
        }
        let (_, all) = classes.entry(signature(&name)).or_insert_with(|| (model, Vec::new()));
        if !all.contains(&shown) && (all.is_empty() || !is_starred) {
            all.push(shown);
        }
    }
    let classes = classes.into_values().map(|(name, shown)| ModelClass { name, shown });
    let mut classes: Vec<ModelClass> = classes.collect();
    // The class of the other models comes last.
    classes.sort_by_key(|class| (class.name.as_str() == OTHER, class.shown.clone()));
    classes
}

fn lists(names: &Names, configs: [&Config; 2]) -> Vec<List> {
    let mut all: BTreeSet<Vec<String>> = BTreeSet::new();
    let mut add = |listed: &mut dyn Iterator<Item = String>| {
        let mut listed: Vec<String> = listed.collect();
        listed.sort();
        all.insert(listed);
    };
    for config in configs {
        for entry in config.role_permissions.iter().flatten() {
            add(&mut entry.models.iter().flatten().map(ModelName::to_string));
        }
        for mapping in config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings) {
            add(&mut mapping.models.iter().map(ModelName::to_string));
        }
        for entry in config.token_roles.iter().flatten() {
            add(&mut entry.models.iter().cloned());
            add(&mut entry.deny_models.iter().cloned());
        }
        for team in &config.teams {
            add(&mut team.models.iter().cloned());
        }
    }
    // Each wildcard and each name in a policy is a class of its own.
    for wildcard in &names.wildcards {
        add(&mut std::iter::once(wildcard.clone()));
    }
    all.into_iter().map(List::new).collect()
}

/// For each wildcard, and for each overlapping pair, a name that they match and that as few others as
/// possible match.
fn samples(wildcards: &BTreeSet<String>) -> Vec<(String, String)> {
    let patterns: Vec<(&String, Pattern)> =
        wildcards.iter().map(|wildcard| (wildcard, Pattern::new(wildcard))).collect();
    let matched = |name: &String| patterns.iter().filter(|(_, pattern)| pattern.matches(name)).count();
    let mut samples = Vec::new();
    for (wildcard, _) in &patterns {
        let filled = FILLS.map(|fill| wildcard.replace('*', fill));
        if let Some(sample) = filled.into_iter().min_by_key(matched) {
            samples.push((sample, format!("any other model like {wildcard}")));
        }
    }
    for (i, (a, _)) in patterns.iter().enumerate() {
        for (b, _) in patterns.iter().skip(i + 1) {
            let shown = format!("any other model like {a} and {b}");
            samples.extend(overlap(a, b).map(|sample| (sample, shown)));
        }
    }
    samples
}

/// The shortest text that both wildcards match and that equals neither. Each `*` is replaced by at least one
/// character.
fn overlap(a: &str, b: &str) -> Option<String> {
    const ANY: char = '0';
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut reached: HashMap<(usize, usize), String> = HashMap::from([((0, 0), String::new())]);
    let mut open = std::collections::VecDeque::from([(0, 0)]);
    while let Some((i, j)) = open.pop_front() {
        let text = reached.get(&(i, j)).cloned().unwrap_or_default();
        if (i, j) == (a.len(), b.len()) {
            return Some(text);
        }
        let with = |c: char| format!("{text}{c}");
        let next = match (a.get(i), b.get(j)) {
            (Some('*'), Some('*')) => {
                vec![((i + 1, j), with(ANY)), ((i, j + 1), with(ANY)), ((i + 1, j + 1), with(ANY))]
            }
            (Some('*'), Some(c)) => vec![((i, j + 1), with(*c)), ((i + 1, j), text)],
            (Some(c), Some('*')) => vec![((i + 1, j), with(*c)), ((i, j + 1), text)],
            (Some(c), Some(d)) if c == d => vec![((i + 1, j + 1), with(*c))],
            (Some('*'), None) => vec![((i + 1, j), text)],
            (None, Some('*')) => vec![((i, j + 1), text)],
            _ => Vec::new(),
        };
        for (place, text) in next {
            if let std::collections::hash_map::Entry::Vacant(new) = reached.entry(place) {
                new.insert(text);
                open.push_back(place);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wildcards_that_overlap_have_a_name_in_common() {
        for (a, b) in [("claude-*", "*-mini"), ("a*", "ab*"), ("*", "x*y"), ("*a*", "*b*")] {
            let name = overlap(a, b).unwrap();
            assert!(Pattern::new(a).matches(&name) && Pattern::new(b).matches(&name), "{name}");
        }
        assert_eq!(overlap("a*", "b*"), None);
    }

    proptest! {
        #[test]
        fn what_both_match_is_found_if_there_is_any(a in "[ab*]{0,5}", b in "[ab*]{0,5}", text in "[ab]{0,6}") {
            let (first, second) = (Pattern::new(&a), Pattern::new(&b));
            let found = overlap(&a, &b);
            if let Some(name) = &found {
                prop_assert!(first.matches(name) && second.matches(name), "{name}");
            }
            prop_assert!(found.is_some() || !(first.matches(&text) && second.matches(&text)));
        }
    }
}
