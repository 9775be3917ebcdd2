//! Fills a line of the decision log.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use http::request::Parts;
use serde_json::{Map, Value};

use crate::decision_log::{Input, Line, LoggedAccess, LoggedCaller, Served, Verdict, cut};
use crate::engine::{AccessQuery, Decision, Permit};
use crate::identity::Caller;
use crate::names::{ModelName, Role};
use crate::request::ApiCall;

pub(super) fn line(head: &Parts, request_id: &HeaderValue, time: SystemTime) -> Line {
    Line {
        time,
        request_id: request_id.to_str().unwrap_or_default().to_owned(),
        verdict: Verdict::Refused,
        status: None,
        code: None,
        rule: None,
        reason: None,
        policies: Vec::new(),
        shadow: Vec::new(),
        generation: 0,
        decision_us: None,
        caller: None,
        method: cut(head.method.as_str()),
        route: cut(head.uri.path()),
        models: Vec::new(),
        mode: None,
        unenforced: None,
        shadow_config: None,
        sample: None,
        served: None,
        dropped: None,
        access: None,
        input: None,
    }
}

pub(super) fn access(query: &AccessQuery<'_>) -> LoggedAccess {
    LoggedAccess {
        action: cut(query.action),
        resource_type: cut(query.resource_type),
        resource: cut(query.resource_id),
    }
}

pub(super) fn logged(caller: &Caller) -> LoggedCaller {
    LoggedCaller {
        subject: caller.subject.as_deref().map(str::to_owned),
        issuer: caller.membership.issuer.clone(),
        user_id: caller.user_id().map(str::to_owned),
        role: caller.role().map(role),
        team: None,
        teams: caller.claimed_teams().map(str::to_owned).collect(),
        master_key: caller.membership.master_key,
    }
}

/// The decision's values about the caller override the token's.
pub(super) fn note(line: &mut Line, decision: &Decision, took: Duration) {
    line.policies = decision.policies.to_vec();
    line.shadow = decision.shadow.to_vec();
    line.unenforced = decision.unenforced.map(|rule| Cow::Borrowed(rule.as_str()));
    line.decision_us = Some(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    if let Some(caller) = &mut line.caller {
        caller.role = decision.role.map(role);
        caller.user_id = decision.user_id.as_deref().map(str::to_owned);
        caller.team = decision.team_id.as_deref().map(str::to_owned);
    }
}

pub(super) fn input(call: &ApiCall, claims: Option<Arc<Map<String, Value>>>) -> Input {
    let asked = call.model();
    let request_context = call.context();
    Input {
        claims,
        method: cut(call.method().as_str()),
        path: cut(call.route().as_str()),
        team_header: call.team_header().map(cut),
        model: asked.map(name),
        additional_models: call.models().filter(|model| Some(*model) != asked).map(name).collect(),
        model_use: call.model_use(),
        body_bytes: call.body_bytes() as u64,
        source: request_context.source.map(|source| source.to_string()),
        time: request_context.time,
    }
}

pub(super) fn name(model: &ModelName) -> String {
    cut(model.as_str())
}

fn role(role: Role) -> Cow<'static, str> {
    Cow::Borrowed(role.as_str())
}

/// What serves a request. The policies are those of a fallback: those of the request are in the line itself.
pub(super) fn served(deployment: &str, permit: &Permit, attempts: u32, is_fallback: bool) -> Option<Served> {
    let policies = if is_fallback { permit.decision().policies.to_vec() } else { Vec::new() };
    Some(Served { model: name(permit.model()?), deployment: cut(deployment), attempts, policies })
}
