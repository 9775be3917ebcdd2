//! An explanation, ready to be printed in either format.

use serde_json::{Value, json};

use super::caller::Who;
use super::token::{self, Presented};
use super::words::{self, Words};
use crate::authn::TokenError;
use crate::config::Mode;
use crate::engine::{Considered, Explanation, Rule, Snapshot};
use crate::names::ModelName;
use crate::offline::Answer;
use crate::request::{ApiCall, Malformed};

/// The content of an explanation.
pub(super) struct Report {
    pub(super) status: u16,
    /// The rule or check that denies.
    pub(super) rule: Option<String>,
    pub(super) reason: Option<String>,
    /// The meaning of the rule, and its place in the documentation.
    pub(super) words: Option<Words>,
    pub(super) fix: Option<String>,
    /// The rule that denies but is not enforced (`modelgate.mode: log_only`).
    pub(super) unenforced: Option<Rule>,
    /// The unverified claims of a refused token.
    pub(super) presented: Option<Presented>,
    pub(super) who: Option<Who>,
    pub(super) asked: Option<Asked>,
}

/// The request, and the result of each policy.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) route: String,
    pub(super) models: Vec<String>,
    /// The upstream of each model.
    pub(super) destinations: Vec<String>,
    pub(super) team: Option<String>,
    pub(super) grants: Vec<Considered>,
    pub(super) checks: Vec<Considered>,
    /// The ids of the policies that decided.
    pub(super) policies: Vec<String>,
}

impl Report {
    pub(super) fn refused_token(error: &TokenError, token: &str) -> Self {
        Self {
            rule: Some(error.reason().to_owned()),
            reason: Some(error.to_string()),
            fix: Some(token::fix(error, token)),
            presented: Presented::of(token),
            ..Self::allowed_with(401)
        }
    }

    pub(super) fn malformed(who: Who, malformed: &Malformed) -> Self {
        let answer = Answer::malformed(malformed);
        Self {
            rule: answer.rule.map(str::to_owned),
            reason: answer.reason,
            words: Some(words::UNJUDGED),
            fix: Some("send a request that every parser reads in the same way".to_owned()),
            who: Some(who),
            ..Self::allowed_with(answer.status)
        }
    }

    pub(super) fn decided(snapshot: &Snapshot, call: &ApiCall, who: Who, explained: Explanation) -> Self {
        let is_enforced = snapshot.config().gateway.mode == Mode::Enforce;
        let denied = explained.outcome.as_ref().err();
        let denying = denied.filter(|denied| is_enforced || denied.is_floor);
        let rule = denying.map(|denied| denied.rule);
        let report = Self {
            rule: rule.map(|rule| rule.as_str().to_owned()),
            reason: denying.map(ToString::to_string),
            words: rule.map(words::of),
            fix: rule.map(|rule| words::fix(rule).to_owned()),
            unenforced: denied.map(|denied| denied.rule).filter(|_| rule.is_none()),
            who: Some(who),
            ..Self::allowed_with(if rule.is_none() { 200 } else { 403 })
        };
        let decision = explained.outcome.unwrap_or_else(|denied| *denied.decision);
        let asked = Asked {
            method: call.method().to_string(),
            route: call.route().to_string(),
            models: call.models().map(ModelName::to_string).collect(),
            destinations: call
                .models()
                .map(|model| snapshot.config().destination(model).to_string())
                .collect(),
            team: decision.team_id.as_deref().map(str::to_owned),
            grants: explained.grants,
            checks: explained.checks,
            policies: decision.policies.iter().map(ToString::to_string).collect(),
        };
        Self { asked: Some(asked), ..report }
    }

    fn allowed_with(status: u16) -> Self {
        Self {
            status,
            rule: None,
            reason: None,
            words: None,
            fix: None,
            unenforced: None,
            presented: None,
            who: None,
            asked: None,
        }
    }

    pub(super) fn allowed(&self) -> bool {
        self.rule.is_none()
    }

    pub(super) fn to_json(&self) -> Value {
        let mut json = json!({"allow": self.allowed(), "status": self.status, "rule": self.rule,
            "reason": self.reason, "meaning": self.words.map(|words| words.meaning),
            "documentation": self.words.map(Words::place), "advice": self.fix,
            "unenforced": self.unenforced.map(Rule::as_str), "token": self.presented.as_ref().map(Presented::to_json),
            "caller": self.who.as_ref().map(Who::to_json)});
        if let (Some(asked), Some(json)) = (&self.asked, json.as_object_mut()) {
            let list = |considered: &[Considered]| considered.iter().map(considered_json).collect::<Vec<_>>();
            let request = json!({"method": asked.method, "route": asked.route, "models": asked.models,
                "sent_to": asked.destinations, "team_id": asked.team});
            json.insert("request".to_owned(), request);
            json.insert("grants".to_owned(), json!(list(&asked.grants)));
            json.insert("checks".to_owned(), json!(list(&asked.checks)));
            json.insert("policies".to_owned(), json!(asked.policies));
        }
        json
    }
}

fn considered_json(considered: &Considered) -> Value {
    json!({"policy": &*considered.id, "rule": considered.rule.as_str(), "source": considered.source,
        "model": considered.model.as_ref().map(ModelName::as_str), "holds": considered.holds})
}
