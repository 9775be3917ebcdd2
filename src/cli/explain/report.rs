//! An explanation, ready to be printed in either format.

use serde_json::{Value, json};

use super::caller::Who;
use super::words;
use crate::config::Config;
use crate::engine::{Considered, Explanation};
use crate::gateway::keys::AuthnError;
use crate::names::ModelName;
use crate::request::{ApiCall, Malformed};

/// What there is to tell.
pub(super) struct Report {
    pub(super) status: u16,
    /// The rule or check that denies.
    pub(super) rule: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) cure: Option<&'static str>,
    pub(super) who: Option<Who>,
    pub(super) asked: Option<Asked>,
}

/// What was asked, and what each policy said to it.
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) route: String,
    pub(super) models: Vec<String>,
    /// Where each of the models would be sent.
    pub(super) destinations: Vec<String>,
    pub(super) team: Option<String>,
    pub(super) grants: Vec<Considered>,
    pub(super) gates: Vec<Considered>,
    /// The ids of the policies that decided.
    pub(super) policies: Vec<String>,
}

impl Report {
    pub(super) fn refused_token(error: &AuthnError) -> Self {
        Self {
            status: 401,
            rule: Some(error.reason().to_owned()),
            reason: Some(error.to_string()),
            cure: Some(
                "get a new token from the identity provider that the configuration trusts, for its audience",
            ),
            who: None,
            asked: None,
        }
    }

    pub(super) fn malformed(who: Who, malformed: &Malformed) -> Self {
        Self {
            status: 400,
            rule: Some("request".to_owned()),
            reason: Some(malformed.to_string()),
            cure: Some("send a request that can be read in one way only"),
            who: Some(who),
            asked: None,
        }
    }

    pub(super) fn decided(config: &Config, call: &ApiCall, who: Who, explained: Explanation) -> Self {
        let rule = explained.outcome.as_ref().err().map(|denied| denied.rule);
        let reason = explained.outcome.as_ref().err().map(ToString::to_string);
        let decision = explained.outcome.unwrap_or_else(|denied| *denied.decision);
        Self {
            status: if rule.is_none() { 200 } else { 403 },
            rule: rule.map(|rule| rule.as_str().to_owned()),
            reason,
            cure: rule.map(words::cure),
            who: Some(who),
            asked: Some(Asked {
                method: call.method().to_string(),
                route: call.route().to_string(),
                models: call.models().map(ModelName::to_string).collect(),
                destinations: call.models().map(|model| config.destination(model).to_string()).collect(),
                team: decision.team_id.as_deref().map(str::to_owned),
                grants: explained.grants,
                gates: explained.gates,
                policies: decision.policies.iter().map(ToString::to_string).collect(),
            }),
        }
    }

    pub(super) fn allowed(&self) -> bool {
        self.rule.is_none()
    }

    pub(super) fn to_json(&self) -> Value {
        let mut json = json!({"allow": self.allowed(), "status": self.status, "rule": self.rule,
            "reason": self.reason, "cure": self.cure, "caller": self.who.as_ref().map(Who::to_json)});
        if let (Some(asked), Some(json)) = (&self.asked, json.as_object_mut()) {
            let list = |considered: &[Considered]| considered.iter().map(considered_json).collect::<Vec<_>>();
            let request = json!({"method": asked.method, "route": asked.route, "models": asked.models,
                "sent_to": asked.destinations, "team_id": asked.team});
            json.insert("request".to_owned(), request);
            json.insert("grants".to_owned(), json!(list(&asked.grants)));
            json.insert("gates".to_owned(), json!(list(&asked.gates)));
            json.insert("policies".to_owned(), json!(asked.policies));
        }
        json
    }
}

fn considered_json(considered: &Considered) -> Value {
    json!({"policy": &*considered.id, "rule": considered.rule.as_str(), "source": considered.source,
        "model": considered.model.as_ref().map(ModelName::as_str), "holds": considered.holds})
}
