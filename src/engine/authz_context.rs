//! A caller with its selected team, ready for Cedar's questions.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use cedar_policy::{Context, Entities, Entity, EntityUid, Request};

use super::Snapshot;
use super::cache::key::Key;
use super::entities::build;
use super::entities::candidates::Candidates;
use super::entities::principal_context::PrincipalContext;
use super::policy::context::Facts;
use super::policy::index::{Policies, QuestionEntities};
use super::policy::questions::{Question, Questions, Verdict};
use super::policy::store::PolicyStore;

/// A caller with its selected team. All questions of one request share it.
pub(super) struct AuthzContext<'s> {
    snapshot: &'s Snapshot,
    context: PrincipalContext<'s>,
    principal: EntityUid,
    principal_entities: Vec<Entity>,
}

impl<'s> AuthzContext<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, key: Key<'s>) -> Result<Self, String> {
        let context = PrincipalContext::new(&snapshot.world, key);
        let (principal, principal_entities) = build::caller(&snapshot.world, &context)?;
        Ok(Self { snapshot, context, principal, principal_entities })
    }

    /// Asks for the route and for each model.
    pub(super) fn ask(&self) -> Result<Questions, String> {
        let PolicyStore { call_route, use_model, .. } = &self.snapshot.policies;
        let (route, route_entity) = self.route()?;
        let models = self.context.key.models.iter().map(|model| self.model(model.as_str()));
        let (models, model_entities): (Vec<_>, Vec<_>) =
            models.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        // All questions share one entity store, because building the store costs more than a question.
        let entities = self.entities(model_entities.into_iter().chain([route_entity]))?;
        let ask = |policies, resource| {
            Question::new(&self.snapshot.policies, policies, &self.principal, resource, &entities)
        };
        let all =
            std::iter::once((call_route, route)).chain(models.into_iter().map(|model| (use_model, model)));
        let all = all.map(|(policies, resource)| ask(policies, resource)).collect::<Result<_, _>>()?;
        Ok(Questions { is_matched: self.is_matched(), all })
    }

    pub(super) fn ask_route(&self, facts: &Facts<'_>) -> Result<Verdict, String> {
        let (route, entity) = self.route()?;
        let entities = self.entities([entity])?;
        let store = &self.snapshot.policies;
        let question = Question::new(store, &store.call_route, &self.principal, route, &entities)?;
        question.verdict(store, facts).map(std::borrow::Cow::into_owned)
    }

    pub(super) fn ask_model(&self, model: &str, facts: &Facts<'_>) -> Result<Verdict, String> {
        let (model, entity) = self.model(model)?;
        let entities = self.entities([entity])?;
        let store = &self.snapshot.policies;
        let question = Question::new(store, &store.use_model, &self.principal, model, &entities)?;
        question.verdict(store, facts).map(std::borrow::Cow::into_owned)
    }

    /// Asks for an action that operators declare.
    pub(super) fn ask_other(
        &self,
        policies: &Policies,
        resource: Entity,
        context: Context,
    ) -> Result<Verdict, String> {
        let (snapshot, resource_uid) = (self.snapshot, resource.uid());
        // The caller and its teams are what the configuration says, also as resources.
        let is_known = self.principal_entities.iter().any(|entity| entity.uid() == resource_uid);
        let entities = self.entities(Some(resource).filter(|_| !is_known))?;
        let actions = snapshot.world.drop_ins.actions.iter().cloned();
        let entities = Arc::unwrap_or_clone(entities).add_entities(actions, None);
        let entities = entities.map_err(|error| error.to_string())?;
        let (principal, action) = (self.principal.clone(), policies.action.clone());
        let schema = &snapshot.world.drop_ins.schema;
        let request = Request::new(principal, action, resource_uid.clone(), context, Some(schema));
        let request = request.map_err(|error| error.to_string())?;
        let question_entities = QuestionEntities::new(&self.principal, &resource_uid, &entities);
        Question::whole(&snapshot.policies, policies, &request, &question_entities, &entities)
    }

    /// The lists that are matched against the caller's requests.
    pub(super) fn candidates(&self) -> &Candidates<'s> {
        &self.context.candidates
    }

    fn route(&self) -> Result<(EntityUid, Entity), String> {
        let Key { route, method, .. } = self.context.key;
        build::route(&self.snapshot.world, &self.context.candidates, route, method)
    }

    fn model(&self, name: &str) -> Result<(EntityUid, Entity), String> {
        build::model(&self.snapshot.world, &self.snapshot.world.reads, &self.context.candidates, name)
    }

    /// Whether the caller has a role that carries grants.
    fn is_matched(&self) -> bool {
        let config = self.snapshot.config();
        let token_roles_alone =
            config.token_roles.is_some() && !config.jwt.as_ref().is_some_and(|jwt| jwt.enforce_rbac);
        self.context.has_token_role || (self.context.has_role && !token_roles_alone)
    }

    /// The caller's entity and its teams, for questions that no policy answers.
    pub(super) fn principal(&self) -> (&EntityUid, &[Entity]) {
        (&self.principal, &self.principal_entities)
    }

    /// The caller, its teams and the requested resources, with every entity that a policy can reach from them or names.
    fn entities(&self, resources: impl IntoIterator<Item = Entity>) -> Result<Arc<Entities>, String> {
        let entities = self.principal_entities.iter().cloned().chain(resources);
        let drop_ins = &self.snapshot.world.drop_ins;
        let entities = if drop_ins.statics.is_empty() && drop_ins.subjects.is_empty() {
            Entities::from_entities(entities, None)
        } else {
            let mut all: HashMap<EntityUid, Entity> = entities.map(|entity| (entity.uid(), entity)).collect();
            self.add_reachable(&mut all)?;
            Entities::from_entities(all.into_values(), None)
        };
        entities.map(Arc::new).map_err(|error| error.to_string())
    }

    fn add_reachable(&self, all: &mut HashMap<EntityUid, Entity>) -> Result<(), String> {
        let drop_ins = &self.snapshot.world.drop_ins;
        let mut pending: Vec<EntityUid> = all.keys().flat_map(|uid| drop_ins.held_by(uid)).cloned().collect();
        pending.extend(drop_ins.subjects.iter().cloned());
        while let Some(uid) = pending.pop() {
            let Entry::Vacant(place) = all.entry(uid) else { continue };
            pending.extend(drop_ins.held_by(place.key()).cloned());
            let entity = build::other(&self.snapshot.world, &self.context.candidates, place.key())?;
            place.insert(entity);
        }
        Ok(())
    }
}
