//! What drop-in files mention, for reports about names that nothing else knows.
//!
//! Input: a snapshot. Output: the policies that match no request by the types of the schema, and the entities that files name.

use std::collections::BTreeSet;

use cedar_policy::{EntityUid, PolicySet, ValidationMode, ValidationWarning, Validator};

use crate::engine::Snapshot;

impl Snapshot {
    /// The ids of the drop-in policies that match no request, by the types of the schema alone.
    pub(crate) fn impossible_policies(&self) -> BTreeSet<String> {
        let dropped = self.policies().filter(|view| view.is_dropped_in()).map(|view| view.policy().clone());
        // Their ids are unique, or there would be no snapshot.
        let set = PolicySet::from_policies(dropped).unwrap_or_default();
        let outcome =
            Validator::new(self.world.drop_ins.schema.clone()).validate(&set, ValidationMode::Strict);
        let impossible = outcome.validation_warnings().filter_map(|warning| match warning {
            ValidationWarning::ImpossiblePolicy(found) => Some(found.policy_id().to_string()),
            _ => None,
        });
        impossible.collect()
    }

    /// Every entity that entity files describe or name.
    pub(crate) fn entities_of_files(&self) -> BTreeSet<EntityUid> {
        let statics = &self.world.drop_ins.statics;
        let mut all = BTreeSet::new();
        for uid in statics.described() {
            all.insert(uid.clone());
            all.extend(statics.ancestors(uid).cloned());
            let holds = statics.get(uid).into_iter().flat_map(|described| &described.holds);
            all.extend(holds.map(|(_, held)| held.clone()));
        }
        all
    }
}
