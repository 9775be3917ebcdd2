//! Which decisions to show, and how.

use serde_json::{Value, json};

use crate::cli::api::answer::{ApiError, Query};
use crate::decision_log::{Line, Verdict};
use crate::gateway::admin::state;
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

impl Filter {
    pub(super) fn of(query: &Query) -> Result<Self, ApiError> {
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
            && role
                .as_deref()
                .is_none_or(|role| caller.is_some_and(|caller| caller.role.as_deref() == Some(role)))
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
