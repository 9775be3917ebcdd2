//! Asks dropped-in policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cedar_policy::{EntityTypeName, EntityUid};

use crate::engine::authz_context::AuthzContext;
use crate::engine::cache::key::Key;
use crate::engine::entities::names::uid;
use crate::engine::policy::asked::Asked;
use crate::engine::policy::context::Facts;
use crate::engine::policy::index::Policies;
use crate::engine::policy::outcome::Outcome;
use crate::engine::policy::questions::Verdict;
use crate::engine::policy::reads::Reads;
use crate::engine::team;
use crate::engine::{Decision, Denied, Rule, Snapshot};
use crate::identity::{Caller, Profile};

use super::properties;
use super::query::AccessQuery;

/// The reason of a denial if nothing permits.
const UNPERMITTED: &str = "no policy permits this action on this resource";

impl Snapshot {
    /// Decides such a question. The mode has no effect: `log_only` is for the denials of LLM requests.
    ///
    /// # Errors
    ///
    /// [`Denied`] if a policy forbids, if none permits, or if the properties do not fit the schema.
    pub fn decide_access(&self, caller: &Caller, query: &AccessQuery<'_>) -> Result<Decision, Box<Denied>> {
        let asked = Asked { facts: Facts::default(), header: None, models: &[] };
        // Properties may name entities and texts that no policy names, so policies see the whole caller.
        let profile = Profile::new(&Reads::everything(), &self.world.teams, caller);
        let profile = Arc::new(self.answers.hashed(profile));
        let key = Key::new(profile, team::select(self, caller, &asked), &asked, false);
        let decision = self.decision_about(caller, key.team_id());
        // A policy that forbids might depend on what the token left out.
        if caller.membership.left_out.is_some() {
            return Err(Box::new(Denied::new(Rule::Overage, decision)));
        }
        let verdict = match self.access(key, query) {
            Ok(verdict) => verdict.unwrap_or_default(),
            Err(error) => {
                let denied = Denied::new(Rule::Evaluation, decision);
                return Err(Box::new(Denied { error: Some(error), ..denied }));
            }
        };
        let Outcome { denying, policies, shadow, reason, .. } = Outcome::new(true, &[&verdict]);
        let decision = Decision { policies, shadow, ..decision };
        match denying {
            None => Ok(decision),
            Some(rule) => {
                let reason = reason.or_else(|| (rule != Rule::Policy).then(|| UNPERMITTED.into()));
                Err(Box::new(Denied { reason, ..Denied::new(Rule::Policy, decision) }))
            }
        }
    }

    /// Asks Cedar. `None` if no such action is declared for such resources.
    fn access(&self, key: Key<'_>, query: &AccessQuery<'_>) -> Result<Option<Verdict>, String> {
        let Ok(kind) = query.resource_type.parse::<EntityTypeName>() else { return Ok(None) };
        let Some((action, policies)) = self.declared_action(query.action, &kind) else { return Ok(None) };
        let authz_context = AuthzContext::new(self, key)?;
        let context = properties::context(&self.world, action, query)?;
        let resource_uid = uid(&kind, query.resource_id);
        let properties = query.resource_properties;
        let resource =
            properties::resource(&self.world, authz_context.candidates(), resource_uid, properties)?;
        authz_context.ask_other(policies, resource, context).map(Some)
    }

    /// The actions that operators declare for resources of this type.
    fn declared_actions<'s>(
        &'s self,
        kind: &EntityTypeName,
    ) -> impl Iterator<Item = (&'s EntityUid, &'s Policies)> {
        let schema = &self.world.drop_ins.schema;
        let actions: Vec<&EntityUid> =
            schema.actions_for_principal_and_resource(&self.world.names.caller, kind).collect();
        actions.into_iter().filter_map(|action| self.policies.others.get_key_value(action))
    }

    /// The action of this name. Two namespaces may each have one: then the name is ambiguous, and stands for none.
    fn declared_action(&self, name: &str, kind: &EntityTypeName) -> Option<(&EntityUid, &Policies)> {
        let mut found = self.declared_actions(kind).filter(|(action, _)| action.id().unescaped() == name);
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    /// The names of the actions that operators declare for resources of this type, sorted.
    #[must_use]
    pub fn actions_on(&self, resource_type: &str) -> Vec<&str> {
        let Ok(kind) = resource_type.parse() else { return Vec::new() };
        let mut names: Vec<&str> =
            self.declared_actions(&kind).map(|(action, _)| action.id().unescaped()).collect();
        names.sort_unstable();
        names
    }

    /// The actions that operators declare, by the type of their resource, sorted.
    #[must_use]
    pub fn own_actions(&self) -> BTreeMap<String, BTreeSet<&str>> {
        let schema = &self.world.drop_ins.schema;
        let mut all: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
        for action in self.policies.others.keys() {
            for kind in schema.resources_for_action(action).into_iter().flatten() {
                all.entry(kind.to_string()).or_default().insert(action.id().unescaped());
            }
        }
        all
    }

    /// The ids of the resources of this type that entity files describe, sorted.
    #[must_use]
    pub fn described_resources(&self, resource_type: &str) -> Vec<&str> {
        let Ok(kind) = resource_type.parse::<EntityTypeName>() else { return Vec::new() };
        let described = self.world.drop_ins.statics.described();
        let mut ids: Vec<&str> =
            described.filter(|uid| *uid.type_name() == kind).map(|uid| uid.id().unescaped()).collect();
        ids.sort_unstable();
        ids
    }
}
