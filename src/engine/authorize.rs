//! The decision: pure, without locks, and a denial on every error.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{Context, Entities, Entity, EntityUid, Request};

use super::entities::{self, Ties};
use super::facts::PolicyFacts;
use super::index::PolicyIndex;
use super::snapshot::Policies;
use super::team::{self, Asked};
use super::{Decision, Denied, Permit, Rule, Snapshot};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::ApiCall;

/// What Cedar answered to one question. It is allowed when something permits and nothing forbids.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) permits: Vec<Arc<PolicyFacts>>,
    pub(super) forbids: Vec<Arc<PolicyFacts>>,
}

/// What Cedar answered to the questions of a request: its route, and each of its models.
#[derive(Debug)]
pub(super) struct Judged {
    pub(super) route: Verdict,
    pub(super) models: Vec<Verdict>,
}

/// A caller, with the team that was selected: the part of a decision that all questions of a request share.
pub(super) struct Situation<'s> {
    snapshot: &'s Snapshot,
    pub(super) ties: Ties<'s>,
    principal: EntityUid,
    principal_entities: Vec<Entity>,
}

impl Snapshot {
    /// Decides a request: `call_route` must be allowed on its route, and `use_model` on each of its models.
    ///
    /// # Errors
    ///
    /// [`Denied`] with the first rule that denies. An error of evaluation is a denial, also where Cedar skips the policy.
    pub fn authorize(&self, caller: &Caller, call: ApiCall) -> Result<Permit, Box<Denied>> {
        let models: Vec<&ModelName> = call.models().collect();
        let asked = Asked { header: call.team_header(), route: call.route().as_str(), models: &models };
        match self.decide(caller, call.method().as_str(), asked) {
            Ok(decision) => Ok(Permit { call, decision }),
            Err(denied) => Err(denied),
        }
    }

    pub(super) fn decide(
        &self,
        caller: &Caller,
        method: &str,
        asked: Asked<'_>,
    ) -> Result<Decision, Box<Denied>> {
        let team = team::select(self, caller, asked);
        let mut decision = Decision {
            role: caller.role(),
            user_id: caller.user_id.clone(),
            team_id: team.ok().flatten().map(str::to_owned),
            policies: Vec::new(),
            generation: self.generation(),
        };
        let judged = Situation::new(self, caller, team).and_then(|situation| {
            let judged = situation.ask(method, asked)?;
            Ok((situation.denying(&judged), judged))
        });
        let Ok((denying, judged)) = judged else {
            return Err(Box::new(Denied { rule: Rule::Evaluation, decision: Box::new(decision) }));
        };

        let deciding =
            judged.verdicts().flat_map(|v| if denying.is_none() { &v.permits } else { &v.forbids });
        let policies: BTreeSet<_> = deciding.map(|facts| &facts.id).collect();
        decision.policies = policies.into_iter().cloned().collect();
        match denying {
            None => Ok(decision),
            Some(rule) => Err(Box::new(Denied { rule, decision: Box::new(decision) })),
        }
    }
}

impl Verdict {
    pub(super) fn allows(&self) -> bool {
        !self.permits.is_empty() && self.forbids.is_empty()
    }
}

impl Judged {
    fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        std::iter::once(&self.route).chain(&self.models)
    }
}

impl<'s> Situation<'s> {
    pub(super) fn new(
        snapshot: &'s Snapshot,
        caller: &'s Caller,
        team: Result<Option<&'s str>, Rule>,
    ) -> Result<Self, String> {
        let ties = Ties::new(snapshot, caller, team);
        let (principal, principal_entities) = entities::caller(snapshot, &ties)?;
        Ok(Self { snapshot, ties, principal, principal_entities })
    }

    pub(super) fn ask(&self, method: &str, asked: Asked<'_>) -> Result<Judged, String> {
        let route = self.ask_route(method, asked.route)?;
        let models = asked.models.iter().map(|model| self.ask_model(model)).collect::<Result<_, _>>()?;
        Ok(Judged { route, models })
    }

    pub(super) fn ask_route(&self, method: &str, route: &str) -> Result<Verdict, String> {
        let (uid, entity) = entities::route(self.snapshot, &self.ties, route, method)?;
        self.verdict(&self.snapshot.call_route, uid, entity)
    }

    pub(super) fn ask_model(&self, model: &ModelName) -> Result<Verdict, String> {
        let (uid, entity) = entities::model(self.snapshot, &self.ties, model)?;
        self.verdict(&self.snapshot.use_model, uid, entity)
    }

    /// The first rule, in the order of the rules, that denies.
    pub(super) fn denying(&self, judged: &Judged) -> Option<Rule> {
        let matched = self.is_matched();
        let rules = judged.verdicts().enumerate().flat_map(|(question, verdict)| {
            let ungranted = match question {
                _ if !matched => Rule::Unmatched,
                0 => Rule::Route,
                _ => Rule::Model,
            };
            let ungranted = verdict.permits.is_empty().then_some(ungranted);
            verdict.forbids.iter().map(|facts| facts.rule).chain(ungranted)
        });
        rules.min()
    }

    /// Whether the caller has a role that something is granted to.
    fn is_matched(&self) -> bool {
        let config = self.snapshot.config();
        let token_roles_alone =
            config.token_roles.is_some() && !config.jwt.as_ref().is_some_and(|jwt| jwt.enforce_rbac);
        !self.ties.token_roles.is_empty() || (!self.ties.caller.roles.is_empty() && !token_roles_alone)
    }

    /// The caller with its teams, for questions that no policy answers.
    pub(super) fn principal(&self) -> (&EntityUid, &[Entity]) {
        (&self.principal, &self.principal_entities)
    }

    fn verdict(&self, policies: &Policies, resource: EntityUid, entity: Entity) -> Result<Verdict, String> {
        let entities = self.principal_entities.iter().cloned().chain([entity]);
        let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
        let action = policies.action.clone();
        let request = Request::new(self.principal.clone(), action, resource, Context::empty(), None)
            .map_err(|error| error.to_string())?;
        Ok(Verdict {
            permits: self.matching(&request, &policies.permits, &entities)?,
            forbids: self.matching(&request, &policies.forbids, &entities)?,
        })
    }

    /// The policies whose conditions hold, out of those of one effect.
    fn matching(
        &self,
        request: &Request,
        policies: &PolicyIndex,
        entities: &Entities,
    ) -> Result<Vec<Arc<PolicyFacts>>, String> {
        let mut matching = Vec::new();
        for set in policies.relevant(request, entities) {
            let response = self.snapshot.authorizer.is_authorized(request, set, entities);
            // Cedar skips a policy whose evaluation fails, a `forbid` too.
            if let Some(error) = response.diagnostics().errors().next() {
                return Err(error.to_string());
            }
            let ids = response.diagnostics().reason();
            for id in ids {
                // Every policy in the index is known: this one could not be reported otherwise.
                matching.push(self.snapshot.facts.get(id).ok_or("a policy is not known")?.clone());
            }
        }
        Ok(matching)
    }
}
