//! What is in force, as one thing: rules, and the keys by which tokens are verified under them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::sign::CertifiedKey;

use super::TokenVerifier;
use super::deployments::Deployments;
use crate::engine::Snapshot;

/// A generation. A request loads it once and ends with it, so no request is verified by the keys of one and decided by
/// the rules of another.
pub struct InForce {
    pub(super) snapshot: Snapshot,
    /// Rules under trial: compared with, never enforced.
    pub(super) candidate: Option<Snapshot>,
    pub(super) verifier: Option<TokenVerifier>,
    pub(super) deployments: Deployments,
    /// What the listener shows, if it speaks TLS.
    pub(super) certificate: Option<Arc<CertifiedKey>>,
    pub(super) origin: Option<Origin>,
}

/// The files that a generation was made of.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The SHA-256 of all of them, names and contents, in hexadecimal digits.
    pub hash: String,
    /// When they were read.
    pub loaded_at: SystemTime,
    /// Their paths, the configuration's first.
    pub files: Vec<PathBuf>,
    /// The directory of policies, if there is one.
    pub policies: Option<PathBuf>,
    /// How many policies were dropped in.
    pub policy_count: usize,
}

impl Origin {
    /// The directory of policies, if there is none in it: it adds nothing and forbids nothing.
    #[must_use]
    pub fn without_policies(&self) -> Option<&Path> {
        self.policies.as_deref().filter(|_| self.policy_count == 0)
    }
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
