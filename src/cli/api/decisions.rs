//! `decisions`: the newest decisions, as a page or as a stream.

use std::sync::Arc;

use http::header::ACCEPT;
use http::request::Parts;
use serde_json::{Value, json};

use super::Api;
use super::answer::{ApiError, Query, json_answer};
use super::stream;
use crate::decision_log::{Line, Verdict};
use crate::gateway::admin::{ApiAnswer, ApiRequest, state};
use crate::gateway::telemetry::Recorded;

/// Which decisions to show.
#[derive(Debug, Default)]
pub(super) struct Filter {
    verdict: Option<Verdict>,
    rule: Option<String>,
    role: Option<String>,
    team: Option<String>,
    model: Option<String>,
}

impl Api {
    pub(super) fn recent_decisions(&self, request: ApiRequest) -> Result<ApiAnswer, ApiError> {
        let known = ["limit", "before", "verdict", "rule", "role", "team", "model"];
        let query = Query::of(&request.head, &known)?;
        let filter = Filter::of(&query)?;
        let limit = query.number("limit", 1..=1000, 100)?;
        let before = query.number("before", 0..=usize::MAX, usize::MAX)?;
        if wants_stream(&request.head) {
            let place = Arc::clone(&self.streams).try_acquire_owned();
            let place = place.map_err(|_| ApiError::Unavailable("too many streams: close one"))?;
            let decisions = Arc::clone(&self.decisions);
            let reloader = Arc::clone(&self.reloader);
            return Ok(stream::answer(stream::Stream { _place: place, decisions, reloader, filter, stopping: request.stopping }));
        }
        let before = u64::try_from(before).unwrap_or(u64::MAX);
        let mut found = self.decisions.before(before);
        found.retain(|recorded| filter.shows(&recorded.line));
        let next = found.get(limit - 1).filter(|_| found.len() > limit).map(|last| last.number.to_string());
        let shown: Vec<Value> = found.iter().take(limit).map(|recorded| decision(recorded)).collect();
        Ok(json_answer(&json!({"decisions": shown, "next": next})))
    }
}

fn wants_stream(head: &Parts) -> bool {
    let accepted = head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut kinds = accepted.flat_map(|value| value.split(','));
    kinds.any(|kind| {
        kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("text/event-stream")
    })
}

impl Filter {
    fn of(query: &Query) -> Result<Self, ApiError> {
        let text = |name: &str| query.text(name).map(str::to_owned);
        let verdict = query.text("verdict").map(|name| {
            let named = Verdict::ALL.into_iter().find(|verdict| verdict.as_str() == name);
            named.ok_or_else(|| {
                ApiError::Request("`verdict` must be `allowed`, `denied`, `refused` or `failed`".to_owned())
            })
        });
        Ok(Self {
            verdict: verdict.transpose()?,
            rule: text("rule"),
            role: text("role"),
            team: text("team"),
            model: text("model"),
        })
    }

    pub(super) fn shows(&self, line: &Line) -> bool {
        let Self { verdict, rule, role, team, model } = self;
        let caller = line.caller.as_ref();
        verdict.is_none_or(|verdict| line.verdict == verdict)
            && rule.as_deref().is_none_or(|rule| line.rule.as_deref() == Some(rule))
            && role.as_deref().is_none_or(|role| caller.is_some_and(|caller| caller.role.as_deref() == Some(role)))
            && team.as_ref().is_none_or(|team| {
                caller.is_some_and(|caller| caller.team.as_ref() == Some(team) || caller.teams.contains(team))
            })
            && model.as_ref().is_none_or(|model| line.models.contains(model))
    }
}

/// A decision as JSON, with no more than the decision log would have.
pub(super) fn decision(recorded: &Recorded) -> Value {
    let Recorded { line, latency, .. } = recorded;
    let caller = line.caller.as_ref();
    json!({
        "id": line.request_id,
        "at": state::time(line.time),
        "verdict": line.verdict.as_str(),
        "rule": line.rule,
        "reason": line.reason,
        "code": line.code,
        "caller": caller.map(|caller| json!({
            "subject": caller.subject,
            "issuer": caller.issuer,
            "user_id": caller.user_id,
            "role": caller.role,
            "team": caller.team,
            "master_key": caller.master_key,
        })),
        "roles": caller.and_then(|caller| caller.role.as_ref()).into_iter().collect::<Vec<_>>(),
        "teams": caller.map(|caller| caller.teams.as_slice()).unwrap_or_default(),
        "models": line.models,
        "policies": line.policies,
        "shadow": line.shadow,
        "unenforced": line.unenforced,
        "shadow_config": line.shadow_config.as_ref().map(|shadow| shadow.verdict.as_str()),
        "method": line.method,
        "route": line.route,
        "status": line.status,
        "latency_ms": latency.as_secs_f64() * 1000.0,
        "generation": line.generation,
    })
}
