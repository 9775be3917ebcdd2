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
    pub(in crate::gateway) fn parse(url: &Url, content: &[u8]) -> Result<Self, FetchError> {
        Ok(match published(url, content)? {
            Published::Keys(keys) => Self::Keys(Arc::new(keys)),
            Published::Elsewhere(url) => Self::Elsewhere(url),
        })
    }
}

/// The `file:` URLs among the rules, with their paths. A path that is no file of this machine is left out, and fetching
/// from it fails.
pub(in crate::gateway) fn key_files(rules: &TokenRules) -> Vec<(Url, PathBuf)> {
    let urls = groups(rules).flat_map(|(_, urls)| urls).filter(|url| url.scheme() == "file");
    urls.filter_map(|url| Some((url.clone(), url.to_file_path().ok()?))).collect()
}
