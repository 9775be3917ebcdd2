//! The models that a caller may call: the decision, asked for each.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use super::Snapshot;
use super::context::Facts;
use super::key::Key;
use super::situation::Situation;
use super::team::{self, Asked};
use crate::config::Mode;
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::RequestContext;

/// Routes on which a model is called.
pub(crate) const MODEL_ROUTES: [&str; 9] = [
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

/// Decisions on many models. Callers with the same team on the same route share one situation, and a model that was
/// denied to a team is not asked for again on the next route.
struct Questions<'s> {
    snapshot: &'s Snapshot,
    caller: &'s Caller,
    header: Option<&'s str>,
    circumstances: RequestContext,
    /// By route and team: the situation, if it may call the route.
    situations: HashMap<(&'static str, Option<&'s str>), Option<Situation<'s>>>,
}

impl Snapshot {
    /// The models of the configuration that `caller` may call, sorted: those for which the decision allows a call on
    /// one of the routes that take a model, then and from there.
    #[must_use]
    pub fn callable_models(
        &self,
        caller: &Caller,
        team_header: Option<&str>,
        circumstances: RequestContext,
    ) -> Vec<ModelName> {
        let models = self.config().models.iter().filter(|model| !model.hidden);
        let listed: BTreeSet<&ModelName> = models.map(|model| &model.name).collect();
        if self.config().gateway.mode == Mode::LogOnly {
            let may_call =
                |model: &&ModelName| self.is_let_through(caller, team_header, circumstances, model);
            return listed.into_iter().filter(may_call).cloned().collect();
        }
        let mut questions = Questions {
            snapshot: self,
            caller,
            header: team_header,
            circumstances,
            situations: HashMap::new(),
        };
        listed.into_iter().filter(|model| questions.may_call(model)).cloned().collect()
    }
}

impl Snapshot {
    /// Whether a call on one of the routes is allowed, or denied by what `log_only` does not enforce.
    fn is_let_through(
        &self,
        caller: &Caller,
        team_header: Option<&str>,
        circumstances: RequestContext,
        model: &ModelName,
    ) -> bool {
        MODEL_ROUTES.into_iter().any(|route| {
            let facts = Facts { method: "POST", route, circumstances, ..Facts::default() };
            let asked = Asked { facts, header: team_header, models: &[model] };
            self.decide_asked(caller, asked).map_or_else(|denied| !denied.is_floor, |_| true)
        })
    }
}

impl<'s> Questions<'s> {
    fn may_call(&mut self, model: &ModelName) -> bool {
        let reads_context = !self.snapshot.reads.context.is_empty();
        let mut denied_to = Vec::new();
        MODEL_ROUTES.into_iter().any(|route| {
            let facts =
                Facts { method: "POST", route, circumstances: self.circumstances, ..Facts::default() };
            let asked = Asked { facts, header: self.header, models: &[model] };
            let Ok(team) = team::select(self.snapshot, self.caller, asked) else { return false };
            if denied_to.contains(&team) {
                return false;
            }
            let Some(situation) = self.situation(&facts, route, team) else { return false };
            let allowed = situation.ask_model(model.as_str(), &facts).is_ok_and(|verdict| verdict.allows());
            // What reads the context may answer otherwise on another route.
            if !reads_context {
                denied_to.push(team);
            }
            allowed
        })
    }

    fn situation(
        &mut self,
        facts: &Facts<'static>,
        route: &'static str,
        team: Option<&'s str>,
    ) -> Option<&Situation<'s>> {
        let (snapshot, caller) = (self.snapshot, self.caller);
        match self.situations.entry((route, team)) {
            Entry::Occupied(known) => known.into_mut().as_ref(),
            Entry::Vacant(new) => {
                let asked = Asked { facts: *facts, header: None, models: &[] };
                let situation = Situation::new(snapshot, Key::new(snapshot, caller, Ok(team), &asked)).ok();
                let may_call_route = |situation: &Situation<'_>| {
                    situation.ask_route(facts).is_ok_and(|verdict| verdict.allows())
                };
                new.insert(situation.filter(may_call_route)).as_ref()
            }
        }
    }
}
