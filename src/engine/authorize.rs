//! The decision: pure, without locks, and a denial on every error.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use cedar_policy::{Context, Entities, Entity, EntityUid, Request};

use super::context::Facts;
use super::entities::{self, Ties};
use super::facts::PolicyFacts;
use super::index::{Policies, PolicyIndex};
use super::team::{self, Asked};
use super::{Decision, Denied, Permit, Rule, Snapshot};
use crate::config::Mode;
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::ApiCall;

/// What Cedar answered to one question. It is allowed when something permits and nothing forbids.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) permits: Vec<Arc<PolicyFacts>>,
    pub(super) forbids: Vec<Arc<PolicyFacts>>,
    /// Policies under trial that would have turned the answer around.
    shadow: Vec<Arc<PolicyFacts>>,
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
    /// Under `modelgate.mode: log_only` a denial is noted in [`Decision::unenforced`], and the request is permitted. R9 is
    /// enforced all the same: beyond it the upstream answers with the gateway's own credential.
    ///
    /// # Errors
    ///
    /// [`Denied`] with the first rule that denies. An error of evaluation is a denial, also where Cedar skips the policy.
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

    /// The same decision without a permit, and whatever the mode: to compare, and to try.
    ///
    /// # Errors
    ///
    /// [`Denied`], as for [`authorize`](Self::authorize).
    pub fn decide(&self, caller: &Caller, call: &ApiCall) -> Result<Decision, Box<Denied>> {
        let models: Vec<&ModelName> = call.models().collect();
        self.decide_asked(caller, Asked::by(call, &models))
    }

    pub(super) fn decide_asked(&self, caller: &Caller, asked: Asked<'_>) -> Result<Decision, Box<Denied>> {
        let team = team::select(self, caller, asked);
        let mut decision = Decision {
            role: caller.role(),
            user_id: caller.user_id.clone(),
            team_id: team.ok().flatten().map(str::to_owned),
            policies: Vec::new(),
            shadow: Vec::new(),
            unenforced: None,
            generation: self.generation(),
        };
        let judged = Situation::new(self, caller, team).and_then(|situation| {
            let judged = situation.ask(asked)?;
            Ok((situation.denying(&judged), judged))
        });
        let (denying, judged) = match judged {
            Ok(judged) => judged,
            Err(error) => {
                let denied = Denied::new(Rule::Evaluation, decision);
                return Err(Box::new(Denied { error: Some(error), is_floor: true, ..denied }));
            }
        };

        decision.shadow = ids(judged.verdicts().flat_map(|verdict| &verdict.shadow));
        let Some(rule) = denying else {
            decision.policies = ids(judged.verdicts().flat_map(|verdict| &verdict.permits));
            return Ok(decision);
        };
        decision.policies = ids(judged.verdicts().flat_map(|verdict| &verdict.forbids));
        // Of several policies that deny, the first by its id speaks: Cedar keeps no order.
        let forbids = judged.verdicts().flat_map(|verdict| &verdict.forbids);
        let speaking = forbids.filter(|facts| facts.rule == rule && facts.reason.is_some());
        let reason = speaking.min_by_key(|facts| &facts.id).and_then(|facts| facts.reason.clone());
        let is_floor = judged.verdicts().flat_map(|verdict| &verdict.forbids).any(|f| f.rule == Rule::Floor);
        Err(Box::new(Denied { reason, is_floor, ..Denied::new(rule, decision) }))
    }
}

/// Their ids, sorted.
fn ids<'f>(facts: impl IntoIterator<Item = &'f Arc<PolicyFacts>>) -> Vec<Arc<str>> {
    let ids: BTreeSet<&Arc<str>> = facts.into_iter().map(|facts| &facts.id).collect();
    ids.into_iter().cloned().collect()
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

    pub(super) fn ask(&self, asked: Asked<'_>) -> Result<Judged, String> {
        let Facts { route, method, .. } = asked.facts;
        let (route, route_entity) = entities::route(self.snapshot, &self.ties, route, method)?;
        let models: Vec<_> = asked.models.iter().map(|model| self.model(model)).collect::<Result<_, _>>()?;
        // One store for all questions: building it costs more than a question.
        let of_models = models.iter().map(|(_, entity)| entity.clone());
        let entities = self.entities(of_models.chain([route_entity]))?;
        let ask_model = |(model, _)| self.ask_about_model(model, &entities, &asked.facts);
        Ok(Judged {
            route: self.ask_about_route(route, &entities, &asked.facts)?,
            models: models.into_iter().map(ask_model).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn ask_route(&self, facts: &Facts<'_>) -> Result<Verdict, String> {
        let (route, entity) = entities::route(self.snapshot, &self.ties, facts.route, facts.method)?;
        self.ask_about_route(route, &self.entities([entity])?, facts)
    }

    pub(super) fn ask_model(&self, model: &ModelName, facts: &Facts<'_>) -> Result<Verdict, String> {
        let (model, entity) = self.model(model)?;
        self.ask_about_model(model, &self.entities([entity])?, facts)
    }

    fn model(&self, model: &ModelName) -> Result<(EntityUid, Entity), String> {
        entities::model(self.snapshot, &self.ties, model)
    }

    fn ask_about_route(
        &self,
        route: EntityUid,
        entities: &Entities,
        facts: &Facts<'_>,
    ) -> Result<Verdict, String> {
        self.verdict(&self.snapshot.call_route, route, entities, || facts.of_route())
    }

    fn ask_about_model(
        &self,
        model: EntityUid,
        entities: &Entities,
        facts: &Facts<'_>,
    ) -> Result<Verdict, String> {
        self.verdict(&self.snapshot.use_model, model, entities, || facts.of_model())
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

    fn verdict(
        &self,
        policies: &Policies,
        resource: EntityUid,
        entities: &Entities,
        context: impl Fn() -> Result<Context, String>,
    ) -> Result<Verdict, String> {
        let context = if self.snapshot.dropped.reads_context { context()? } else { Context::empty() };
        let action = policies.action.clone();
        let request = Request::new(self.principal.clone(), action, resource, context, None)
            .map_err(|error| error.to_string())?;
        let mut verdict = Verdict {
            permits: self.matching(&request, &policies.permits, entities)?,
            forbids: self.matching(&request, &policies.forbids, entities)?,
            shadow: Vec::new(),
        };
        if let Some([permits, forbids]) = &policies.shadow {
            verdict.shadow = self.shadow(&verdict, &request, [permits, forbids], entities);
        }
        Ok(verdict)
    }

    fn entities(&self, resources: impl IntoIterator<Item = Entity>) -> Result<Entities, String> {
        let entities = self.principal_entities.iter().cloned().chain(resources);
        let dropped = &self.snapshot.dropped;
        if dropped.statics.is_empty() {
            return Entities::from_entities(entities, None).map_err(|error| error.to_string());
        }
        let mut all: HashMap<EntityUid, Entity> = entities.map(|entity| (entity.uid(), entity)).collect();
        for described in &dropped.always {
            all.entry(described.uid()).or_insert_with(|| described.clone());
        }
        Entities::from_entities(all.into_values(), None).map_err(|error| error.to_string())
    }

    /// The shadow policies that would turn the verdict around. Those that fail to evaluate count as not holding.
    fn shadow(
        &self,
        live: &Verdict,
        request: &Request,
        [permits, forbids]: [&PolicyIndex; 2],
        entities: &Entities,
    ) -> Vec<Arc<PolicyFacts>> {
        let permits = self.matching(request, permits, entities).unwrap_or_default();
        let forbids = self.matching(request, forbids, entities).unwrap_or_default();
        let granted = !live.permits.is_empty() || !permits.is_empty();
        let allowed = granted && live.forbids.is_empty() && forbids.is_empty();
        match (live.allows(), allowed) {
            (true, false) => forbids,
            (false, true) => permits,
            (true, true) | (false, false) => Vec::new(),
        }
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
