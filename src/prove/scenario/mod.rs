//! Requests that the solver found, as the engine decides them.
//!
//! Input: an assignment of the solver. Output: claims and a request, as small as the engine still confirms. `found` reads
//! the assignment, `smaller` removes what does not matter, `words` says it in operators' words.

mod found;
mod smaller;
mod words;

use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::authn::VerifiedClaims;
use crate::config::Config;
use crate::engine::{AuthzQuery, Decision, Denied, MatchedPolicies, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::prove::classes::runs_unnamed;
use crate::request::{ModelUse, RequestContext};

pub(super) use found::Found;

/// A token and a request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Scenario {
    /// The claims of the token. `None`: the master key.
    pub claims: Option<Map<String, Value>>,
    /// The header `x-litellm-team-id`.
    pub team_header: Option<String>,
    /// The method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The model. An empty name stands for a request that names none although its route runs one.
    pub model: Option<String>,
    /// How it uses the model.
    pub model_use: ModelUse,
    /// The length of the body.
    pub body_bytes: usize,
    /// The time.
    pub time: Option<SystemTime>,
    /// The address of the caller.
    pub source: Option<std::net::IpAddr>,
}

impl Scenario {
    /// Decides the request by these rules. `None` if they accept no such credential.
    #[must_use]
    pub fn decide(&self, snapshot: &Snapshot) -> Option<Result<Decision, Box<Denied>>> {
        let (caller, query) = self.asked(snapshot)?;
        Some(snapshot.decide_query(&caller, &query))
    }

    /// Whether the policies answer the questions about the route and about the model with yes. `None` if the rules accept no such
    /// credential, or if an evaluation fails.
    pub(in crate::prove) fn answers(&self, snapshot: &Snapshot) -> Option<Vec<bool>> {
        Some(self.matched(snapshot)?.iter().map(MatchedPolicies::allow).collect())
    }

    /// The policies that match, for each question of the request. `None` as for `answers`.
    pub(in crate::prove) fn matched(&self, snapshot: &Snapshot) -> Option<Vec<MatchedPolicies>> {
        let (caller, query) = self.asked(snapshot)?;
        snapshot.matched(&caller, &query)
    }

    /// The request, as these rules decide it.
    fn asked(&self, snapshot: &Snapshot) -> Option<(Caller, AuthzQuery)> {
        let caller = self.caller(snapshot)?;
        let named = self.model.as_deref().filter(|model| !model.is_empty());
        let query = AuthzQuery {
            method: self.method.clone(),
            route: self.path.clone(),
            team_header: self.team_header.clone(),
            models: named.map(ModelName::new).transpose().ok()?.into_iter().collect(),
            model_use: self.model_use,
            body_bytes: self.body_bytes,
            request_context: RequestContext { time: self.time, source: self.source },
        };
        // A request without a model stays without one, and one that names none runs one.
        if named.is_none() && runs_unnamed(&self.method, &self.path) != self.model.is_some() {
            return None;
        }
        Some((caller, query))
    }

    /// The caller, if these rules accept its credential.
    pub(in crate::prove) fn caller(&self, snapshot: &Snapshot) -> Option<Caller> {
        let config = snapshot.config();
        match &self.claims {
            None => config.master_key.is_some().then(Caller::master_key),
            Some(claims) if accepts(config, claims) => {
                Some(snapshot.identify(&VerifiedClaims::dangerous_trust(claims.clone())))
            }
            Some(_) => None,
        }
    }
}

/// Whether a token with these claims can be valid.
fn accepts(config: &Config, claims: &Map<String, Value>) -> bool {
    let Some(jwt) = &config.jwt else { return false };
    let mut issuers =
        jwt.tokens.issuers.iter().map(|entry| &entry.issuer).chain(&jwt.tokens.issuer).peekable();
    let own = claims.get("iss").and_then(Value::as_str);
    issuers.peek().is_none() || issuers.any(|issuer| own == Some(issuer))
}
