//! Decisions: an immutable [`Snapshot`] of everything that a decision needs, behind one pointer.
//!
//! A request loads the pointer once and keeps the snapshot to its end, so it never sees half of a change.

mod authorize;
mod callable;
mod context;
mod decision;
mod dropped;
mod entities;
mod explain;
mod facts;
mod index;
mod inquiry;
mod listing;
mod snapshot;
mod team;

use std::sync::Arc;

use arc_swap::ArcSwap;

#[cfg(feature = "cli")]
pub(crate) use callable::MODEL_ROUTES;
pub use decision::{Decision, Denied, Permit, Rule};
pub use explain::{Considered, Explanation};
pub use facts::PolicyView;
pub use inquiry::Inquiry;
pub use snapshot::{Snapshot, SnapshotError};

/// The snapshot in force.
#[derive(Debug)]
pub struct Engine(ArcSwap<Snapshot>);

impl Engine {
    /// Starts with a snapshot.
    #[must_use]
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The snapshot in force. Load it once for each request.
    #[must_use]
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts another snapshot in force, and returns the one that was. Requests that hold the old one finish with it.
    pub fn swap(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        self.0.swap(Arc::new(snapshot))
    }
}
