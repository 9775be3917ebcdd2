//! The health of a deployment: it cools down after failures, and gets no requests meanwhile.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::outcome::Failure;
use super::rules::Rules;

/// Without `allowed_fails`, a deployment cools down if more than half of at least so many calls of a minute failed.
const FEW_CALLS: u64 = 5;

/// The health of one deployment, in atomics. Calls are counted if something else can be tried after a failure.
pub(in crate::gateway) struct Health {
    since: Instant,
    /// Milliseconds after `since`; 0 if it never cooled down.
    cooling_until: AtomicU64,
    /// The minute after `since`, then its failures, then its calls: [`Minute`].
    minute: AtomicU64,
    succeeded: AtomicU64,
    failed: AtomicU64,
}

/// The calls of the current minute, packed in 24, 20 and 20 bits.
#[derive(Clone, Copy)]
pub(in crate::gateway) struct Minute {
    number: u64,
    failures: u64,
    calls: u64,
}

impl Minute {
    const MOST: u64 = (1 << 20) - 1;

    fn unpack(packed: u64) -> Self {
        Self { number: packed >> 40, failures: (packed >> 20) & Self::MOST, calls: packed & Self::MOST }
    }

    fn pack(self) -> u64 {
        (self.number << 40) | (self.failures.min(Self::MOST) << 20) | self.calls.min(Self::MOST)
    }

    /// With one more call in minute `number`.
    fn counting(self, number: u64, failure: bool) -> Self {
        let number = number & ((1 << 24) - 1);
        let (failures, calls) = if self.number == number { (self.failures, self.calls) } else { (0, 0) };
        Self { number, failures: failures + u64::from(failure), calls: calls + 1 }
    }
}

/// The calls of a deployment since it was configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gateway) struct Calls {
    pub(in crate::gateway) succeeded: u64,
    pub(in crate::gateway) failed: u64,
}

impl Health {
    pub(in crate::gateway) fn new(now: Instant) -> Self {
        let zero = AtomicU64::default;
        Self { since: now, cooling_until: zero(), minute: zero(), succeeded: zero(), failed: zero() }
    }

    /// For how long the deployment still cools down.
    pub(in crate::gateway) fn cooling(&self, now: Instant) -> Option<Duration> {
        let until = Duration::from_millis(self.cooling_until.load(Ordering::Relaxed));
        until.checked_sub(now.saturating_duration_since(self.since)).filter(|rest| !rest.is_zero())
    }

    pub(in crate::gateway) fn calls(&self) -> Calls {
        Calls {
            succeeded: self.succeeded.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }

    /// Counts a call that did not fail.
    pub(in crate::gateway) fn succeed(&self, now: Instant) {
        self.succeeded.fetch_add(1, Ordering::Relaxed);
        self.count(now, false);
    }

    /// Counts a failed call, after which the deployment may cool down. `own` is its own `cooldown_time`.
    pub(in crate::gateway) fn fail(
        &self,
        failure: Failure,
        rules: &Rules,
        own: Option<Duration>,
        now: Instant,
    ) {
        let minute = self.fail_alone(now);
        let is_too_much = match rules.allowed_fails(failure) {
            Some(allowed) => minute.failures > u64::from(allowed),
            None => {
                let is_half = minute.calls >= FEW_CALLS && minute.failures * 2 > minute.calls;
                is_half || failure.is_rate_limit() || !failure.may_pass()
            }
        };
        if rules.cools && (is_too_much || failure.retry_after().is_some()) {
            let until =
                now.saturating_duration_since(self.since) + rules.cooldown(failure.retry_after(), own);
            let until = u64::try_from(until.as_millis()).unwrap_or(u64::MAX);
            self.cooling_until.fetch_max(until, Ordering::Relaxed);
        }
    }

    /// Counts a failed call of a model's only deployment, which never cools down.
    pub(in crate::gateway) fn fail_alone(&self, now: Instant) -> Minute {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.count(now, true)
    }

    fn count(&self, now: Instant, failure: bool) -> Minute {
        let number = now.saturating_duration_since(self.since).as_secs() / 60;
        let more = |packed| Some(Minute::unpack(packed).counting(number, failure).pack());
        let before = self.minute.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        let (Ok(before) | Err(before)) = before;
        Minute::unpack(before).counting(number, failure)
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;
    use crate::config::Config;

    fn rules(settings: &str) -> Rules {
        let yaml = format!("model_list: []\nrouter_settings: {settings}\n");
        Rules::new(&Config::parse("c.yaml", &yaml, ".".as_ref(), &|_| None).unwrap())
    }

    const BROKEN: Failure = Failure::Answered(StatusCode::INTERNAL_SERVER_ERROR, None);

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn more_failures_in_a_minute_than_allowed_cool_a_deployment_down() {
        let (rules, start) = (rules("{allowed_fails: 2, cooldown_time: 30}"), Instant::now());
        let health = Health::new(start);
        for _ in 0..2 {
            health.fail(BROKEN, &rules, None, start);
        }
        assert_eq!(health.cooling(start), None);
        health.fail(Failure::Unreachable, &rules, None, start);
        assert_eq!(health.cooling(start), Some(seconds(30)));
        assert_eq!(health.cooling(start + seconds(29)), Some(seconds(1)));
        assert_eq!(health.cooling(start + seconds(30)), None);
        health.fail(BROKEN, &rules, None, start + seconds(60));
        assert_eq!(health.cooling(start + seconds(60)), None, "another minute");
        assert_eq!(health.calls(), Calls { succeeded: 0, failed: 4 });
    }

    #[test]
    fn without_a_number_a_deployment_cools_down_when_more_than_half_of_five_calls_fail() {
        let (rules, start) = (rules("{}"), Instant::now());
        let (bad, good) = (Health::new(start), Health::new(start));
        for health in [&bad, &good] {
            (0..2).for_each(|_| health.succeed(start));
            (0..2).for_each(|_| health.fail(BROKEN, &rules, None, start));
        }
        good.succeed(start);
        bad.fail(BROKEN, &rules, None, start);
        assert_eq!(bad.cooling(start), Some(seconds(5)));
        assert_eq!(good.cooling(start), None);
    }

    #[test]
    fn a_rate_limit_and_a_wrong_key_cool_down_at_once_unless_failures_are_allowed() {
        let start = Instant::now();
        for status in [StatusCode::TOO_MANY_REQUESTS, StatusCode::UNAUTHORIZED] {
            for (settings, rest) in [("{}", Some(seconds(5))), ("{allowed_fails: 1}", None)] {
                let health = Health::new(start);
                health.fail(Failure::Answered(status, None), &rules(settings), None, start);
                assert_eq!(health.cooling(start), rest, "{status} {settings}");
            }
        }
    }

    #[test]
    fn nothing_cools_down_where_that_is_disabled() {
        let (rules, start) = (rules("{disable_cooldowns: true, allowed_fails: 0}"), Instant::now());
        let health = Health::new(start);
        health.fail(Failure::Answered(StatusCode::TOO_MANY_REQUESTS, Some(seconds(9))), &rules, None, start);
        assert_eq!(health.cooling(start), None);
    }

    #[test]
    fn a_deployment_cools_down_for_as_long_as_it_asks() {
        let (rules, start) = (rules("{allowed_fails: 9}"), Instant::now());
        for (status, rest) in [(429, 17), (503, 3), (500, 1)] {
            let health = Health::new(start);
            let status = StatusCode::from_u16(status).unwrap();
            health.fail(Failure::Answered(status, Some(seconds(rest))), &rules, None, start);
            assert_eq!(health.cooling(start), Some(seconds(rest)));
        }
    }
}
