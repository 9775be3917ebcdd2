//! The rules that a proof is about.

use crate::config::Config;
use crate::dropins::{DropIn, DropIns};
use crate::engine::{Snapshot, SnapshotError};

use super::ProveError;
use super::encode::Policy;

/// A configuration and its drop-in files, as a snapshot that can be built again with further policies.
#[derive(Debug)]
pub struct Subject {
    pub(super) snapshot: Snapshot,
    pub(super) config: Config,
    pub(super) dropins: DropIns,
}

impl Subject {
    /// Builds the rules.
    ///
    /// # Errors
    ///
    /// [`SnapshotError`] describes the mistake.
    pub fn new(config: Config, dropins: DropIns) -> Result<Self, SnapshotError> {
        let snapshot = Snapshot::with_policies(config.clone(), &dropins)?;
        Ok(Self { snapshot, config, dropins })
    }

    /// The rules.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The same rules with further policies.
    pub(super) fn with(&self, further: impl IntoIterator<Item = DropIn>) -> Result<Snapshot, SnapshotError> {
        let mut dropins = self.dropins.clone();
        dropins.policies.extend(further);
        Snapshot::with_policies(self.config.clone(), &dropins)
    }
}

/// The policies that decide, in the order of the rules.
pub(super) fn enforced(snapshot: &Snapshot) -> Result<Vec<Policy>, ProveError> {
    let enforced = snapshot.policies().filter(|policy| !policy.is_shadow());
    enforced.map(|policy| Policy::new(policy.policy())).collect()
}
