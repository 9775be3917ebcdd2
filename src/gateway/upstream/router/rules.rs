//! The settings of the router, with LiteLLM's defaults.

use std::time::Duration;

use super::fallbacks::Fallbacks;
use crate::config::Config;

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
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The rules by which requests are routed.
pub(in crate::gateway) struct Rules {
    retries: Option<u32>,
    /// The failures of a minute that cool no deployment down. `None`: as many as the successes.
    pub(super) allowed_fails: Option<u32>,
    cooldown: Option<Duration>,
    /// Whether failures cool deployments down.
    pub(super) cools: bool,
    retry_after: Duration,
    /// The time limit for deployments without their own.
    pub(in crate::gateway) timeout: Option<Duration>,
    pub(in crate::gateway) fallbacks: Fallbacks,
}

impl Rules {
    pub(in crate::gateway) fn new(config: &Config) -> Self {
        Self {
            retries: config.router.num_retries,
            allowed_fails: config.router.allowed_fails,
            cooldown: config.router.cooldown_time,
            cools: !config.router.disable_cooldowns,
            retry_after: config.router.retry_after.unwrap_or_default(),
            timeout: config.router.timeout.filter(|timeout| !timeout.is_zero()),
            fallbacks: Fallbacks::new(config),
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
