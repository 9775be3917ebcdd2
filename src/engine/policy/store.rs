//! The policies of a snapshot, ready for evaluation.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::{Authorizer, EntityUid, PolicyId};
use foldhash::fast::RandomState;

use super::facts::PolicyFacts;
use super::index::Policies;
use crate::rules::Rule;

/// All policies by action and by id, with Cedar's authorizer.
#[derive(Debug)]
pub(in crate::engine) struct PolicyStore {
    pub(in crate::engine) authorizer: Authorizer,
    pub(in crate::engine) call_route: Policies,
    pub(in crate::engine) use_model: Policies,
    /// Dropped-in policies for the actions that operators declare. A grant of the configuration is about LLM APIs alone.
    pub(in crate::engine) others: HashMap<EntityUid, Policies>,
    /// In the order of the rules, dropped-in policies last.
    pub(in crate::engine) in_order: Vec<Arc<PolicyFacts>>,
    by_id: HashMap<PolicyId, Arc<PolicyFacts>, RandomState>,
}

impl PolicyStore {
    /// Indexes the policies for the actions `call_route` and `use_model`, and for those that operators declare. Returns
    /// the id that two policies have, if there is one.
    pub(in crate::engine) fn new(
        in_order: Vec<Arc<PolicyFacts>>,
        call_route: EntityUid,
        use_model: EntityUid,
        others: impl IntoIterator<Item = EntityUid>,
    ) -> Result<Self, PolicyId> {
        let mut by_id: HashMap<_, _, RandomState> = HashMap::default();
        for facts in &in_order {
            let id = facts.policy.id();
            if by_id.insert(id.clone(), Arc::clone(facts)).is_some() {
                return Err(id.clone());
            }
        }
        let dropped: Vec<_> = in_order.iter().filter(|facts| facts.rule == Rule::Policy).cloned().collect();
        let others = others.into_iter().map(|action| (action.clone(), Policies::new(&dropped, action)));
        Ok(Self {
            others: others.collect(),
            authorizer: Authorizer::new(),
            call_route: Policies::new(&in_order, call_route),
            use_model: Policies::new(&in_order, use_model),
            in_order,
            by_id,
        })
    }

    /// The facts of a policy. Every policy of the snapshot is known. An unknown one could not be reported.
    pub(in crate::engine) fn facts_of(&self, id: &PolicyId) -> Result<&Arc<PolicyFacts>, String> {
        self.by_id.get(id).ok_or_else(|| "unknown policy".to_owned())
    }
}
