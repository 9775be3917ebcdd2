//! The state that all WebSockets share.

use std::sync::Arc;

use super::dial::Dialer;
use crate::config::Limits;
use crate::gateway::judged::Active;
use crate::gateway::limits::admission::AdmissionControl;
use crate::gateway::limits::counter::Counter;
use crate::gateway::references::ReferenceStore;
use crate::gateway::telemetry::Observers;

/// The state that all WebSockets share.
pub(in crate::gateway) struct Sockets {
    pub(super) active: Active,
    pub(super) observers: Arc<Observers>,
    pub(super) connections: Counter,
    pub(super) body_bytes: Counter,
    pub(super) dialer: Dialer,
    pub(super) references: Arc<ReferenceStore>,
}

impl Sockets {
    /// # Errors
    ///
    /// The system's certificates cannot be loaded.
    pub(in crate::gateway) fn new(
        active: &Active,
        observers: &Arc<Observers>,
        load: &AdmissionControl,
        references: &Arc<ReferenceStore>,
        limits: &Limits,
    ) -> std::io::Result<Self> {
        Ok(Self {
            active: Arc::clone(active),
            observers: Arc::clone(observers),
            connections: load.connections.clone(),
            body_bytes: load.body_bytes.clone(),
            dialer: Dialer::new(limits)?,
            references: Arc::clone(references),
        })
    }
}
