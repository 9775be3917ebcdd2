//! The models that stand in for a model, by why it does not serve a request.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::outcome::Cause;
use crate::config::{Config, Fallback, provider_of};
use crate::names::ModelName;

/// The fallbacks of a configuration.
pub(in crate::gateway) struct Fallbacks {
    general: Lists,
    context_window: Lists,
    content_policy: Lists,
}

impl Fallbacks {
    pub(super) fn new(config: &Config) -> Self {
        let router = &config.router;
        Self {
            general: Lists::new(&router.fallbacks, &router.default_fallbacks, config),
            context_window: Lists::new(&router.context_window_fallbacks, &[], config),
            content_policy: Lists::new(&router.content_policy_fallbacks, &[], config),
        }
    }

    /// Whether a model has fallbacks of any kind.
    pub(in crate::gateway) fn has(&self, model: &ModelName) -> bool {
        let lists = [&self.general, &self.context_window, &self.content_policy];
        lists.into_iter().any(|lists| !lists.of(model).is_empty())
    }

    /// The models that stand in for a model, in order. Those for the cause come in place of the general ones.
    pub(in crate::gateway) fn of(&self, model: &ModelName, cause: Cause) -> &[ModelName] {
        let special = match cause {
            Cause::Failure => &[],
            Cause::ContextWindow => self.context_window.of(model),
            Cause::ContentPolicy => self.content_policy.of(model),
        };
        if special.is_empty() { self.general.of(model) } else { special }
    }
}

struct Lists {
    by_model: HashMap<ModelName, Vec<ModelName>, RandomState>,
    /// For models that have none of their own.
    others: Vec<ModelName>,
}

impl Lists {
    fn new(fallbacks: &[Fallback], default: &[ModelName], config: &Config) -> Self {
        let is_any = |fallback: &&Fallback| fallback.model.as_str() == "*";
        let others = fallbacks.iter().find(is_any).map_or(default, |fallback| &fallback.to).to_vec();
        let mut by_model = HashMap::default();
        for fallback in fallbacks.iter().filter(|fallback| !is_any(fallback)) {
            by_model.entry(fallback.model.clone()).or_insert_with(|| fallback.to.clone());
        }
        // An alias falls back as its model does.
        for model in &config.models {
            if let Some(to) = model.alias_of.as_ref().and_then(|of| by_model.get(of)).cloned() {
                by_model.entry(model.name.clone()).or_insert(to);
            }
        }
        Self { by_model, others }
    }

    fn of(&self, model: &ModelName) -> &[ModelName] {
        if self.by_model.is_empty() {
            return &self.others;
        }
        // `openai/gpt-4o` has the fallbacks of `gpt-4o`, as in LiteLLM.
        let without_provider = || {
            let (_, name) = provider_of(model.as_str())?;
            self.by_model.get(&ModelName::new(name).ok()?)
        };
        self.by_model.get(model).or_else(without_provider).unwrap_or(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(settings: &str, model: &str, cause: Cause) -> Vec<String> {
        let yaml = format!(
            "model_list: [{{model_name: m, litellm_params: {{model: openai/m}}}}]\nrouter_settings: {settings}\n"
        );
        let config = Config::parse("c.yaml", &yaml, ".".as_ref(), &|_| None).unwrap();
        let fallbacks = Fallbacks::new(&config);
        fallbacks.of(&ModelName::new(model).unwrap(), cause).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_model_without_fallbacks_has_the_default_ones() {
        let settings =
            "{fallbacks: [{m: [a, b]}], default_fallbacks: [c], model_group_alias: {alias: m, other: x}}";
        for (model, expected) in
            [("m", &["a", "b"][..]), ("alias", &["a", "b"]), ("openai/m", &["a", "b"]), ("n", &["c"])]
        {
            assert_eq!(names(settings, model, Cause::Failure), expected, "{model}");
        }
    }

    #[test]
    fn a_star_is_every_other_model() {
        let settings = "{fallbacks: [{'*': [a]}, {m: []}], default_fallbacks: [c]}";
        assert_eq!(names(settings, "n", Cause::Failure), ["a"]);
        assert!(names(settings, "m", Cause::Failure).is_empty());
    }

    #[test]
    fn fallbacks_for_a_cause_come_in_place_of_the_general_ones() {
        let settings = "{fallbacks: [{m: [a]}], context_window_fallbacks: [{m: [long]}], \
                        content_policy_fallbacks: [{n: [other]}]}";
        assert_eq!(names(settings, "m", Cause::Failure), ["a"]);
        assert_eq!(names(settings, "m", Cause::ContextWindow), ["long"]);
        assert_eq!(names(settings, "m", Cause::ContentPolicy), ["a"]);
        assert_eq!(names(settings, "n", Cause::ContentPolicy), ["other"]);
    }
}
