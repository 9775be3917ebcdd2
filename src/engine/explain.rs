//! Explains a decision: lists every policy that was asked, with its answer.

use std::sync::Arc;

use cedar_policy::{Effect, Entities, EntityUid, PrincipalConstraint};

#[cfg(feature = "cli")]
use super::AuthzQuery;
use super::authz_context::AuthzContext;
use super::policy::asked::{Asked, asked_models};
use super::policy::facts::PolicyFacts;
use super::policy::index::{Policies, applies};
use super::policy::questions::Verdict;
use super::team;
use super::{Decision, Denied, Rule, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::ApiCall;

/// A decision with the policies behind it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// The result of [`Snapshot::authorize`] for the same request.
    pub outcome: Result<Decision, Box<Denied>>,
    /// The `permit`s for this caller. Each question needs at least one that holds.
    pub grants: Vec<Considered>,
    /// The `forbid`s, which are mandatory checks. One that holds denies the request, regardless of grants.
    pub checks: Vec<Considered>,
}

/// A policy and its answer to one question of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Considered {
    /// The requested model, or `None` for the question about the route.
    pub model: Option<ModelName>,
    /// The policy's id.
    pub id: Arc<str>,
    /// The rule that the policy implements.
    pub rule: Rule,
    /// The origin of the policy as `file:line`.
    pub source: Option<String>,
    /// Whether its conditions hold.
    pub holds: bool,
}

impl Snapshot {
    /// Decides a request and lists the policies that were asked.
    #[must_use]
    pub fn explain(&self, caller: &Caller, call: &ApiCall) -> Explanation {
        let is_open = self.allows_references();
        let models = asked_models(call, is_open);
        self.explained(caller, &Asked::by(call, &models, is_open), self.decide(caller, call))
    }

    /// The same for a request that was recorded.
    #[cfg(feature = "cli")]
    pub(crate) fn explain_query(&self, caller: &Caller, query: &AuthzQuery) -> Explanation {
        let models: Vec<&ModelName> = query.models.iter().collect();
        let (header, is_open) = (query.team_header.as_deref(), self.allows_references());
        let asked = Asked::new(query.facts(), header, &models, is_open);
        self.explained(caller, &asked, self.decide_query(caller, query))
    }

    fn explained(
        &self,
        caller: &Caller,
        asked: &Asked<'_>,
        outcome: Result<Decision, Box<Denied>>,
    ) -> Explanation {
        let models = asked.models;
        let mut explanation = Explanation { outcome, grants: Vec::new(), checks: Vec::new() };
        let team = team::select(self, caller, asked);
        let key = self.key(caller, team, asked);
        let Ok(authz_context) = AuthzContext::new(self, key) else { return explanation };
        let Ok(questions) = authz_context.ask() else { return explanation };
        let Ok(verdicts) = questions.verdicts(&self.policies, &asked.facts) else { return explanation };

        let for_caller = self.policies_for(&authz_context);
        let of_models = models.iter().map(|model| (&self.policies.use_model, Some(*model)));
        let asked = std::iter::once((&self.policies.call_route, None)).chain(of_models);
        for ((policies, model), verdict) in asked.zip(&verdicts) {
            explanation.add(&for_caller, policies, model, verdict);
        }
        explanation
    }

    /// The policies whose scope can match the caller, in the order of the rules.
    fn policies_for(&self, authz_context: &AuthzContext<'_>) -> Vec<&PolicyFacts> {
        let (principal, entities) = authz_context.principal();
        let entities = Entities::from_entities(entities.iter().cloned(), None).unwrap_or_default();
        let is_in = |uid: &EntityUid| uid == principal || entities.is_ancestor_of(uid, principal);
        let can_match = |facts: &&PolicyFacts| match facts.policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => true,
            PrincipalConstraint::Eq(uid) => uid == *principal,
            // A refusal check applies to every caller. It passes for a caller without refusals.
            PrincipalConstraint::In(uid) if *uid.type_name() == self.world.names.refusal => true,
            PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => is_in(&uid),
        };
        self.policies.in_order.iter().map(AsRef::as_ref).filter(can_match).collect()
    }
}

impl Explanation {
    fn add(
        &mut self,
        for_caller: &[&PolicyFacts],
        policies: &Policies,
        model: Option<&ModelName>,
        verdict: &Verdict,
    ) {
        for facts in
            for_caller.iter().filter(|facts| !facts.shadow && applies(&facts.policy, &policies.action))
        {
            let mut matched = verdict.live.permits.iter().chain(&verdict.live.forbids);
            let considered = Considered {
                model: model.cloned(),
                id: facts.id.clone(),
                rule: facts.rule,
                source: facts.source.clone(),
                holds: matched.any(|matched| matched.id == facts.id),
            };
            let is_grant = facts.policy.effect() == Effect::Permit;
            if is_grant { &mut self.grants } else { &mut self.checks }.push(considered);
        }
    }
}
