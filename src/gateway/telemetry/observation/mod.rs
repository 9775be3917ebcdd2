//! Observes one request through its steps.
//!
//! In come the steps of a request as facts. Out go metrics, spans and a line of the decision log, which `line` fills from the
//! types of the other modules.

mod line;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};

use line::{access, input, line, logged, name, note, served};

use super::metrics::Stage;
use super::observers::Observers;
use super::spans::Spans;
use crate::config::Mode;
use crate::decision_log::{DecisionLog, Line, ShadowDecision, Verdict, cut};
use crate::display::escape;
use crate::engine::{AccessQuery, Decision, Denied, Permit, Rule, Snapshot};
use crate::gateway::clock::Timestamp;
use crate::gateway::error_chain::causes;
use crate::gateway::http::error_response::{BodyError, Refusal};
use crate::gateway::limits::counter::CounterGuard;
use crate::gateway::limits::per_caller::CallerGuard;
use crate::gateway::target::Called;
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::ApiCall;

/// The reason why an upstream call failed after the answer had begun.
const BROKE_OFF: &str = "upstream_broke_off";

/// The facts about a request so far. They are reported once: when the answer begins, or when the request is dropped.
pub(in crate::gateway) struct Observation {
    observers: Arc<Observers>,
    began: Timestamp,
    stage_began: Instant,
    reported: bool,
    generation: u64,
    decided: Option<Decided>,
    /// For the decision log, if there is one, and for operators who watch.
    line: Option<Box<Line>>,
    /// Whether operators who watch see this request.
    is_watched: bool,
    claims: Option<Arc<Map<String, Value>>>,
    /// For traces, if they are enabled.
    spans: Option<Box<Spans>>,
    /// The request's shares of the limits, held until its answer has ended.
    places: (Option<CounterGuard>, Option<CallerGuard>),
}

/// The parts of a decision that telemetry needs.
struct Decided {
    rule: Option<Rule>,
    /// Whether the rules deny, enforced or not.
    denies: bool,
    disputed: bool,
}

impl Observation {
    pub(in crate::gateway) fn begin(
        observers: &Arc<Observers>,
        head: &Parts,
        request_id: &HeaderValue,
    ) -> Self {
        let now = Timestamp::now();
        observers.metrics.began();
        let is_watched = observers.recent().is_some_and(|recent| recent.wants(now.monotonic));
        let has_line = is_watched || observers.log().is_some();
        Self {
            spans: observers.traces.get().map(|traces| Box::new(Spans::begin(traces, head))),
            line: has_line.then(|| Box::new(line(head, request_id, now.wall))),
            is_watched,
            observers: Arc::clone(observers),
            began: now,
            stage_began: now.monotonic,
            reported: false,
            generation: 0,
            decided: None,
            claims: None,
            places: (None, None),
        }
    }

    /// The time when the head of the request had arrived.
    pub(in crate::gateway) fn began(&self) -> Timestamp {
        self.began
    }

    /// Counts the request among all in flight.
    pub(in crate::gateway) fn admitted(&mut self, place: CounterGuard) {
        self.places.0 = Some(place);
    }

    /// Counts the request among those of its caller.
    pub(in crate::gateway) fn caller_admitted(&mut self, place: CallerGuard) {
        self.places.1 = Some(place);
    }

    /// Records the generation of the rules.
    pub(in crate::gateway) fn record_snapshot(&mut self, snapshot: &Snapshot) {
        self.generation = snapshot.generation();
        if let Some(spans) = &mut self.spans {
            spans.record_snapshot(snapshot.config());
        }
        if let Some(line) = &mut self.line {
            let is_log_only = snapshot.config().gateway.mode == Mode::LogOnly;
            line.mode = is_log_only.then_some(Cow::Borrowed("log_only"));
        }
    }

    /// Records that the request is judged again, because its previous judgment is no longer valid.
    pub(in crate::gateway) fn judged_again(&mut self) {
        self.decided = None;
        self.claims = None;
        if let Some(line) = &mut self.line {
            line.caller = None;
            line.policies = Vec::new();
            line.shadow = Vec::new();
            line.unenforced = None;
            line.shadow_config = None;
            line.decision_us = None;
            line.input = None;
            line.served = None;
        }
    }

    /// The time now.
    pub(in crate::gateway) fn now(&self) -> Timestamp {
        self.began.after(self.began.monotonic.elapsed())
    }

    /// Records that the credential was verified or refused.
    pub(in crate::gateway) fn authenticated(&mut self, caller: Option<&Caller>) {
        self.finish(Stage::Authenticate);
        if let (Some(line), Some(caller)) = (&mut self.line, caller) {
            line.caller = Some(logged(caller));
            self.claims = caller.claims();
        }
    }

    /// Records that the request was read now.
    pub(in crate::gateway) fn received_at(&mut self) -> SystemTime {
        self.finish(Stage::ReadBody);
        let elapsed = self.stage_began.saturating_duration_since(self.began.monotonic);
        self.began.after(elapsed).wall
    }

    /// Records the parsed request without its body.
    pub(in crate::gateway) fn record_call(&mut self, call: &ApiCall) {
        if let Some(spans) = &mut self.spans {
            spans.read(call);
        }
        let replayable = self.observers.log().is_some_and(DecisionLog::replayable);
        if let Some(line) = &mut self.line {
            line.route = cut(call.route().as_str());
            line.models = call.models().map(name).collect();
            line.input = replayable.then(|| Box::new(input(call, self.claims.take())));
        }
    }

    /// Records a question that is not about a request of an LLM API.
    pub(in crate::gateway) fn record_access(&mut self, query: &AccessQuery<'_>) {
        if let Some(line) = &mut self.line {
            line.access = Some(Box::new(access(query)));
        }
    }

    /// Records the decision.
    pub(in crate::gateway) fn decided(&mut self, snapshot: &Snapshot, outcome: Result<&Decision, &Denied>) {
        let took = self.finish(Stage::Decide);
        let (decision, rule) = match outcome {
            Ok(decision) => (decision, None),
            Err(denied) => (&*denied.decision, Some(denied.rule)),
        };
        self.observers.metrics.decided(snapshot, decision, rule);
        if let Some(spans) = &mut self.spans {
            spans.decided(decision, rule);
        }
        if let Some(rule) = decision.unenforced {
            tracing::info!(
                mode = "log_only", rule = rule.as_str(), policies = ?decision.policies, user = decision.user_id.as_deref(),
                team = decision.team_id.as_deref(), generation = decision.generation, "denied, and not enforced"
            );
        }
        if !decision.shadow.is_empty() {
            tracing::info!(policies = ?decision.shadow, "shadow policies disagree");
        }
        let denies = rule.is_some() || decision.unenforced.is_some();
        let disputed = !decision.shadow.is_empty() || decision.unenforced.is_some();
        self.decided = Some(Decided { rule, denies, disputed });
        if let Some(line) = &mut self.line {
            note(line, decision, took);
        }
    }

    /// Records the decision of the shadow rules, if it differs.
    pub(in crate::gateway) fn compared(&mut self, outcome: &Result<Decision, Box<Denied>>) {
        let Some(decided) = self.decided.as_mut() else { return };
        let (decision, rule) = match outcome {
            Ok(decision) => (decision, None),
            Err(denied) => (&*denied.decision, Some(denied.rule)),
        };
        if decided.denies == rule.is_some() {
            return;
        }
        decided.disputed = true;
        self.observers.metrics.shadow_disagreed(decision, rule);
        let verdict = if rule.is_none() { Verdict::Allowed } else { Verdict::Denied };
        let rule = rule.map(|rule| Cow::Borrowed(rule.as_str()));
        tracing::info!(%verdict, rule = rule.as_deref(), policies = ?decision.policies, "the shadow configuration disagrees");
        if let Some(line) = &mut self.line {
            line.shadow_config = Some(ShadowDecision { verdict, rule, policies: decision.policies.to_vec() });
        }
    }

    /// Records that the upstream is called next. `headers` are those it gets.
    pub(in crate::gateway) fn calls(&mut self, call: &ApiCall, target: Called<'_>, headers: &mut HeaderMap) {
        if let (Some(spans), Some(traces)) = (&mut self.spans, self.observers.traces.get()) {
            spans.call(traces, call, target, headers);
        }
    }

    /// Records that the upstream's response began, or that there will be none.
    pub(in crate::gateway) fn upstream(&mut self, answered: Result<StatusCode, &Refusal>) {
        self.finish(Stage::Upstream);
        if let Some(spans) = &mut self.spans {
            spans.upstream_answered(answered);
        }
        match answered {
            Ok(status) => self.observers.metrics.upstream_answered(status),
            Err(refusal) => self.observers.metrics.upstream_failed(refusal.code()),
        }
    }

    /// Records the deployment that gets the request next, as the attempt of this number.
    pub(in crate::gateway) fn served(
        &mut self,
        deployment: &str,
        permit: &Permit,
        attempt: u32,
        is_fallback: bool,
    ) {
        if let Some(line) = &mut self.line {
            line.served = served(deployment, permit, attempt, is_fallback).map(Box::new);
        }
    }

    /// Records that the request is sent again.
    pub(in crate::gateway) fn retries(&mut self) {
        self.observers.metrics.retried();
    }

    /// Records the decision of a fallback.
    pub(in crate::gateway) fn falls_back(&mut self, model: &ModelName, is_permitted: bool) {
        let model = escape(model.as_str());
        tracing::info!(%model, is_permitted, "a fallback was judged");
        self.observers.metrics.fell_back(is_permitted);
    }

    /// Records that the answer begins.
    pub(in crate::gateway) fn answered(&mut self, status: StatusCode, refusal: Option<&Refusal>) {
        self.tell(Some(status), refusal);
    }

    /// Records that the upstream's response ended too early, and so the caller's.
    pub(in crate::gateway) fn broke_off(&mut self, error: &BodyError) {
        tracing::warn!("the upstream's response ended early: {}", causes(error));
        self.observers.metrics.upstream_failed(BROKE_OFF);
        if let Some(spans) = &mut self.spans {
            spans.broke_off(BROKE_OFF);
        }
    }

    /// A message of a WebSocket was judged, and no answer follows. One that is not worth a line gets none.
    pub(in crate::gateway) fn message_judged(&mut self, refusal: Option<&Refusal>, has_line: bool) {
        self.line = self.line.take().filter(|_| has_line || refusal.is_some());
        self.tell(None, refusal);
    }

    /// Hands over the places that the request takes, to what outlives its answer.
    pub(in crate::gateway) fn take_places(&mut self) -> (Option<CounterGuard>, Option<CallerGuard>) {
        std::mem::take(&mut self.places)
    }

    /// Ends a stage and records its duration.
    fn finish(&mut self, stage: Stage) -> Duration {
        let now = Instant::now();
        let took = now.saturating_duration_since(std::mem::replace(&mut self.stage_began, now));
        self.observers.metrics.took(stage, took);
        took
    }

    fn verdict(&self, refusal: Option<&Refusal>) -> Verdict {
        match (&self.decided, refusal) {
            (Some(Decided { rule: Some(_), .. }), _) => Verdict::Denied,
            (Some(_), Some(_)) => Verdict::Failed,
            (None, Some(_)) => Verdict::Refused,
            (_, None) => Verdict::Allowed,
        }
    }

    fn tell(&mut self, status: Option<StatusCode>, refusal: Option<&Refusal>) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        let (verdict, code) = (self.verdict(refusal), refusal.map(Refusal::code));
        self.observers.metrics.concluded(verdict, code);
        if let Some(limit) = refusal.and_then(Refusal::limit) {
            self.observers.metrics.limited(limit);
        }
        if let Some(spans) = &mut self.spans {
            spans.answered(verdict, status, refusal);
        }
        let Some(mut line) = self.line.take() else { return };
        let rule = self.decided.as_ref().and_then(|decided| decided.rule);
        line.verdict = verdict;
        line.status = status.map(|status| status.as_u16());
        line.code = code.map(Cow::Borrowed);
        line.rule = rule.map(|rule| Cow::Borrowed(rule.as_str()));
        line.reason = refusal.and_then(Refusal::token_reason).map(Cow::Borrowed);
        line.generation = self.generation;
        if let Some(recent) = self.observers.recent().filter(|_| self.is_watched) {
            let latency = self.began.monotonic.elapsed();
            if self.observers.log().is_none() {
                return recent.record(*line, latency);
            }
            recent.record((*line).clone(), latency);
        }
        self.log(line);
    }

    /// Writes the line to the decision log, unless it is left out by sampling.
    fn log(&self, mut line: Box<Line>) {
        let Some(log) = self.observers.log() else { return };
        let disputed = self.decided.as_ref().is_some_and(|decided| decided.disputed);
        let share = log.sample_allowed();
        if line.verdict == Verdict::Allowed && !disputed && share < 1.0 {
            if !is_in_sample(share) {
                return;
            }
            line.sample = Some(share);
        }
        log.write(line);
    }
}

impl Drop for Observation {
    fn drop(&mut self) {
        // The caller disconnected. The decision still counts, because the upstream may have received the request.
        if !self.reported {
            if self.decided.is_some() {
                self.tell(None, None);
            } else {
                self.observers.metrics.abandoned();
            }
        }
        self.observers.metrics.ended(self.began.monotonic.elapsed());
    }
}

/// The sample is random and does not use the request's id, which the caller may choose. If randomness fails, everything
/// is logged.
fn is_in_sample(share: f64) -> bool {
    let mut random = [0_u8; 4];
    aws_lc_rs::rand::fill(&mut random).is_err()
        || f64::from(u32::from_ne_bytes(random)) < share * f64::from(u32::MAX)
}
