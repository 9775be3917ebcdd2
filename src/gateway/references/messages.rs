//! Remembers the ids that an upstream creates in a WebSocket.

use std::sync::{Arc, Mutex, PoisonError};

use super::owner::Owner;
use super::scanner::{AnswerScanner, IdKind};
use super::store::ReferenceStore;
use super::watch::is_given;
use crate::config::{GatewaySettings, References};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::ApiCall;

/// The models of the ids of one WebSocket: every model that its permitted messages have named. An answer does not say which
/// message it belongs to.
#[derive(Debug, Default)]
pub(in crate::gateway) struct SessionModels {
    named: Mutex<Named>,
}

#[derive(Debug, Default)]
struct Named {
    owner: Option<Owner>,
    models: Arc<[ModelName]>,
    /// Whether a message ran something whose models are not known.
    is_unknown: bool,
}

impl SessionModels {
    /// Adds the models of a handshake or a message that was permitted.
    pub(in crate::gateway) fn add(&self, settings: &GatewaySettings, caller: &Caller, call: &ApiCall) {
        if settings.references != References::Remember {
            return;
        }
        let mut named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        named.owner = Owner::of(caller);
        named.is_unknown |= !call.references().is_empty() || call.is_unnamed();
        if call.models().any(|model| !named.models.contains(model)) {
            let new = call.models().filter(|model| !named.models.contains(model));
            named.models = named.models.iter().chain(new).cloned().collect();
        }
    }

    /// Remembers the ids in a message of the upstream.
    pub(in crate::gateway) fn remember(
        &self,
        store: &ReferenceStore,
        settings: &GatewaySettings,
        message: &[u8],
    ) {
        if settings.references != References::Remember {
            return;
        }
        let (owner, models) = {
            let named = self.named.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(owner) = named.owner else { return };
            (owner, if named.is_unknown { Arc::default() } else { Arc::clone(&named.models) })
        };
        let limits = &settings.limits;
        AnswerScanner::new(false).feed(message, &mut |kind, id| {
            if matches!(kind, IdKind::Created | IdKind::Session) && is_given(id) {
                store.remember(id, owner, &models, limits.references, limits.reference_ttl);
            }
        });
    }
}
