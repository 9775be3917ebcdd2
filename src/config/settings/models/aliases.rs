//! Aliases of models: `router_settings.model_group_alias` and `litellm_settings.model_alias_map`.
//!
//! An alias is a separate model. It is judged by its own name, and served as its target.

use std::collections::HashMap;

use crate::config::problem::Caution;
use crate::config::settings::context::Context;
use crate::config::settings::models::router::{LITELLM, ROUTER, text};
use crate::config::settings::types::Model;
use crate::config::yaml::tree::{Entry, Node, Value};
use crate::names::ModelName;
use crate::pattern::{Pattern, filled};

/// The position of an alias, its target, and whether lists omit it.
struct Alias<'n> {
    path: String,
    name: &'n str,
    target: &'n str,
    hidden: bool,
}

/// Adds the aliases to the models. As in LiteLLM, an alias replaces a model of the same name.
pub(in crate::config) fn add(cx: &mut Context<'_>, models: &mut Vec<Model>, has_upstream: bool) {
    let groups = aliases(cx, ROUTER, "model_group_alias");
    let by_group: HashMap<&str, &str> = groups.iter().map(|alias| (alias.name, alias.target)).collect();
    let mut all = aliases(cx, LITELLM, "model_alias_map");
    for alias in &mut all {
        // The first map has precedence over the second.
        alias.target = by_group.get(alias.target).unwrap_or(&alias.target);
    }
    let renamed: Vec<_> = all.iter().map(|alias| alias.name).collect();
    all.extend(groups.into_iter().filter(|alias| !renamed.contains(&alias.name)));
    let listed = models.len();
    let mut added = Vec::new();
    for alias in all {
        let (Ok(name), Ok(target)) = (ModelName::new(alias.name), ModelName::new(alias.target)) else {
            cx.warn(
                &alias.path,
                Caution::Unreadable { key: alias.name.to_owned(), expected: "the name of a model" },
            );
            continue;
        };
        let served = targets(models.get(..listed).unwrap_or_default(), target.as_str());
        if served.is_empty() && !has_upstream {
            cx.warn(&alias.path, Caution::UnknownModel { model: target.to_string() });
            continue;
        }
        let mut served: Vec<Model> = served
            .into_iter()
            .map(|model| Model {
                name: name.clone(),
                alias_of: Some(target.clone()),
                hidden: alias.hidden,
                ..model
            })
            .collect();
        if served.is_empty() {
            served.push(Model::without_deployment(name, target, alias.hidden));
        }
        added.push(served);
    }
    for served in added {
        take_place(models, served);
    }
}

/// Replaces models of the same name by the alias, or adds it at the end.
fn take_place(models: &mut Vec<Model>, served: Vec<Model>) {
    let mut served = served.into_iter();
    let Some(first) = served.next() else { return };
    let name = first.name.clone();
    let places = models.iter_mut().filter(|model| model.name == name);
    let mut next = Some(first);
    for place in places {
        match next.take().or_else(|| served.next()) {
            Some(model) => *place = model,
            None => place.deployment = None,
        }
    }
    models.extend(next);
    models.extend(served);
}

/// The entries that serve a model: those with its name, otherwise those of the longest matching wildcard.
fn targets(models: &[Model], target: &str) -> Vec<Model> {
    let exact: Vec<_> = models.iter().filter(|model| model.name.as_str() == target).cloned().collect();
    if !exact.is_empty() {
        return exact;
    }
    let fits = |model: &&Model| {
        let name = model.name.as_str();
        name.contains('*') && Pattern::new(name).matches(target)
    };
    let length = models.iter().filter(fits).map(|model| model.name.as_str().len()).max();
    let longest = models.iter().filter(fits).filter(|model| Some(model.name.as_str().len()) == length);
    longest.cloned().map(|model| of_wildcard(model, target)).collect()
}

fn of_wildcard(mut model: Model, target: &str) -> Model {
    if let Some(deployment) = &mut model.deployment {
        deployment.model = filled(&deployment.model, model.name.as_str(), target);
    }
    let by_provider = std::mem::take(&mut model.by_provider);
    if let Some((known, name)) = super::provider::find(target) {
        let of_provider = by_provider.into_iter().find(|(provider, _)| *provider == known.name);
        if let Some((_, mut deployment)) = of_provider {
            name.clone_into(&mut deployment.model);
            model.deployment = Some(deployment);
        }
    }
    model
}

fn aliases<'n>(cx: &mut Context<'n>, block: &str, key: &str) -> Vec<Alias<'n>> {
    let Some(node) = cx.root().get(block).and_then(|block| block.get(key)).filter(|node| !node.is_null())
    else {
        return Vec::new();
    };
    let path = format!("{block}.{key}");
    let Value::Mapping(entries) = &node.value else {
        cx.warn(&path, Caution::Unreadable { key: key.to_owned(), expected: "a mapping of names to models" });
        return Vec::new();
    };
    let mut found = Vec::new();
    for Entry { key: name, value, .. } in entries {
        let path = format!("{path}.{name}");
        let hidden =
            matches!(value.get("hidden").map(|hidden: &Node| &hidden.value), Some(Value::Bool(true)));
        match text(value).or_else(|| text(value.get("model")?)) {
            Some(target) => found.push(Alias { path, name, target, hidden }),
            None => {
                cx.warn(&path, Caution::Unreadable { key: name.clone(), expected: "the name of a model" })
            }
        }
    }
    found
}
