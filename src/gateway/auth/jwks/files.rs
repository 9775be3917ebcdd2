//! Key sets in files. They are read and activated together with the configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use url::Url;

use super::fetch::{Published, published};
use super::fetch_error::FetchError;
use super::group::groups;
use crate::authn::KeySet;
use crate::config::TokenRules;

/// The content of the `file:` URLs of a configuration.
pub(in crate::gateway) type KeyFiles = BTreeMap<Url, KeyFile>;

/// The content of a `file:` URL.
pub(in crate::gateway) enum KeyFile {
    Keys(Arc<KeySet>),
    /// A discovery document. The keys are fetched from this URL.
    Elsewhere(Url),
}

impl KeyFile {
    /// Reads a file. A discovery document must belong to the configured issuer.
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

/// A `file:` URL in the rules.
pub(in crate::gateway) struct NamedFile {
    pub(in crate::gateway) url: Url,
    pub(in crate::gateway) path: PathBuf,
    /// The issuer of the keys, if one is configured.
    pub(in crate::gateway) issuer: Option<String>,
}

/// The `file:` URLs in the rules, with their paths. A path that is not a local file is left out, and fetching from it
/// fails.
pub(in crate::gateway) fn key_files(rules: &TokenRules) -> Vec<NamedFile> {
    let urls = groups(rules).flat_map(|keys| keys.urls.iter().map(move |url| (url, keys.expected)));
    let files = urls.filter(|(url, _)| url.scheme() == "file");
    let named = |(url, issuer): (&Url, Option<&str>)| {
        let path = url.to_file_path().ok()?;
        Some(NamedFile { url: url.clone(), path, issuer: issuer.map(str::to_owned) })
    };
    files.filter_map(named).collect()
}
