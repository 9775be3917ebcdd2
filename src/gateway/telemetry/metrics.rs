//! Counters and histograms that follow Prometheus' conventions. Requests only use atomics.

use std::fmt::Display;
use std::sync::OnceLock;
use std::time::Duration;

use http::StatusCode;
#[cfg(feature = "cli")]
use prometheus::core::{Collector as _, Metric as _};
use prometheus::{Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts};

use super::families::Families;
use super::policies::PolicyCounters;
use crate::decision_log::Verdict;
use crate::engine::{Decision, Rule, Snapshot};
use crate::gateway::limits::limit::Limit;

/// The range covers decisions of microseconds and answers of minutes.
const BUCKETS: [f64; 16] =
    [1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0];
const STATUSES: usize = 1000;

/// A stage of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Until the token is verified.
    Authenticate,
    /// Until the body is read and the request is classified.
    ReadBody,
    /// The decision only.
    Decide,
    /// From the decision to the head of the upstream's response.
    Upstream,
}

impl Stage {
    const ALL: [Self; 4] = [Self::Authenticate, Self::ReadBody, Self::Decide, Self::Upstream];

    fn as_str(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::ReadBody => "read_body",
            Self::Decide => "decide",
            Self::Upstream => "upstream",
        }
    }
}

/// The counters, gauges and histograms of the gateway. `docs/reference/metrics.md` lists them.
#[derive(Debug)]
pub struct Metrics {
    pub(super) families: Families,
    decisions: Vec<(Verdict, IntCounter)>,
    denials: Vec<(Rule, IntCounter)>,
    unenforced: Vec<(Rule, IntCounter)>,
    refusals: IntCounterVec,
    abandoned: IntCounter,
    policies: PolicyCounters,
    shadow_config: IntCounterVec,
    stages: Vec<(Stage, Histogram)>,
    requests: Histogram,
    upstream: IntCounterVec,
    /// One counter per status, so that no lookup needs a lock.
    upstream_by_status: Vec<OnceLock<IntCounter>>,
    upstream_failures: IntCounterVec,
    retries: IntCounter,
    fallbacks: Vec<(bool, IntCounter)>,
    in_flight: IntGauge,
    reloads: Vec<(bool, IntCounter)>,
    limits: Vec<(Limit, IntCounter)>,
    not_accepted: IntCounter,
    tokens: Vec<(bool, IntCounter)>,
    sockets: IntGauge,
    frames: Vec<(bool, IntCounter)>,
    denied_frames: IntCounter,
}

/// The totals since the start, for rates.
#[cfg(feature = "cli")]
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) verdicts: Vec<(Verdict, u64)>,
    /// Denials by rule.
    pub(crate) denials: Vec<(&'static str, u64)>,
    /// The requests that took at most so many seconds. Those that took longer are in none.
    pub(crate) durations: Vec<(f64, u64)>,
    pub(crate) requests: u64,
    /// Disagreements of shadow policies, and of the shadow configuration.
    pub(crate) shadow_policies: u64,
    pub(crate) shadow_config: u64,
    pub(crate) unenforced: u64,
}

impl Metrics {
    pub(super) fn new() -> prometheus::Result<Self> {
        let mut families = Families::default();
        let info = Opts::new("modelgate_build_info", "Always 1. The label has the version of modelgate.");
        let info = IntGauge::with_opts(info.const_label("version", env!("CARGO_PKG_VERSION")))?;
        info.set(1);
        families.add(info)?;

        let decisions = "Requests by verdict: allowed, denied, refused or failed.";
        let decisions = families.counters("modelgate_decisions_total", decisions, &["verdict"])?;
        let denials = "Denials by the rule that the response reports.";
        let denials = families.counters("modelgate_denials_total", denials, &["rule"])?;
        let unenforced = "Denials that `modelgate.mode: log_only` does not enforce, by rule.";
        let unenforced = families.counters("modelgate_unenforced_denials_total", unenforced, &["rule"])?;
        let reloads = "Reloads by outcome: success, or failure (the previous configuration stays active).";
        let reloads = families.counters("modelgate_reloads_total", reloads, &["outcome"])?;
        let limits = "Requests and connections that reached a limit, by limit.";
        let limits = families.counters("modelgate_limits_total", limits, &["limit"])?;
        let tokens = "Accepted tokens: true if the token was in the cache of verified tokens, else false.";
        let tokens = families.counters("modelgate_accepted_tokens_total", tokens, &["known"])?;
        let frames = "Messages that WebSockets passed on, by direction: upstream or caller.";
        let frames = families.counters("modelgate_websocket_frames_total", frames, &["to"])?;
        let fallbacks = "Fallbacks that the rules allowed or denied to the caller of a request that failed.";
        let fallbacks = families.counters("modelgate_fallbacks_total", fallbacks, &["verdict"])?;
        let stages = "Duration of a stage of a request: authenticate, read_body, decide, or upstream (until the \
                      head of the response).";
        let stages = HistogramOpts::new("modelgate_stage_duration_seconds", stages).buckets(BUCKETS.to_vec());
        let stages = families.add(HistogramVec::new(stages, &["stage"])?)?;
        let requests = "Duration of a request, from its head to the end of its response.";
        let requests =
            HistogramOpts::new("modelgate_request_duration_seconds", requests).buckets(BUCKETS.to_vec());
        Ok(Self {
            decisions: children(&decisions, Verdict::ALL, Verdict::as_str)?,
            denials: children(&denials, Rule::ALL, Rule::as_str)?,
            unenforced: children(&unenforced, Rule::ALL, Rule::as_str)?,
            refusals: families.counters(
                "modelgate_refusals_total",
                "Requests that were refused or failed, by the `error.code` of the response.",
                &["code"],
            )?,
            abandoned: families.add(IntCounter::new(
                "modelgate_abandoned_requests_total",
                "Requests whose caller disconnected before a decision.",
            )?)?,
            policies: PolicyCounters::new(
                families.counters(
                    "modelgate_policy_decisions_total",
                    "Decisions by deciding policy: permits of allowed requests, forbids of denied ones.",
                    &["policy"],
                )?,
                families.counters(
                    "modelgate_shadow_disagreements_total",
                    "Decisions that a shadow policy would have changed, by policy.",
                    &["policy"],
                )?,
            ),
            shadow_config: families.counters(
                "modelgate_shadow_config_disagreements_total",
                "Decisions that the shadow configuration would have made differently, by its verdict and \
                 deciding policy. If no policy decided, `policy` is the rule.",
                &["verdict", "policy"],
            )?,
            stages: Stage::ALL
                .into_iter()
                .map(|stage| Ok((stage, stages.get_metric_with_label_values(&[stage.as_str()])?)))
                .collect::<prometheus::Result<_>>()?,
            requests: families.add(Histogram::with_opts(requests)?)?,
            upstream: families.counters(
                "modelgate_upstream_responses_total",
                "Responses of upstreams by status.",
                &["status"],
            )?,
            upstream_by_status: std::iter::repeat_with(OnceLock::new).take(STATUSES).collect(),
            upstream_failures: families.counters(
                "modelgate_upstream_failures_total",
                "Upstream calls without a complete response, by the `error.code` that the caller got, or \
                 `upstream_broke_off` if the response had begun.",
                &["code"],
            )?,
            retries: families.add(IntCounter::new(
                "modelgate_upstream_retries_total",
                "Requests that were sent again for the same model, to the same deployment or another one.",
            )?)?,
            fallbacks: children(&fallbacks, [true, false], |good| if good { "allowed" } else { "denied" })?,
            in_flight: families.add(IntGauge::new(
                "modelgate_requests_in_flight",
                "Requests whose response has not ended.",
            )?)?,
            limits: children(&limits, Limit::ALL, Limit::as_str)?,
            not_accepted: families.add(IntCounter::new(
                "modelgate_accept_failures_total",
                "Failed attempts to accept a connection, for example because file descriptors ran out.",
            )?)?,
            sockets: families
                .add(IntGauge::new("modelgate_websocket_connections", "Open WebSockets of callers.")?)?,
            frames: children(&frames, [true, false], |up| if up { "upstream" } else { "caller" })?,
            denied_frames: families.add(IntCounter::new(
                "modelgate_websocket_denied_frames_total",
                "Messages of callers that WebSockets did not pass on, because they were denied or refused.",
            )?)?,
            tokens: children(&tokens, [true, false], |known| known)?,
            reloads: children(&reloads, [true, false], |good| if good { "success" } else { "failure" })?,
            families,
        })
    }

    /// The totals since the start.
    #[cfg(feature = "cli")]
    pub(crate) fn totals(&self) -> Totals {
        let histogram = self.requests.metric();
        let buckets = histogram.get_histogram().get_bucket().iter();
        let sum = |family: &IntCounterVec| -> u64 {
            let counters = family.collect();
            let counters = counters.iter().flat_map(|family| family.get_metric());
            // Counters of whole numbers are exact up to 2^53.
            counters.map(|metric| metric.get_counter().get_value() as u64).sum()
        };
        let named = |counters: &[(Rule, IntCounter)]| -> Vec<(&'static str, u64)> {
            counters.iter().map(|(rule, counter)| (rule.as_str(), counter.get())).collect()
        };
        Totals {
            verdicts: self.decisions.iter().map(|(verdict, counter)| (*verdict, counter.get())).collect(),
            denials: named(&self.denials),
            durations: buckets.map(|bucket| (bucket.upper_bound(), bucket.cumulative_count())).collect(),
            requests: histogram.get_histogram().get_sample_count(),
            shadow_policies: sum(self.policies.disagreements()),
            shadow_config: sum(&self.shadow_config),
            unenforced: named(&self.unenforced).iter().map(|(_, count)| count).sum(),
        }
    }

    /// Counts a reload.
    pub fn reloaded(&self, good: bool) {
        count(&self.reloads, good);
    }

    /// Counts a request or a connection that reached a limit.
    pub(in crate::gateway) fn limited(&self, limit: Limit) {
        count(&self.limits, limit);
    }

    /// Counts a WebSocket that was opened or, if not, closed.
    pub(in crate::gateway) fn socket(&self, opened: bool) {
        if opened { self.sockets.inc() } else { self.sockets.dec() }
    }

    /// Counts a message that a WebSocket passed on, to the upstream or else to the caller.
    pub(in crate::gateway) fn frame(&self, to_upstream: bool) {
        count(&self.frames, to_upstream);
    }

    /// Counts a message that was not passed on.
    pub(in crate::gateway) fn denied_frame(&self) {
        self.denied_frames.inc();
    }

    /// Counts a connection that could not be accepted.
    pub(in crate::gateway) fn not_accepted(&self) {
        self.not_accepted.inc();
    }

    /// Counts a token that was accepted.
    pub(in crate::gateway) fn accepted_token(&self, known: bool) {
        count(&self.tokens, known);
    }

    pub(super) fn began(&self) {
        self.in_flight.inc();
    }

    pub(super) fn ended(&self, after: Duration) {
        self.in_flight.dec();
        self.requests.observe(after.as_secs_f64());
    }

    pub(super) fn took(&self, stage: Stage, time: Duration) {
        if let Some((_, histogram)) = self.stages.iter().find(|(known, _)| *known == stage) {
            histogram.observe(time.as_secs_f64());
        }
    }

    pub(super) fn decided(&self, snapshot: &Snapshot, decision: &Decision, rule: Option<Rule>) {
        self.policies.count(snapshot, decision);
        if let Some(rule) = rule {
            count(&self.denials, rule);
        }
        if let Some(rule) = decision.unenforced {
            count(&self.unenforced, rule);
        }
    }

    pub(super) fn concluded(&self, verdict: Verdict, code: Option<&str>) {
        count(&self.decisions, verdict);
        if matches!(verdict, Verdict::Refused | Verdict::Failed) {
            count_one(&self.refusals, code.unwrap_or_default());
        }
    }

    /// Counts a decision that the shadow configuration would have made differently, by the policies that decided there. If no
    /// policy decided, the rule is counted.
    pub(super) fn shadow_disagreed(&self, decision: &Decision, rule: Option<Rule>) {
        let verdict = if rule.is_none() { Verdict::Allowed } else { Verdict::Denied };
        let count = |policy: &str| {
            if let Ok(counter) = self.shadow_config.get_metric_with_label_values(&[verdict.as_str(), policy])
            {
                counter.inc();
            }
        };
        match rule {
            Some(rule) if decision.policies.is_empty() => count(rule.as_str()),
            _ => decision.policies.iter().for_each(|policy| count(policy)),
        }
    }

    pub(super) fn abandoned(&self) {
        self.abandoned.inc();
    }

    pub(super) fn upstream_answered(&self, status: StatusCode) {
        let Some(slot) = self.upstream_by_status.get(usize::from(status.as_u16())) else { return };
        match slot.get() {
            Some(counter) => counter.inc(),
            None => {
                if let Ok(counter) = self.upstream.get_metric_with_label_values(&[status.as_str()]) {
                    slot.get_or_init(|| counter).inc();
                }
            }
        }
    }

    pub(in crate::gateway) fn retried(&self) {
        self.retries.inc();
    }

    pub(super) fn fell_back(&self, is_permitted: bool) {
        count(&self.fallbacks, is_permitted);
    }

    pub(super) fn upstream_failed(&self, code: &str) {
        count_one(&self.upstream_failures, code);
    }
}

/// Creates a counter for each value at the start, so that its first increase is visible.
fn children<K: Copy, L: Display, const N: usize>(
    family: &IntCounterVec,
    values: [K; N],
    label: impl Fn(K) -> L,
) -> prometheus::Result<Vec<(K, IntCounter)>> {
    let child = |value| Ok((value, family.get_metric_with_label_values(&[label(value).to_string()])?));
    values.into_iter().map(child).collect()
}

fn count<K: PartialEq>(children: &[(K, IntCounter)], value: K) {
    if let Some((_, counter)) = children.iter().find(|(known, _)| *known == value) {
        counter.inc();
    }
}

/// For rare events: looks the counter up under a lock.
fn count_one(family: &IntCounterVec, label: &str) {
    if let Ok(counter) = family.get_metric_with_label_values(&[label]) {
        counter.inc();
    }
}
