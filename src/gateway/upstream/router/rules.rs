//! The settings of the router, with LiteLLM's defaults.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;

use crate::config::{Config, RouterSettings};
use crate::names::ModelName;

/// LiteLLM's `DEFAULT_COOLDOWN_TIME_SECONDS`.
const COOLDOWN: Duration = Duration::from_secs(5);
/// The longest cool-down that an upstream's `Retry-After` can ask for.
const MAX_COOLDOWN: Duration = Duration::from_secs(10 * 60);
/// How many other deployments are tried if `num_retries` says nothing: LiteLLM's default for retries.
const OTHERS: u32 = 2;
/// The longest wait before a deployment is tried again, as in LiteLLM.
const MAX_WAIT: Duration = Duration::from_secs(8);
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// LiteLLM's `max_fallbacks`.
const MAX_FALLBACKS: usize = 5;

/// The rules by which requests are routed.
pub(in crate::gateway) struct Rules {
    retries: Option<u32>,
    /// The failures of a minute that cool no deployment down. `None`: as many as the successes.
    pub(super) allowed_fails: Option<u32>,
    cooldown: Option<Duration>,
    retry_after: Duration,
    /// The time limit for deployments without their own.
    pub(in crate::gateway) timeout: Option<Duration>,
    fallbacks: HashMap<ModelName, Vec<ModelName>, RandomState>,
    /// For models that have none of their own.
    default_fallbacks: Vec<ModelName>,
}

impl Rules {
    pub(in crate::gateway) fn new(config: &Config) -> Self {
        let RouterSettings { fallbacks, default_fallbacks, .. } = &config.router;
        let is_any = |name: &ModelName| name.as_str() == "*";
        let any = fallbacks.iter().find(|fallback| is_any(&fallback.model)).map(|fallback| &fallback.to);
        let mut by_model = HashMap::default();
        for fallback in fallbacks.iter().filter(|fallback| !is_any(&fallback.model)) {
            by_model.entry(fallback.model.clone()).or_insert_with(|| fallback.to.clone());
        }
        // An alias falls back as its model does.
        for model in &config.models {
            if let Some(to) = model.alias_of.as_ref().and_then(|of| by_model.get(of)).cloned() {
                by_model.entry(model.name.clone()).or_insert(to);
            }
        }
        Self {
            retries: config.router.num_retries,
            allowed_fails: config.router.allowed_fails,
            cooldown: config.router.cooldown_time,
            retry_after: config.router.retry_after.unwrap_or_default(),
            timeout: config.router.timeout.filter(|timeout| !timeout.is_zero()),
            fallbacks: by_model,
            default_fallbacks: any.unwrap_or(default_fallbacks).clone(),
        }
    }

    /// How often the request may be sent again. `own` is the deployment's own setting.
    pub(in crate::gateway) fn retries(&self, own: Option<u32>) -> u32 {
        own.or(self.retries).unwrap_or(OTHERS)
    }

    /// Whether the deployment that failed may be tried again. It may only where the operator writes how often: clients
    /// retry too.
    pub(in crate::gateway) fn repeats(&self, own: Option<u32>) -> bool {
        own.or(self.retries).is_some_and(|retries| retries > 0)
    }

    /// How long a deployment is left alone: as it asks for, else as its entry says, else as the settings say.
    pub(super) fn cooldown(&self, asked: Option<Duration>, own: Option<Duration>) -> Duration {
        let configured = own.or(self.cooldown).unwrap_or(COOLDOWN);
        asked.map_or(configured, |asked| asked.min(MAX_COOLDOWN))
    }

    /// How long to wait before the same deployment is tried again after `failures` failures.
    pub(in crate::gateway) fn wait(&self, failures: u32, asked: Option<Duration>) -> Duration {
        let doubled = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(MAX_WAIT);
        asked.unwrap_or(doubled).max(self.retry_after)
    }

    /// The models that stand in for a model that fails, in order.
    pub(in crate::gateway) fn fallbacks(&self, model: &ModelName) -> &[ModelName] {
        if self.fallbacks.is_empty() && self.default_fallbacks.is_empty() {
            return &[];
        }
        let all = self.fallbacks.get(model).unwrap_or(&self.default_fallbacks);
        all.get(..MAX_FALLBACKS).unwrap_or(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(settings: &str) -> Rules {
        let yaml = format!(
            "model_list: [{{model_name: m, litellm_params: {{model: openai/m}}}}]\nrouter_settings: {settings}\n"
        );
        Rules::new(&Config::parse("c.yaml", &yaml, ".".as_ref(), &|_| None).unwrap())
    }

    fn names(rules: &Rules, model: &str) -> Vec<String> {
        rules.fallbacks(&ModelName::new(model).unwrap()).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_model_without_fallbacks_has_the_default_ones() {
        let rules = rules(
            "{fallbacks: [{m: [a, b]}], default_fallbacks: [c], model_group_alias: {alias: m, other: x}}",
        );
        assert_eq!(names(&rules, "m"), ["a", "b"]);
        assert_eq!(names(&rules, "alias"), ["a", "b"]);
        assert_eq!(names(&rules, "n"), ["c"]);
    }

    #[test]
    fn a_star_is_every_other_model() {
        let rules = rules("{fallbacks: [{'*': [a]}, {m: []}], default_fallbacks: [c]}");
        assert_eq!(names(&rules, "n"), ["a"]);
        assert!(names(&rules, "m").is_empty());
    }

    #[test]
    fn waits_double_up_to_eight_seconds_and_last_as_long_as_the_upstream_asks() {
        let rules = rules("{retry_after: 1}");
        let seconds = [1, 2, 3, 4, 5, 60].map(|failures| rules.wait(failures, None).as_secs_f64());
        assert_eq!(seconds, [1.0, 1.0, 2.0, 4.0, 8.0, 8.0]);
        assert_eq!(rules.wait(1, Some(Duration::from_secs(20))), Duration::from_secs(20));
    }

    #[test]
    fn a_cool_down_has_an_upper_bound() {
        let rules = rules("{cooldown_time: 30}");
        let seconds = |asked: Option<u64>, own: Option<u64>| {
            rules.cooldown(asked.map(Duration::from_secs), own.map(Duration::from_secs)).as_secs()
        };
        assert_eq!(seconds(None, None), 30);
        assert_eq!(seconds(None, Some(3)), 3);
        assert_eq!(seconds(Some(7), Some(3)), 7);
        assert_eq!(seconds(Some(86_400), None), 600);
    }
}
