//! The settings of the router, with LiteLLM's defaults.

use std::collections::HashMap;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::fallbacks::Fallbacks;
use super::outcome::Failure;
use crate::config::{Config, FailurePolicy};
use crate::names::ModelName;

/// LiteLLM's `DEFAULT_COOLDOWN_TIME_SECONDS`.
const COOLDOWN: Duration = Duration::from_secs(5);
/// The longest cool-down that an upstream's `Retry-After` can ask for.
const MAX_COOLDOWN: Duration = Duration::from_secs(10 * 60);
/// How many other deployments are tried if `num_retries` says nothing: LiteLLM's default for retries.
const OTHERS: u32 = 2;
/// The longest wait before a deployment is tried again, as in LiteLLM.
const MAX_WAIT: Duration = Duration::from_secs(8);
/// The longest wait that an upstream can ask for. LiteLLM waits as briefly as ever if it asks for more.
const MAX_ASKED_WAIT: Duration = Duration::from_secs(60);
/// LiteLLM's `max_fallbacks`.
const MAX_FALLBACKS: usize = 5;
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The rules by which requests are routed.
pub(in crate::gateway) struct Rules {
    retries: Option<u32>,
    retry_policy: FailurePolicy,
    group_policies: HashMap<ModelName, FailurePolicy, RandomState>,
    allowed_fails: Option<u32>,
    allowed_fails_policy: FailurePolicy,
    cooldown: Option<Duration>,
    /// Whether failures cool deployments down.
    pub(super) cools: bool,
    retry_after: Duration,
    /// The time limit for deployments without their own.
    pub(in crate::gateway) timeout: Option<Duration>,
    pub(in crate::gateway) fallbacks: Fallbacks,
    /// How many fallbacks are tried at most.
    pub(in crate::gateway) max_fallbacks: usize,
}

impl Rules {
    pub(in crate::gateway) fn new(config: &Config) -> Self {
        Self {
            retries: config.router.num_retries,
            retry_policy: config.router.retry_policy.clone(),
            group_policies: config.router.model_group_retry_policy.iter().cloned().collect(),
            allowed_fails: config.router.allowed_fails,
            allowed_fails_policy: config.router.allowed_fails_policy.clone(),
            cooldown: config.router.cooldown_time,
            cools: !config.router.disable_cooldowns,
            retry_after: config.router.retry_after.unwrap_or_default(),
            timeout: config.router.timeout.filter(|timeout| !timeout.is_zero()),
            fallbacks: Fallbacks::new(config),
            max_fallbacks: config.router.max_fallbacks.map_or(MAX_FALLBACKS, |most| most as usize),
        }
    }

    /// How often a request for the model may be sent again after this failure. `own` is the deployment's own setting.
    pub(in crate::gateway) fn retries(&self, model: &ModelName, own: Option<u32>, failure: Failure) -> u32 {
        self.written(model, own, failure).unwrap_or(OTHERS)
    }

    /// Whether the deployment that failed may be tried again. It may only where the operator writes how often: clients
    /// retry too.
    pub(in crate::gateway) fn repeats(&self, model: &ModelName, own: Option<u32>, failure: Failure) -> bool {
        failure.may_pass() && self.written(model, own, failure).is_some_and(|retries| retries > 0)
    }

    /// Whether some failure may lead to another attempt at the same deployment.
    pub(in crate::gateway) fn may_repeat(&self, model: &ModelName, own: Option<u32>) -> bool {
        let policies = [Some(&self.retry_policy), self.group_policies.get(model)];
        own.or(self.retries).is_some_and(|retries| retries > 0)
            || policies.into_iter().flatten().any(|policy| *policy != FailurePolicy::default())
    }

    /// What the operator writes. As in LiteLLM, a policy overrides the general number.
    fn written(&self, model: &ModelName, own: Option<u32>, failure: Failure) -> Option<u32> {
        let of_group = self.group_policies.get(model).and_then(|policy| failure.number_in(policy));
        of_group.or_else(|| failure.number_in(&self.retry_policy)).or(own).or(self.retries)
    }

    /// The failures of a minute that cool no deployment down. `None`: as many as the successes.
    pub(super) fn allowed_fails(&self, failure: Failure) -> Option<u32> {
        failure.number_in(&self.allowed_fails_policy).or(self.allowed_fails)
    }

    /// How long a deployment cools down: as it asks for, else as its entry says, else as the settings say.
    pub(super) fn cooldown(&self, asked: Option<Duration>, own: Option<Duration>) -> Duration {
        let configured = own.or(self.cooldown).unwrap_or(COOLDOWN);
        asked.map_or(configured, |asked| asked.min(MAX_COOLDOWN))
    }

    /// How long to wait before the same deployment is tried again after `failures` failures. `None`: it asked for a longer
    /// wait than a caller should be kept for.
    pub(in crate::gateway) fn wait(&self, failures: u32, asked: Option<Duration>) -> Option<Duration> {
        let doubled = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(8)).min(MAX_WAIT);
        let wait = asked.unwrap_or(doubled);
        (wait <= MAX_ASKED_WAIT).then(|| wait.max(self.retry_after))
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    fn rules(settings: &str) -> Rules {
        let yaml = format!(
            "model_list: [{{model_name: m, litellm_params: {{model: openai/m}}}}]\nrouter_settings: {settings}\n"
        );
        Rules::new(&Config::parse("c.yaml", &yaml, ".".as_ref(), &|_| None).unwrap())
    }

    #[test]
    fn waits_double_up_to_eight_seconds_and_last_as_long_as_the_upstream_asks() {
        let rules = rules("{retry_after: 1}");
        let seconds = [1, 2, 3, 4, 5, 60].map(|failures| rules.wait(failures, None).unwrap().as_secs_f64());
        assert_eq!(seconds, [1.0, 1.0, 2.0, 4.0, 8.0, 8.0]);
        let asked = |seconds| rules.wait(1, Some(Duration::from_secs(seconds)));
        assert_eq!(asked(20), Some(Duration::from_secs(20)));
        assert_eq!(asked(61), None);
    }

    #[test]
    fn times_without_end_are_very_long_ones() {
        let rules = rules(
            "{cooldown_time: 1.0e+300, timeout: 1.0e+19, retry_after: 99999999999999999999, num_retries: 2.0}",
        );
        let now = std::time::Instant::now();
        let year = Duration::from_secs(366 * 86_400);
        let times = [rules.timeout.unwrap(), rules.cooldown(None, None), rules.wait(1, None).unwrap()];
        assert!(times.into_iter().all(|time| time > year && now.checked_add(time).is_some()), "{times:?}");
        assert_eq!(rules.retries, Some(2));
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

    #[test]
    fn a_policy_goes_before_the_general_number() {
        let rules = rules(
            "{num_retries: 1, retry_policy: {RateLimitErrorRetries: 4, TimeoutErrorRetries: 0, BadRequestErrorRetries: 9}, \
             model_group_retry_policy: {m: {InternalServerErrorRetries: 6}}, allowed_fails: 2, \
             allowed_fails_policy: {AuthenticationErrorAllowedFails: 0}}",
        );
        let (m, n) = (ModelName::new("m").unwrap(), ModelName::new("n").unwrap());
        let answered = |status| Failure::Answered(StatusCode::from_u16(status).unwrap(), None);
        for (model, failure, retries) in [
            (&m, answered(429), 4),
            (&m, answered(503), 6),
            (&n, answered(503), 1),
            (&n, Failure::TimedOut, 0),
            (&n, Failure::Unreachable, 1),
        ] {
            assert_eq!(rules.retries(model, None, failure), retries, "{model} {failure:?}");
        }
        assert_eq!(rules.allowed_fails(answered(401)), Some(0));
        assert_eq!(rules.allowed_fails(answered(500)), Some(2));
    }
}
