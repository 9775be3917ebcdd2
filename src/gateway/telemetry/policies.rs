//! Counters per policy, only for the policies of the active snapshot.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;
use prometheus::{IntCounter, IntCounterVec};

use crate::engine::{Decision, Snapshot};

#[derive(Debug)]
pub(super) struct PolicyCounters {
    decisions: IntCounterVec,
    shadow: IntCounterVec,
    table: ArcSwap<Table>,
}

/// The counters of one generation's policies. Each is created on first use.
#[derive(Debug, Default)]
struct Table {
    generation: u64,
    policies: HashMap<Arc<str>, Counters, RandomState>,
}

#[derive(Debug, Default)]
struct Counters {
    decisions: OnceLock<IntCounter>,
    shadow: OnceLock<IntCounter>,
}

impl PolicyCounters {
    pub(super) fn new(decisions: IntCounterVec, shadow: IntCounterVec) -> Self {
        Self { decisions, shadow, table: ArcSwap::default() }
    }

    /// The counters of disagreements.
    #[cfg(feature = "cli")]
    pub(super) fn disagreements(&self) -> &IntCounterVec {
        &self.shadow
    }

    pub(super) fn count(&self, snapshot: &Snapshot, decision: &Decision) {
        let mut table = self.table.load();
        if table.generation < snapshot.generation() {
            self.renew(snapshot);
            table = self.table.load();
        }
        // A request of an older generation may name removed policies, which are no longer counted.
        for id in &*decision.policies {
            count(table.policies.get(id).map(|counters| &counters.decisions), &self.decisions, id);
        }
        for id in &*decision.shadow {
            count(table.policies.get(id).map(|counters| &counters.shadow), &self.shadow, id);
        }
    }

    /// Starts a table for a snapshot, and removes the counters of removed policies, so that the number of labels stays
    /// limited.
    fn renew(&self, snapshot: &Snapshot) {
        let policies = snapshot.policy_ids().map(|id| (id.clone(), Counters::default())).collect();
        let next = Arc::new(Table { generation: snapshot.generation(), policies });
        let old = self
            .table
            .rcu(|table| if table.generation < next.generation { next.clone() } else { table.clone() });
        for id in old.policies.keys().filter(|id| !next.policies.contains_key(*id)) {
            // The counter may not exist.
            let _ = self.decisions.remove_label_values(&[id]);
            let _ = self.shadow.remove_label_values(&[id]);
        }
    }
}

fn count(slot: Option<&OnceLock<IntCounter>>, family: &IntCounterVec, id: &str) {
    let Some(slot) = slot else { return };
    match slot.get() {
        Some(counter) => counter.inc(),
        None => {
            if let Ok(counter) = family.get_metric_with_label_values(&[id]) {
                slot.get_or_init(|| counter).inc();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::Opts;
    use prometheus::core::Collector as _;

    use super::*;
    use crate::config::Config;
    use crate::names::Role;

    fn snapshot(scopes: &str) -> Snapshot {
        let yaml = format!(
            "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{enforce_scope_based_access: true, \
             scope_mappings: [{scopes}]}}\n"
        );
        Snapshot::build(Config::parse("c.yaml", &yaml, ".".as_ref(), &|_| None).unwrap()).unwrap()
    }

    fn decision(snapshot: &Snapshot, policy: &Arc<str>) -> Decision {
        let policies = Arc::from([policy.clone()]);
        let generation = snapshot.generation();
        let (role, shadow) = (Some(Role::InternalUser), Arc::clone(&policies));
        Decision { role, user_id: None, team_id: None, policies, shadow, unenforced: None, generation }
    }

    #[test]
    fn policies_that_are_gone_are_no_labels_and_the_others_count_on() {
        let family = |name| IntCounterVec::new(Opts::new(name, "help"), &["policy"]).unwrap();
        let counters = PolicyCounters::new(family("decisions"), family("shadow"));
        let old = snapshot("{scope: a, models: [m]}");
        let gone: Vec<_> = old.policy_ids().cloned().collect();
        let new = snapshot("");
        let kept: Vec<_> = new.policy_ids().cloned().collect();
        let only_old = gone.iter().find(|id| !kept.contains(id)).unwrap();
        let both = kept.iter().find(|id| gone.contains(id)).unwrap();

        counters.count(&old, &decision(&old, only_old));
        counters.count(&old, &decision(&old, both));
        counters.count(&new, &decision(&new, both));
        // A request that began under the old rules ends late.
        counters.count(&old, &decision(&old, only_old));
        for family in [&counters.decisions, &counters.shadow] {
            let collected = family.collect();
            let [counter] = collected[0].get_metric() else { panic!("{collected:?}") };
            assert_eq!((counter.get_label()[0].value(), counter.get_counter().get_value()), (&**both, 2.0));
        }
    }
}
