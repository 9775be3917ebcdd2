//! Policies from a server: a bundle is polled, verified, and unpacked into a directory of policies.
//!
//! Input: a `.tar.gz` from an HTTP server, which `unpack` extracts within limits. Output: a directory of policies, and
//! a notice to the reloader that it changed.

mod directory;
mod error;
mod manifest;
pub(in crate::gateway) mod unpack;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{ETAG, IF_NONE_MATCH};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::Full;
use url::Url;

use directory::PrivateDirectory;
pub use error::BundleError;
pub use manifest::BundleVersion;
use unpack::Contents;

use super::reloader::Reloader;
use crate::config::{Config, place};
use crate::gateway::auth::jwks::FetchLimits;
use crate::gateway::auth::jwks::fetch::{Fetcher, native_tls, uri};
use crate::gateway::auth::jwks::fetch_error::FetchError;
use crate::reload::{Outcome, Variables};
use crate::sources::Sources;

/// The maximum size of a bundle. It is kept in memory while it is verified.
const LIMITS: FetchLimits = FetchLimits { timeout: Duration::from_secs(30), max_bytes: 16 * 1024 * 1024 };

/// A local copy of a bundle of policies: `.tar.gz`, polled with its `ETag`.
#[derive(Debug)]
pub struct Mirror {
    url: Url,
    key: Option<Vec<u8>>,
    fetcher: Fetcher,
    /// This private directory is removed with the mirror.
    directory: PrivateDirectory,
    etag: Option<HeaderValue>,
    /// The number of bundles that were unpacked.
    unpacked: u64,
    newest: Option<BundleVersion>,
}

impl Mirror {
    /// A mirror of `url` without content yet. If an ed25519 public key (32 bytes) is given, the file at `url` with
    /// `.sig` must be a signature by that key. It has 64 bytes, plain or in base64, and covers the bundle as sent.
    ///
    /// # Errors
    ///
    /// [`BundleError::Plain`] without `https:` and without a key; [`BundleError::Io`] if the directory cannot be
    /// created.
    pub fn new(url: Url, key: Option<Vec<u8>>) -> Result<Self, BundleError> {
        if url.scheme() != "https" && key.is_none() {
            return Err(BundleError::Plain(place(&url).to_string()));
        }
        let tls = native_tls().map_err(std::io::Error::other)?;
        let (fetcher, directory) = (Fetcher::new(tls, LIMITS), PrivateDirectory::new()?);
        Ok(Self { url, key, fetcher, directory, etag: None, unpacked: 0, newest: None })
    }

    /// A mirror of the policies of these sources, and how often to poll it; `None` if they do not come from a server. They
    /// have been fetched once.
    ///
    /// # Errors
    ///
    /// [`BundleError`] if they cannot be fetched, or are invalid.
    pub async fn fetched(
        sources: &Sources,
        env: &Variables,
    ) -> Result<Option<(Self, Duration)>, BundleError> {
        let are_local = match sources.policies() {
            Some(policies) => remote(policies).is_none(),
            None => Config::has_local_policies(sources.config()),
        };
        if are_local {
            return Ok(None);
        }
        // An invalid configuration is reported in full when it is loaded.
        let settings = Config::load(sources.config(), env).map(|config| config.gateway);
        let Ok(settings) = settings else { return Ok(None) };
        let policies = sources.policies().or(settings.policies.as_deref());
        let Some(url) = policies.and_then(remote) else { return Ok(None) };
        let mut mirror = Self::new(url, settings.policies_key)?;
        mirror.refresh().await?;
        Ok(Some((mirror, settings.policies_poll)))
    }

    /// The same mirror, but it refuses bundles that are older than `newest`.
    #[must_use]
    pub fn not_before(self, newest: BundleVersion) -> Self {
        Self { newest: Some(newest), ..self }
    }

    /// The newest accepted bundle with a version.
    #[must_use]
    pub fn newest(&self) -> Option<&BundleVersion> {
        self.newest.as_ref()
    }

    /// The directory of the policies, after the first fetch.
    #[must_use]
    pub fn policies(&self) -> PathBuf {
        self.directory.path().join("current")
    }

    /// Fetches the bundle if it has changed. Returns whether it has.
    ///
    /// # Errors
    ///
    /// [`BundleError`]. Nothing is changed then.
    pub async fn refresh(&mut self) -> Result<bool, BundleError> {
        let Some((bundle, etag)) = self.get(&self.url, self.etag.as_ref()).await? else { return Ok(false) };
        self.check_signature(&bundle).await?;
        let (number, current, newest) = (self.unpacked + 1, self.policies(), self.newest.clone());
        let numbered = |number: u64| self.directory.path().join(format!("v{number}"));
        let (next, previous) = (numbered(number), numbered(self.unpacked));
        let unpacked = tokio::task::spawn_blocking(move || {
            let contents = Contents::read(&bundle)?;
            let newest = BundleVersion::after(newest.as_ref(), contents.version, &bundle)?;
            contents.write(&next)?;
            unpack::point(&current, &next)?;
            // Leftover files do no harm.
            let _ = std::fs::remove_dir_all(previous);
            Ok::<_, BundleError>(newest)
        });
        self.newest = unpacked.await.map_err(std::io::Error::other)??;
        (self.unpacked, self.etag) = (number, etag);
        Ok(true)
    }

    async fn check_signature(&self, bundle: &[u8]) -> Result<(), BundleError> {
        let Some(key) = &self.key else { return Ok(()) };
        let mut url = self.url.clone();
        url.set_path(&format!("{}.sig", self.url.path()));
        let (answer, _) = self.get(&url, None).await?.unwrap_or_default();
        let plain = (answer.len() == 64).then(|| answer.to_vec());
        let signature = plain.or_else(|| STANDARD.decode(answer.trim_ascii()).ok()).unwrap_or_default();
        let key = UnparsedPublicKey::new(&ED25519, key);
        key.verify(bundle, &signature).map_err(|_| BundleError::Signature(place(&self.url).to_string()))
    }

    /// Fetches the document and its `ETag`; `None` if `etag` is still current.
    async fn get(
        &self,
        url: &Url,
        etag: Option<&HeaderValue>,
    ) -> Result<Option<(Bytes, Option<HeaderValue>)>, BundleError> {
        let failed =
            |error: FetchError| BundleError::Fetch { url: place(url).to_string(), reason: error.to_string() };
        let steps = async {
            let mut request =
                Request::get(uri(url)?).body(Full::default()).map_err(|_| FetchError::Scheme)?;
            request.headers_mut().extend(etag.map(|etag| (IF_NONE_MATCH, etag.clone())));
            let response = self.fetcher.send(request).await?;
            if etag.is_some() && response.status() == StatusCode::NOT_MODIFIED {
                return Ok(None);
            }
            let etag = response.headers().get(ETAG).cloned();
            Ok(Some((self.fetcher.body(response).await?, etag)))
        };
        self.fetcher.in_time(steps).await.map_err(failed)
    }
}

impl Reloader {
    /// Polls a mirror, and activates new bundles. Runs until it is dropped.
    pub async fn follow(self: Arc<Self>, mut mirror: Mirror, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            let before = mirror.newest().cloned();
            match mirror.refresh().await {
                Ok(false) => {}
                Ok(true) => {
                    // A bundle that was never active sets no minimum version.
                    if self.reload().await == Outcome::Refused {
                        mirror.newest = before;
                    }
                }
                Err(error) => self.refused(error.to_string()),
            }
        }
    }
}

/// Returns the URL of the bundle, if the policies come from a server.
fn remote(policies: &Path) -> Option<Url> {
    let text = policies.to_str()?;
    let is_web = text.starts_with("https://") || text.starts_with("http://");
    if is_web { text.parse().ok() } else { None }
}
