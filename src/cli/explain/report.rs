//! An explanation, ready to be printed in either format.

use serde_json::{Value, json};

use super::caller::Who;
use super::presented::{self, Presented};
use super::words::{self, Words};
use crate::authn::TokenError;
use crate::cli::replay::line::was_allowed;
use crate::config::Mode;
use crate::decision_log::Line;
use crate::engine::{Considered, Explanation, Rule, Snapshot};
use crate::names::ModelName;
use crate::offline::Answer;
use crate::request::Malformed;

/// The content of an explanation.
pub(in crate::cli) struct Report {
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
    /// The places of the policies that decided, if nothing else is known of them.
    pub(super) decided: Vec<(String, String)>,
}

/// The request, and the result of each policy.
#[derive(Default)]
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

impl Asked {
    /// A request that is not decided yet.
    pub(super) fn of(snapshot: &Snapshot, method: &str, route: &str, models: &[ModelName]) -> Self {
        Self {
            method: method.to_owned(),
            route: route.to_owned(),
            models: models.iter().map(ModelName::to_string).collect(),
            destinations: models
                .iter()
                .map(|model| snapshot.config().destination(model).to_string())
                .collect(),
            ..Self::default()
        }
    }
}

impl Report {
    pub(super) fn refused_token(error: &TokenError, token: &str) -> Self {
        Self {
            rule: Some(error.reason().to_owned()),
            reason: Some(error.to_string()),
            fix: Some(presented::fix(error, token)),
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

    pub(super) fn decided(snapshot: &Snapshot, asked: Asked, who: Who, explained: Explanation) -> Self {
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
            team: decision.team_id.as_deref().map(str::to_owned),
            grants: explained.grants,
            checks: explained.checks,
            policies: decision.policies.iter().map(ToString::to_string).collect(),
            ..asked
        };
        Self { asked: Some(asked), ..report }
    }

    /// What a line of the decision log says.
    pub(super) fn recorded(line: &Line, decided: Vec<(String, String)>) -> Self {
        let rule =
            line.rule.as_deref().and_then(|name| Rule::ALL.into_iter().find(|rule| rule.as_str() == name));
        let is_allowed = was_allowed(line);
        let status = if is_allowed { 200 } else { line.status.unwrap_or(403) };
        let code = || line.code.as_deref().unwrap_or("refused").to_owned();
        let asked = Asked {
            method: line.method.clone(),
            route: line.route.clone(),
            models: line.models.clone(),
            team: line.caller.as_ref().and_then(|caller| caller.team.clone()),
            policies: line.policies.iter().map(ToString::to_string).collect(),
            ..Asked::default()
        };
        Self {
            rule: (!is_allowed).then(|| line.rule.as_deref().map_or_else(code, str::to_owned)),
            reason: line
                .reason
                .as_deref()
                .map(str::to_owned)
                .or_else(|| rule.map(|rule| rule.reason().to_owned())),
            words: rule.map(words::of),
            fix: rule.map(|rule| words::fix(rule).to_owned()),
            unenforced: Rule::ALL.into_iter().find(|rule| Some(rule.as_str()) == line.unenforced.as_deref()),
            asked: Some(asked),
            decided,
            ..Self::allowed_with(status)
        }
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
            decided: Vec::new(),
        }
    }

    pub(in crate::cli) fn allowed(&self) -> bool {
        self.rule.is_none()
    }

    pub(in crate::cli) fn to_json(&self) -> Value {
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
        if !self.decided.is_empty()
            && let Some(json) = json.as_object_mut()
        {
            let decided = self.decided.iter().map(|(id, place)| json!({"policy": id, "source": place}));
            json.insert("decided".to_owned(), decided.collect());
        }
        json
    }
}

fn considered_json(considered: &Considered) -> Value {
    json!({"policy": &*considered.id, "rule": considered.rule.as_str(), "source": considered.source,
        "model": considered.model.as_ref().map(ModelName::as_str), "holds": considered.holds})
}
