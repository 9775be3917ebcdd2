//! The version of a bundle, which must never decrease.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Deserialize;

use super::BundleError;

/// The file with the version, at the root of a bundle. It is optional.
pub(super) const MANIFEST: &str = "bundle.json";

/// The content of the file. Unknown members are refused, because they may be conditions.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u64,
}

/// Reads the version of a bundle.
pub(super) fn version(text: &[u8]) -> Result<u64, BundleError> {
    let manifest = serde_json::from_slice::<Manifest>(text);
    let manifest = manifest.map_err(|error| {
        BundleError::Contents(format!(
            "`{MANIFEST}` is not an object with a `version` that is a whole number, such as {{\"version\": 42}}: {error}"
        ))
    })?;
    Ok(manifest.version)
}

/// The newest accepted bundle with a version. Older bundles are refused after it.
///
/// Store it, and pass it to [`Mirror::not_before`](super::Mirror::not_before) to continue after a restart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundleVersion {
    /// The `version` in its `bundle.json`.
    pub number: u64,
    /// The SHA-256 of the bundle as it was sent.
    pub digest: [u8; 32],
}

impl BundleVersion {
    /// Returns the new newest version, if `bundle` with the version `number` is acceptable after `newest`.
    pub(super) fn after(
        newest: Option<&Self>,
        number: Option<u64>,
        bundle: &[u8],
    ) -> Result<Option<Self>, BundleError> {
        let mut digest_bytes = [0; 32];
        digest_bytes.copy_from_slice(digest(&SHA256, bundle).as_ref());
        let next = number.map(|number| Self { number, digest: digest_bytes });
        let refused = |reason: String| Err(BundleError::Version(reason));
        match (newest, next) {
            (Some(newest), None) => {
                refused(format!("it has no `{MANIFEST}`, but version {} was accepted before", newest.number))
            }
            (Some(newest), Some(next)) if next.number < newest.number => refused(format!(
                "it is version {}, but version {} was accepted before",
                next.number, newest.number
            )),
            (Some(newest), Some(next)) if next.number == newest.number && next != *newest => {
                refused(format!("it is version {} again, but its content differs", next.number))
            }
            (_, next) => Ok(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(newest: Option<u64>, next: Option<u64>, bundle: &[u8]) -> Result<Option<u64>, String> {
        let newest = newest.map(|number| BundleVersion::after(None, Some(number), b"a").unwrap().unwrap());
        let accepted = BundleVersion::after(newest.as_ref(), next, bundle);
        accepted.map(|version| version.map(|version| version.number)).map_err(|error| error.to_string())
    }

    #[test]
    fn versions_grow_or_stay_with_the_same_bundle() {
        assert_eq!(after(None, None, b"b"), Ok(None));
        assert_eq!(after(None, Some(0), b"b"), Ok(Some(0)));
        assert_eq!(after(Some(7), Some(8), b"b"), Ok(Some(8)));
        assert_eq!(after(Some(7), Some(7), b"a"), Ok(Some(7)));
    }

    #[test]
    fn an_older_version_none_and_another_bundle_of_the_same_are_refused() {
        for (next, bundle) in [(Some(6), b"a"), (Some(0), b"b"), (None, b"a"), (Some(7), b"b")] {
            assert!(after(Some(7), next, bundle).is_err(), "{next:?}");
        }
    }

    #[test]
    fn a_version_is_one_whole_number() {
        assert_eq!(version(br#" {"version": 18446744073709551615}"#).unwrap(), u64::MAX);
        for text in [
            "",
            "{}",
            "42",
            r#"{"version": "42"}"#,
            r#"{"version": -1}"#,
            r#"{"version": 1.0}"#,
            r#"{"version": null}"#,
            r#"{"version": 1, "version": 2}"#,
            r#"{"version": 1, "expires": "2020-01-01"}"#,
            r#"{"version": 1} x"#,
        ] {
            assert!(version(text.as_bytes()).is_err(), "{text}");
        }
    }
}
