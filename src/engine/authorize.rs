//! Decides requests. A decision is a pure function, takes no lock, and turns every error into a denial.

use std::sync::Arc;

use super::authz_context::AuthzContext;
use super::cache::answer::Answer;
use super::cache::key::{Key, MemoizedKey};
use super::policy::asked::{Asked, asked_models, runs_reference};
use super::policy::outcome::Outcome;
use super::team;
use super::{Decision, Denied, Permit, Rule, Snapshot};
use crate::config::{Mode, References};
use crate::identity::Caller;
use crate::request::ApiCall;

/// The message for a caller whose reference to a model is denied.
const REFERENCE: &str = "the request refers to something that stands for a model, and the gateway does not know which model: name the \
     model itself, or ask the operator about `modelgate.references`";

impl Snapshot {
    /// Decides a request. The caller must be allowed `call_route` on the request's route and `use_model` on each of its
    /// models.
    ///
    /// Under `modelgate.mode: log_only`, a denial is recorded in [`Decision::unenforced`] and the request is permitted.
    /// R9 is enforced in every mode, because the upstream answers the routes that R9 denies with the gateway's own
    /// credential.
    ///
    /// # Errors
    ///
    /// [`Denied`] with the first rule that denies. An evaluation error is a denial, even where Cedar would skip the
    /// policy.
    pub fn authorize(&self, caller: &Caller, call: ApiCall) -> Result<Permit, Box<Denied>> {
        match self.decide(caller, &call) {
            Ok(decision) => Ok(Permit { call, decision }),
            Err(denied) if self.config().gateway.mode == Mode::LogOnly && !denied.is_floor => {
                let Denied { rule, decision, .. } = *denied;
                Ok(Permit { call, decision: Decision { unenforced: Some(rule), ..*decision } })
            }
            Err(denied) => Err(denied),
        }
    }

    /// Decides a request without making a permit, and ignores the mode. For comparisons and dry runs.
    ///
    /// # Errors
    ///
    /// [`Denied`], as for [`authorize`](Self::authorize).
    pub fn decide(&self, caller: &Caller, call: &ApiCall) -> Result<Decision, Box<Denied>> {
        let is_open = self.allows_references();
        match self.decide_models(caller, call, is_open) {
            Ok(decision) if call.has_foreign_id() => Err(Box::new(Denied::new(Rule::Reference, decision))),
            Err(denied) if call.has_foreign_id() && denied.rule.is_of_models() => {
                Err(Box::new(Denied { rule: Rule::Reference, reason: None, ..*denied }))
            }
            Err(denied) if !is_open && self.is_by_reference(caller, call, &denied) => {
                Err(Box::new(Denied { reason: Some(REFERENCE.into()), ..*denied }))
            }
            decided => decided,
        }
    }

    /// Whether references are not judged: `modelgate.references: allow`.
    pub(super) fn allows_references(&self) -> bool {
        self.config().gateway.references == References::Allow
    }

    fn decide_models(
        &self,
        caller: &Caller,
        call: &ApiCall,
        without_references: bool,
    ) -> Result<Decision, Box<Denied>> {
        // Almost every request names at most one model. That case needs no list.
        if call.names_one_model() {
            return self.decide_asked(caller, &Asked::by(call, call.model().as_slice(), without_references));
        }
        let models = asked_models(call, without_references);
        self.decide_asked(caller, &Asked::by(call, &models, without_references))
    }

    /// Whether a request is denied only because of its references.
    fn is_by_reference(&self, caller: &Caller, call: &ApiCall, denied: &Denied) -> bool {
        denied.rule.is_of_models()
            && (!call.references().is_empty() || runs_reference(call))
            && self.decide_models(caller, call, true).is_ok()
    }

    pub(super) fn decide_asked(&self, caller: &Caller, asked: &Asked<'_>) -> Result<Decision, Box<Denied>> {
        let team = team::select(self, caller, asked);
        let (outcome, team_id) = self.outcome(self.key(caller, team, asked), asked);
        let decision = self.decision_about(caller, team_id);
        match outcome {
            Ok(Outcome { denying: None, policies, shadow, .. }) => {
                Ok(Decision { policies, shadow, ..decision })
            }
            Ok(Outcome { denying: Some(rule), policies, shadow, reason, is_floor }) => {
                let reason = reason.or_else(|| asked.reason(rule, &self.world.lists.names));
                let decision = Decision { policies, shadow, ..decision };
                Err(Box::new(Denied { reason, is_floor, ..Denied::new(rule, decision) }))
            }
            Err(error) => {
                let denied = Denied::new(Rule::Evaluation, decision);
                Err(Box::new(Denied { error: Some(error), is_floor: true, ..denied }))
            }
        }
    }

    /// The grounds of a decision about a caller, still without policies.
    pub(super) fn decision_about(&self, caller: &Caller, team_id: Option<Arc<str>>) -> Decision {
        Decision {
            role: caller.role(),
            user_id: caller.user_id.clone(),
            team_id,
            policies: Arc::default(),
            shadow: Arc::default(),
            unenforced: None,
            generation: self.generation(),
        }
    }

    /// Returns the outcome from the cache or from Cedar, and the selected team.
    fn outcome(&self, key: Key<'_>, asked: &Asked<'_>) -> (Result<Outcome, String>, Option<Arc<str>>) {
        let again = |kept: &MemoizedKey, answer: &Answer| {
            (answer.outcome(&self.policies, &asked.facts), kept.team_id())
        };
        if let Some(known) = self.answers.get(&key, |known| key.is(known), again) {
            return known;
        }
        let team_id = key.team_id();
        (self.first_outcome(key, asked), team_id)
    }

    /// Asks Cedar and caches the answer. Errors are never cached.
    fn first_outcome(&self, key: Key<'_>, asked: &Asked<'_>) -> Result<Outcome, String> {
        let kept = key.is_small().then(|| key.to_owned());
        let answer = Answer::new(AuthzContext::new(self, key)?.ask()?);
        let outcome = answer.outcome(&self.policies, &asked.facts)?;
        if let Some(key) = kept {
            self.answers.insert(key, answer);
        }
        Ok(outcome)
    }
}
