//! The decision: pure, without locks, and a denial on every error.

use std::collections::BTreeSet;
use std::sync::Arc;

use cedar_policy::{Context, Entities, Entity, EntityUid, PolicySet, Request};

use super::team::{self, Asked};
use super::{Decision, Denied, Permit, Rule, Snapshot, entities};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::ApiCall;

/// Routes on which a model is called.
const MODEL_ROUTES: [&str; 9] = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/embeddings",
    "/v1/responses",
    "/v1/messages",
    "/v1/images/generations",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
    "/v1/rerank",
];

/// A policy's id and rule.
type Deciding = (Arc<str>, Rule);

/// What Cedar answered to one question. It is allowed when something permits and nothing forbids.
struct Verdict {
    permits: Vec<Deciding>,
    forbids: Vec<Deciding>,
}

/// A caller on a route: the part of a decision that all models of a request share.
struct Situation<'s> {
    snapshot: &'s Snapshot,
    caller: &'s Caller,
    team: Result<Option<&'s str>, Rule>,
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
        let asked = Asked { header: call.team_header(), route: call.judged_route(), models: &models };
        match self.decide(caller, call.method().as_str(), asked) {
            Ok(decision) => Ok(Permit { call, decision }),
            Err(denied) => Err(denied),
        }
    }

    /// The models of the configuration that `caller` may call, sorted: those for which the decision allows a call on
    /// one of the routes that take a model.
    #[must_use]
    pub fn callable_models(&self, caller: &Caller, team_header: Option<&str>) -> Vec<ModelName> {
        let allowed = |route: &str, models: &[&ModelName]| {
            self.decide(caller, "POST", Asked { header: team_header, route, models }).is_ok()
        };
        // A route that is denied without a model is denied with any.
        let routes: Vec<&str> = MODEL_ROUTES.into_iter().filter(|route| allowed(route, &[])).collect();
        let listed: BTreeSet<&ModelName> = self.config().models.iter().map(|model| &model.name).collect();
        let callable =
            listed.into_iter().filter(|model| routes.iter().any(|route| allowed(route, &[*model])));
        callable.cloned().collect()
    }

    fn decide(&self, caller: &Caller, method: &str, asked: Asked<'_>) -> Result<Decision, Box<Denied>> {
        let team = team::select(self, caller, asked);
        let mut decision = Decision {
            role: caller.role,
            user_id: caller.user_id.clone(),
            team_id: team.ok().flatten().map(str::to_owned),
            policies: Vec::new(),
            generation: self.generation(),
        };
        let verdicts = Situation::new(self, caller, team).and_then(|situation| situation.ask(method, asked));
        let Ok((route, models)) = verdicts else {
            return Err(Box::new(Denied { rule: Rule::Evaluation, decision: Box::new(decision) }));
        };

        let questions =
            [(&route, Rule::Route)].into_iter().chain(models.iter().map(|model| (model, Rule::Model)));
        let denying = questions.flat_map(|(verdict, ungranted)| {
            let ungranted = if caller.role.is_none() { Rule::Unmatched } else { ungranted };
            let ungranted = verdict.permits.is_empty().then_some(ungranted);
            verdict.forbids.iter().map(|(_, rule)| *rule).chain(ungranted)
        });
        let first = denying.min();

        let verdicts = std::iter::once(&route).chain(&models);
        let deciding = verdicts.flat_map(|v| if first.is_none() { &v.permits } else { &v.forbids });
        let policies: BTreeSet<_> = deciding.map(|(id, _)| id).collect();
        decision.policies = policies.into_iter().cloned().collect();
        match first {
            None => Ok(decision),
            Some(rule) => Err(Box::new(Denied { rule, decision: Box::new(decision) })),
        }
    }
}

impl<'s> Situation<'s> {
    fn new(
        snapshot: &'s Snapshot,
        caller: &'s Caller,
        team: Result<Option<&'s str>, Rule>,
    ) -> Result<Self, String> {
        let (principal, principal_entities) = entities::caller(snapshot, caller, team)?;
        Ok(Self { snapshot, caller, team, principal, principal_entities })
    }

    fn ask(&self, method: &str, asked: Asked<'_>) -> Result<(Verdict, Vec<Verdict>), String> {
        let (uid, entity) = entities::route(self.snapshot, asked.route, method)?;
        let route = self.verdict(&self.snapshot.names.call_route, uid, entity)?;
        let mut models = Vec::with_capacity(asked.models.len());
        for model in asked.models {
            let (uid, entity) = entities::model(self.snapshot, self.caller, self.team.ok().flatten(), model)?;
            models.push(self.verdict(&self.snapshot.names.use_model, uid, entity)?);
        }
        Ok((route, models))
    }

    fn verdict(&self, action: &EntityUid, resource: EntityUid, entity: Entity) -> Result<Verdict, String> {
        let entities = self.principal_entities.iter().cloned().chain([entity]);
        let entities = Entities::from_entities(entities, None).map_err(|error| error.to_string())?;
        let request = Request::new(self.principal.clone(), action.clone(), resource, Context::empty(), None)
            .map_err(|error| error.to_string())?;
        Ok(Verdict {
            permits: self.matching(&request, &self.snapshot.permits, &entities)?,
            forbids: self.matching(&request, &self.snapshot.forbids, &entities)?,
        })
    }

    /// The policies whose conditions hold, out of a set of one effect.
    fn matching(
        &self,
        request: &Request,
        set: &PolicySet,
        entities: &Entities,
    ) -> Result<Vec<Deciding>, String> {
        let response = self.snapshot.authorizer.is_authorized(request, set, entities);
        // Cedar skips a policy whose evaluation fails, a `forbid` too.
        if let Some(error) = response.diagnostics().errors().next() {
            return Err(error.to_string());
        }
        let ids = response.diagnostics().reason();
        let known = |id| self.snapshot.rules.get(id).cloned();
        Ok(ids.map(|id| known(id).unwrap_or_else(|| (Arc::from(id.to_string()), Rule::Policy))).collect())
    }
}
