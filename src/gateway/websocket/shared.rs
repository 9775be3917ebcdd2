//! The state that all WebSockets share.

use std::sync::Arc;

use super::dial::Dialer;
use crate::config::Limits;
use crate::gateway::judged::Active;
use crate::gateway::limits::admission::AdmissionControl;
use crate::gateway::limits::counter::Counter;
use crate::gateway::telemetry::Observers;

/// The state that all WebSockets share.
pub(in crate::gateway) struct Sockets {
    pub(super) active: Active,
    pub(super) observers: Arc<Observers>,
    pub(super) connections: Counter,
    pub(super) body_bytes: Counter,
    pub(super) dialer: Dialer,
}

impl Sockets {
    /// # Errors
    ///
    /// The system's certificates cannot be loaded.
    pub(in crate::gateway) fn new(
        active: &Active,
        observers: &Arc<Observers>,
        load: &AdmissionControl,
        limits: &Limits,
    ) -> std::io::Result<Self> {
        Ok(Self {
            active: Arc::clone(active),
            observers: Arc::clone(observers),
            connections: load.connections.clone(),
            body_bytes: load.body_bytes.clone(),
            dialer: Dialer::new(limits)?,
        })
    }
}
