//! A caller with its selected team, as Cedar is asked about it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use cedar_policy::{Entities, Entity, EntityUid};

use super::Snapshot;
use super::context::Facts;
use super::entities;
use super::key::Key;
use super::questions::{Question, Questions, Verdict};
use super::ties::Ties;

/// A caller, with the team that was selected: the part of a decision that all questions of a request share.
pub(super) struct Situation<'s> {
    snapshot: &'s Snapshot,
    ties: Ties<'s>,
    principal: EntityUid,
    principal_entities: Vec<Entity>,
}

impl<'s> Situation<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, key: Key<'s>) -> Result<Self, String> {
        let ties = Ties::new(snapshot, key);
        let (principal, principal_entities) = entities::caller(snapshot, &ties)?;
        Ok(Self { snapshot, ties, principal, principal_entities })
    }

    /// Asks for the route, and for each of the models.
    pub(super) fn ask(&self) -> Result<Questions, String> {
        let Snapshot { call_route, use_model, .. } = self.snapshot;
        let (route, route_entity) = self.route()?;
        let models = self.ties.key.models.iter().map(|model| self.model(model.as_str()));
        let (models, model_entities): (Vec<_>, Vec<_>) =
            models.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        // One store for all questions: building it costs more than a question.
        let entities = self.entities(model_entities.into_iter().chain([route_entity]))?;
        let ask =
            |policies, resource| Question::new(self.snapshot, policies, &self.principal, resource, &entities);
        let all =
            std::iter::once((call_route, route)).chain(models.into_iter().map(|model| (use_model, model)));
        let all = all.map(|(policies, resource)| ask(policies, resource)).collect::<Result<_, _>>()?;
        Ok(Questions { is_matched: self.is_matched(), all })
    }

    pub(super) fn ask_route(&self, facts: &Facts<'_>) -> Result<Verdict, String> {
        let (route, entity) = self.route()?;
        let entities = self.entities([entity])?;
        let question =
            Question::new(self.snapshot, &self.snapshot.call_route, &self.principal, route, &entities)?;
        question.verdict(self.snapshot, facts).map(std::borrow::Cow::into_owned)
    }

    pub(super) fn ask_model(&self, model: &str, facts: &Facts<'_>) -> Result<Verdict, String> {
        let (model, entity) = self.model(model)?;
        let entities = self.entities([entity])?;
        let question =
            Question::new(self.snapshot, &self.snapshot.use_model, &self.principal, model, &entities)?;
        question.verdict(self.snapshot, facts).map(std::borrow::Cow::into_owned)
    }

    fn route(&self) -> Result<(EntityUid, Entity), String> {
        let Key { route, method, .. } = self.ties.key;
        entities::route(self.snapshot, &self.ties.candidates, route, method)
    }

    fn model(&self, name: &str) -> Result<(EntityUid, Entity), String> {
        entities::model(self.snapshot, &self.snapshot.reads, &self.ties.candidates, name)
    }

    /// Whether the caller has a role that something is granted to.
    fn is_matched(&self) -> bool {
        let config = self.snapshot.config();
        let token_roles_alone =
            config.token_roles.is_some() && !config.jwt.as_ref().is_some_and(|jwt| jwt.enforce_rbac);
        self.ties.has_token_role || (self.ties.has_role && !token_roles_alone)
    }

    /// The caller with its teams, for questions that no policy answers.
    pub(super) fn principal(&self) -> (&EntityUid, &[Entity]) {
        (&self.principal, &self.principal_entities)
    }

    /// The caller, its teams and what is asked for, with every entity that a policy can reach from them or by its name.
    fn entities(&self, resources: impl IntoIterator<Item = Entity>) -> Result<Arc<Entities>, String> {
        let entities = self.principal_entities.iter().cloned().chain(resources);
        let dropped = &self.snapshot.dropped;
        let entities = if dropped.statics.is_empty() && dropped.subjects.is_empty() {
            Entities::from_entities(entities, None)
        } else {
            let mut all: HashMap<EntityUid, Entity> = entities.map(|entity| (entity.uid(), entity)).collect();
            self.add_reachable(&mut all)?;
            Entities::from_entities(all.into_values(), None)
        };
        entities.map(Arc::new).map_err(|error| error.to_string())
    }

    fn add_reachable(&self, all: &mut HashMap<EntityUid, Entity>) -> Result<(), String> {
        let dropped = &self.snapshot.dropped;
        let mut open: Vec<EntityUid> = all.keys().flat_map(|uid| dropped.held_by(uid)).cloned().collect();
        open.extend(dropped.subjects.iter().cloned());
        while let Some(uid) = open.pop() {
            let Entry::Vacant(place) = all.entry(uid) else { continue };
            open.extend(dropped.held_by(place.key()).cloned());
            let entity = entities::other(self.snapshot, &self.ties.candidates, place.key())?;
            place.insert(entity);
        }
        Ok(())
    }
}
