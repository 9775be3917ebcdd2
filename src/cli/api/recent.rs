//! `metrics/recent`: rates and latencies of the last hour, from memory. Requests do nothing for it: the counters of `/metrics` are
//! read every ten seconds.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::MissedTickBehavior;

use crate::decision_log::Verdict;
use crate::gateway::Observers;
use crate::gateway::admin::state;
use crate::gateway::telemetry::{RecentDecisions, Totals};

/// The length of an interval.
const INTERVAL: Duration = Duration::from_secs(10);
/// The number of intervals of an hour.
const MOST: usize = 360;

/// The intervals of the last hour.
#[derive(Debug, Default)]
pub(super) struct History(Mutex<VecDeque<Interval>>);

/// What happened in an interval.
#[derive(Debug)]
struct Interval {
    ended: SystemTime,
    allowed: u64,
    denied: u64,
    errors: u64,
    p50: Option<f64>,
    p99: Option<f64>,
    denials: Vec<(&'static str, u64)>,
    denied_models: HashMap<String, u64>,
    shadow: [u64; 3],
}

/// Adds an interval every ten seconds. Never ends.
pub(super) async fn follow(
    observers: Arc<Observers>,
    decisions: Arc<RecentDecisions>,
    history: Arc<History>,
) {
    let mut before = observers.metrics().totals();
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let now = observers.metrics().totals();
        history.add(Interval::between(&before, &now, decisions.take_denied_models()));
        before = now;
    }
}

impl History {
    fn add(&self, interval: Interval) {
        let mut intervals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        intervals.push_back(interval);
        if intervals.len() > MOST {
            intervals.pop_front();
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let intervals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let start = intervals.front().map_or_else(SystemTime::now, |first| first.ended - INTERVAL);
        let (mut by_rule, mut by_model) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new());
        let mut shadow = [0; 3];
        for interval in &*intervals {
            for (rule, count) in interval.denials.iter().filter(|(_, count)| *count > 0) {
                *by_rule.entry(rule).or_default() += count;
            }
            for (model, count) in &interval.denied_models {
                *by_model.entry(model).or_default() += count;
            }
            shadow.iter_mut().zip(interval.shadow).for_each(|(sum, count)| *sum += count);
        }
        let series = |of: fn(&Interval) -> Value| intervals.iter().map(of).collect::<Value>();
        let [policies, config, unenforced] = shadow;
        json!({
            "interval_seconds": INTERVAL.as_secs(),
            "start": state::time(start),
            "series": {
                "allowed": series(|interval| json!(interval.allowed)),
                "denied": series(|interval| json!(interval.denied)),
                "errors": series(|interval| json!(interval.errors)),
                "p50_ms": series(|interval| json!(interval.p50)),
                "p99_ms": series(|interval| json!(interval.p99)),
            },
            "denied_by_rule": by_rule,
            "denied_by_model": by_model,
            "shadow": {"policies": policies, "config": config, "unenforced": unenforced},
        })
    }
}

impl Interval {
    fn between(before: &Totals, now: &Totals, denied_models: HashMap<String, u64>) -> Self {
        let verdicts = |verdict: Verdict| {
            let of = |totals: &Totals| -> u64 {
                totals.verdicts.iter().find(|(known, _)| *known == verdict).map_or(0, |(_, count)| *count)
            };
            of(now).saturating_sub(of(before))
        };
        let denials = now.denials.iter().zip(&before.denials);
        let durations: Vec<(f64, u64)> = now
            .durations
            .iter()
            .zip(&before.durations)
            .map(|((bound, now), (_, before))| (*bound, now.saturating_sub(*before)))
            .collect();
        let requests = now.requests.saturating_sub(before.requests);
        let percentile = |share: f64| percentile(&durations, requests, share).map(|seconds| seconds * 1000.0);
        Self {
            ended: SystemTime::now(),
            allowed: verdicts(Verdict::Allowed),
            denied: verdicts(Verdict::Denied),
            errors: verdicts(Verdict::Refused) + verdicts(Verdict::Failed),
            p50: percentile(0.5),
            p99: percentile(0.99),
            denials: denials.map(|((rule, now), (_, before))| (*rule, now.saturating_sub(*before))).collect(),
            denied_models,
            shadow: [
                now.shadow_policies.saturating_sub(before.shadow_policies),
                now.shadow_config.saturating_sub(before.shadow_config),
                now.unenforced.saturating_sub(before.unenforced),
            ],
        }
    }
}

/// The duration that this share of requests does not exceed, by linear interpolation within its bucket, as Prometheus'
/// `histogram_quantile` estimates it. Requests over the last bound count as long as that bound.
fn percentile(cumulative: &[(f64, u64)], requests: u64, share: f64) -> Option<f64> {
    if requests == 0 {
        return None;
    }
    // Counts of ten seconds are exact as floats.
    let rank = requests as f64 * share;
    let (mut lower, mut below) = (0.0, 0);
    for (bound, count) in cumulative {
        if *count as f64 >= rank && *count > below {
            return Some(lower + (bound - lower) * (rank - below as f64) / (count - below) as f64);
        }
        (lower, below) = (*bound, *count);
    }
    Some(lower)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_interpolated_within_its_bucket() {
        let buckets = [(0.001, 10), (0.005, 30), (0.01, 40)];
        assert_eq!(percentile(&buckets, 40, 0.5), Some(0.001 + 0.004 * 0.5));
        assert_eq!(percentile(&buckets, 40, 0.25), Some(0.001));
        assert_eq!(percentile(&buckets, 80, 0.99), Some(0.01));
        assert_eq!(percentile(&buckets, 0, 0.5), None);
    }

    #[test]
    fn an_hour_is_kept_and_summed() {
        let totals = |count: u64| Totals {
            verdicts: vec![
                (Verdict::Allowed, count * 3),
                (Verdict::Denied, count),
                (Verdict::Refused, count),
            ],
            denials: vec![("R2.model", count), ("R9.floor", 0)],
            durations: vec![(0.001, count * 5)],
            requests: count * 5,
            shadow_policies: count,
            ..Totals::default()
        };
        let history = History::default();
        for i in 0..400 {
            let denied = HashMap::from([("gpt-4o".to_owned(), 1)]);
            history.add(Interval::between(&totals(i), &totals(i + 1), denied));
        }
        let json = history.to_json();
        assert_eq!(json["series"]["allowed"].as_array().map(Vec::len), Some(360));
        assert_eq!(json["series"]["allowed"][0], 3);
        assert_eq!(json["denied_by_rule"], json!({"R2.model": 360}));
        assert_eq!(json["denied_by_model"], json!({"gpt-4o": 360}));
        assert_eq!(json["shadow"], json!({"policies": 360, "config": 0, "unenforced": 0}));
        assert!(json["series"]["p50_ms"][0].as_f64().is_some_and(|p50| p50 > 0.0 && p50 < 1.0));
    }
}
