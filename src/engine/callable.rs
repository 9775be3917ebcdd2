//! The models that a caller may call. Each model is decided like a request.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use super::Snapshot;
use super::authz_context::AuthzContext;
use super::policy::asked::Asked;
use super::policy::context::Facts;
use super::team;
use crate::config::Mode;
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::RequestContext;

/// The routes that call a model.
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

/// Decides many models. Callers with the same team on the same route share one context. A model that was denied to a
/// team is not asked for again on the next route.
struct Questions<'s> {
    snapshot: &'s Snapshot,
    caller: &'s Caller,
    header: Option<&'s str>,
    request_context: RequestContext,
    /// The context for each route and team, if the team may call the route.
    authz_contexts: HashMap<(&'static str, Option<&'s str>), Option<AuthzContext<'s>>>,
}

impl Snapshot {
    /// Returns the models that `caller` may call, sorted. A model of the configuration is listed if a request for it
    /// would be allowed on one of the model routes, at the given time and from the given address.
    #[must_use]
    pub fn callable_models(
        &self,
        caller: &Caller,
        team_header: Option<&str>,
        request_context: RequestContext,
    ) -> Vec<ModelName> {
        let listed = self.listed_models();
        if self.config().gateway.mode == Mode::LogOnly {
            let may_call =
                |model: &ModelName| self.passes_mandatory_rules(caller, team_header, request_context, model);
            return listed.into_iter().filter(may_call).collect();
        }
        let mut questions = Questions {
            snapshot: self,
            caller,
            header: team_header,
            request_context,
            authz_contexts: HashMap::new(),
        };
        listed.into_iter().filter(|model| questions.may_call(model)).collect()
    }

    /// The models that a list may show: those of the configuration. An upstream may serve more models, so with an
    /// upstream the names in the lists of roles, scopes and teams are added.
    fn listed_models(&self) -> BTreeSet<ModelName> {
        let config = self.config();
        let models = config.models.iter().filter(|model| !model.hidden);
        let mut listed: BTreeSet<_> = models.map(|model| model.name.clone()).collect();
        if config.gateway.upstream.is_none() {
            return listed;
        }
        let of_roles =
            config.role_permissions.iter().flatten().flat_map(|entry| entry.models.iter().flatten());
        let mappings = config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings);
        let names = of_roles.chain(mappings.flat_map(|mapping| &mapping.models)).map(ModelName::as_str);
        let of_tokens = config.token_roles.iter().flatten().flat_map(|entry| &entry.models);
        let of_teams = config.teams.iter().flat_map(|team| &team.models);
        let groups: HashSet<&str> =
            config.models.iter().flat_map(|model| &model.access_groups).map(String::as_str).collect();
        let names = names.chain(of_tokens.chain(of_teams).map(String::as_str));
        let hidden =
            |name: &str| config.models.iter().any(|model| model.hidden && model.name.as_str() == name);
        let is_model = |name: &&str| {
            !name.contains('*') && !NO_MODELS.contains(name) && !groups.contains(name) && !hidden(name)
        };
        listed.extend(names.filter(is_model).filter_map(|name| ModelName::new(name).ok()));
        listed
    }
}

/// Words that LiteLLM reads as sets of models in the lists of teams.
const NO_MODELS: [&str; 3] = ["all-proxy-models", "all-team-models", "no-default-models"];

impl Snapshot {
    /// Whether one of the routes allows a call, or denies it only with rules that `log_only` does not enforce.
    fn passes_mandatory_rules(
        &self,
        caller: &Caller,
        team_header: Option<&str>,
        request_context: RequestContext,
        model: &ModelName,
    ) -> bool {
        MODEL_ROUTES.into_iter().any(|route| {
            let facts = Facts { method: "POST", route, request_context, ..Facts::default() };
            let asked = Asked { facts, header: team_header, models: &[model] };
            self.decide_asked(caller, &asked).map_or_else(|denied| !denied.is_floor, |_| true)
        })
    }
}

impl<'s> Questions<'s> {
    fn may_call(&mut self, model: &ModelName) -> bool {
        let reads_context = !self.snapshot.world.reads.context.is_empty();
        let mut denied_to = Vec::new();
        MODEL_ROUTES.into_iter().any(|route| {
            let facts =
                Facts { method: "POST", route, request_context: self.request_context, ..Facts::default() };
            let asked = Asked { facts, header: self.header, models: &[model] };
            let Ok(team) = team::select(self.snapshot, self.caller, &asked) else { return false };
            if denied_to.contains(&team) {
                return false;
            }
            let Some(authz_context) = self.authz_context(&facts, route, team) else { return false };
            let allowed =
                authz_context.ask_model(model.as_str(), &facts).is_ok_and(|verdict| verdict.allows());
            // A policy that reads the context may answer differently on another route.
            if !reads_context {
                denied_to.push(team);
            }
            allowed
        })
    }

    fn authz_context(
        &mut self,
        facts: &Facts<'static>,
        route: &'static str,
        team: Option<&'s str>,
    ) -> Option<&AuthzContext<'s>> {
        let (snapshot, caller) = (self.snapshot, self.caller);
        match self.authz_contexts.entry((route, team)) {
            Entry::Occupied(known) => known.into_mut().as_ref(),
            Entry::Vacant(new) => {
                let asked = Asked { facts: *facts, header: None, models: &[] };
                let authz_context = AuthzContext::new(snapshot, snapshot.key(caller, Ok(team), &asked)).ok();
                let may_call_route = |authz_context: &AuthzContext<'_>| {
                    authz_context.ask_route(facts).is_ok_and(|verdict| verdict.allows())
                };
                new.insert(authz_context.filter(may_call_route)).as_ref()
            }
        }
    }
}
