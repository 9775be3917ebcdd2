//! What is in force, as one thing: rules, and the keys by which tokens are verified under them.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::sign::CertifiedKey;

use super::TokenVerifier;
use super::candidate::{Fingerprint, Roots};
use super::deployments::Deployments;
use crate::dropins;
use crate::engine::Snapshot;

/// More than any file may have that is read.
const LARGEST_FILE: u64 = 64 * 1024 * 1024 + 1;

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
    pub(super) roots: Roots,
}

impl Origin {
    /// The directory of policies, if there is none in it: it adds nothing and forbids nothing.
    #[must_use]
    pub fn without_policies(&self) -> Option<&Path> {
        self.policies.as_deref().filter(|_| self.policy_count == 0)
    }

    /// Whether the same files are there, with the same contents. Cheaper than to read them as what they mean.
    pub(super) fn is_up_to_date(&self) -> bool {
        let known: HashSet<&Path> = self.files.iter().map(PathBuf::as_path).collect();
        let is_known = |list: Vec<PathBuf>| list.iter().all(|path| known.contains(path.as_path()));
        let mut fingerprint = Fingerprint::new();
        self.roots.policies.iter().all(|directory| dropins::list(directory).is_ok_and(is_known))
            && self
                .files
                .iter()
                .all(|path| beginning(path).map(|content| fingerprint.add(path, &content)).is_ok())
            && fingerprint.finish() == self.hash
    }
}

/// As much of a file as any may have that is read.
fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(LARGEST_FILE).read_to_end(&mut content)?;
    Ok(content)
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
