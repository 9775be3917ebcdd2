//! Key sets in files, read with the configuration and in force with it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::fetch::{FetchError, Published, published};
use super::group::groups;
use crate::authn::KeySet;
use crate::config::TokenRules;

/// What the `file:` URLs of a configuration hold.
pub(in crate::gateway) type KeyFiles = BTreeMap<Url, KeyFile>;

/// What a `file:` URL holds.
pub(in crate::gateway) enum KeyFile {
    Keys(Arc<KeySet>),
    /// A discovery document: the keys are fetched from there.
    Elsewhere(Url),
}

impl KeyFile {
    /// Reads what a file holds. A discovery document must be of the configured issuer.
    pub(in crate::gateway) fn parse(
        url: &Url,
        issuer: Option<&str>,
        content: &[u8],
    ) -> Result<Self, FetchError> {
        Ok(match published(url, issuer, content)? {
            Published::Keys(keys) => Self::Keys(Arc::new(keys)),
            Published::Elsewhere(url) => Self::Elsewhere(url),
        })
    }
}

/// A `file:` URL among the rules.
pub(in crate::gateway) struct NamedFile {
    pub(in crate::gateway) url: Url,
    pub(in crate::gateway) path: PathBuf,
    /// The issuer whose keys are expected there, if one is configured.
    pub(in crate::gateway) issuer: Option<String>,
}

/// The `file:` URLs among the rules, with their paths. A path that is no file of this machine is left out, and fetching
/// from it fails.
pub(in crate::gateway) fn key_files(rules: &TokenRules) -> Vec<NamedFile> {
    let urls = groups(rules).flat_map(|keys| keys.urls.iter().map(move |url| (url, keys.expected)));
    let files = urls.filter(|(url, _)| url.scheme() == "file");
    let named = |(url, issuer): (&Url, Option<&str>)| {
        let path = url.to_file_path().ok()?;
        Some(NamedFile { url: url.clone(), path, issuer: issuer.map(str::to_owned) })
    };
    files.filter_map(named).collect()
}
