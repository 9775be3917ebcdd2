//! What is in force, as one thing: rules, and the keys by which tokens are verified under them.

use std::sync::Arc;

use rustls::sign::CertifiedKey;

use super::origin::Origin;
use crate::engine::Snapshot;
use crate::gateway::auth::verifier::TokenVerifier;
use crate::gateway::upstream::deployments::Deployments;

/// A generation. A request loads it once and ends with it, so no request is verified by the keys of one and decided by
/// the rules of another.
pub struct InForce {
    pub(in crate::gateway) snapshot: Snapshot,
    /// Rules under trial: compared with, never enforced.
    pub(in crate::gateway) candidate: Option<Snapshot>,
    pub(in crate::gateway) verifier: Option<TokenVerifier>,
    pub(in crate::gateway) deployments: Deployments,
    /// What the listener shows, if it speaks TLS.
    pub(in crate::gateway) certificate: Option<Arc<CertifiedKey>>,
    pub(in crate::gateway) origin: Option<Origin>,
}

impl InForce {
    /// Rules and a verifier that come from no file; without a verifier every token is refused.
    #[must_use]
    pub fn new(snapshot: Snapshot, verifier: Option<TokenVerifier>) -> Self {
        let deployments = Deployments::new(snapshot.config());
        Self { snapshot, candidate: None, verifier, deployments, certificate: None, origin: None }
    }

    /// The same with rules under trial, which are compared and never enforced.
    #[must_use]
    pub fn with_candidate(self, candidate: Snapshot) -> Self {
        Self { candidate: Some(candidate), ..self }
    }

    /// The rules.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// Where they come from, if it is files.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// Fetches the keys of every provider that has none here, so that the first token need not wait. What fails is
    /// logged, and tried again when a token needs it.
    pub async fn warm_up(&self) {
        if let (Some(verifier), Some(jwt)) = (&self.verifier, &self.snapshot.config().jwt) {
            verifier.warm_up(&jwt.tokens).await;
        }
    }
}
