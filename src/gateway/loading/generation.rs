//! The active configuration: rules and token verification keys, replaced together.

use super::listeners::ListenerTls;
use super::origin::Origin;
use crate::engine::Snapshot;
use crate::gateway::auth::verifier::TokenVerifier;
use crate::gateway::upstream::deployments::Deployments;

/// A generation of the rules. A request loads it once and keeps it until its end. So no request is verified with the
/// keys of one generation and decided by the rules of another.
pub struct Generation {
    pub(in crate::gateway) snapshot: Snapshot,
    /// The shadow rules, which are compared but never enforced.
    pub(in crate::gateway) shadow: Option<Snapshot>,
    pub(in crate::gateway) verifier: Option<TokenVerifier>,
    pub(in crate::gateway) deployments: Deployments,
    pub(in crate::gateway) tls: ListenerTls,
    pub(in crate::gateway) origin: Option<Origin>,
}

impl Generation {
    /// A generation without files. Without a verifier, every token is refused.
    #[must_use]
    pub fn new(snapshot: Snapshot, verifier: Option<TokenVerifier>) -> Self {
        let deployments = Deployments::new(snapshot.config());
        Self { snapshot, shadow: None, verifier, deployments, tls: ListenerTls::default(), origin: None }
    }

    /// The same with shadow rules, which are compared but never enforced.
    #[must_use]
    pub fn with_shadow(self, shadow: Snapshot) -> Self {
        Self { shadow: Some(shadow), ..self }
    }

    /// The rules.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Whether the claims of a caller are needed after it was identified: by policies that read them, or by the shadow
    /// rules, which identify the caller again.
    pub(in crate::gateway) fn keeps_claims(&self) -> bool {
        self.shadow.is_some() || self.snapshot.reads_claims()
    }

    /// The source files, if there are any.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Verifies tokens. Without one, every token is refused.
    #[cfg(feature = "cli")]
    pub(crate) fn verifier(&self) -> Option<&TokenVerifier> {
        self.verifier.as_ref()
    }

    /// Fetches the keys of every provider that has none here, so that the first token does not wait. Failures are
    /// logged, and tried again when a token needs the keys.
    pub async fn warm_up(&self) {
        if let (Some(verifier), Some(jwt)) = (&self.verifier, &self.snapshot.config().jwt) {
            verifier.warm_up(&jwt.tokens).await;
        }
    }
}
