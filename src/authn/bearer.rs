//! The caller's credential, wherever its SDK put it.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// The headers that can hold the caller's credential; none of them goes upstream.
pub const CREDENTIAL_HEADERS: [&str; 5] =
    ["authorization", "x-litellm-api-key", "api-key", "x-api-key", "x-goog-api-key"];

/// The longest credential that is looked at.
pub const MAX_BEARER_BYTES: usize = 16 * 1024;

const SCHEME: &[u8] = b"bearer";

/// A credential as it was presented: visible ASCII, not empty, at most [`MAX_BEARER_BYTES`] long; nobody has checked it.
///
/// There is no `Display`, and `Debug` says nothing of the content.
#[derive(Clone, Copy)]
pub struct Bearer<'h>(&'h str);

impl<'h> Bearer<'h> {
    /// Finds the one credential among a request's headers.
    ///
    /// `Authorization` must use the scheme `Bearer` (RFC 6750 section 2.1); the other headers may.
    ///
    /// # Errors
    ///
    /// [`BearerError`] when there is none, more than one, or one that can't be a credential.
    pub fn from_headers(headers: &'h HeaderMap) -> Result<Self, BearerError> {
        Self::new(Self::presented(headers)?)
    }

    /// The bytes of the one credential among a request's headers, whatever they are.
    ///
    /// # Errors
    ///
    /// [`BearerError`] when there is none, more than one, or one of another scheme.
    pub(crate) fn presented(headers: &'h HeaderMap) -> Result<&'h [u8], BearerError> {
        let mut found = headers.iter().filter(|(name, _)| CREDENTIAL_HEADERS.contains(&name.as_str()));
        let (name, value) = found.next().ok_or(BearerError::Missing)?;
        let value = value.as_bytes();
        if found.next().is_some() {
            return Err(BearerError::Ambiguous);
        }
        match without_scheme(value) {
            Some(credential) => Ok(credential),
            None if *name == AUTHORIZATION => Err(BearerError::Scheme),
            None => Ok(value),
        }
    }

    /// Takes a credential from anywhere else.
    ///
    /// # Errors
    ///
    /// [`BearerError::TooLong`] and [`BearerError::Characters`].
    pub fn new(credential: &'h (impl AsRef<[u8]> + ?Sized)) -> Result<Self, BearerError> {
        let bytes = credential.as_ref();
        if bytes.len() > MAX_BEARER_BYTES {
            return Err(BearerError::TooLong);
        }
        // Without an early end, many bytes at once are looked at: a token has some hundred.
        let is_graphic = bytes.iter().fold(true, |all, byte| all & byte.is_ascii_graphic());
        match simdutf8::basic::from_utf8(bytes) {
            Ok(text) if !text.is_empty() && is_graphic => Ok(Self(text)),
            _ => Err(BearerError::Characters),
        }
    }

    pub(crate) fn expose(&self) -> &'h str {
        self.0
    }
}

impl fmt::Debug for Bearer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

/// What follows `Bearer` and its spaces, in any case (RFC 9110 section 11.1).
fn without_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let credential = rest.trim_ascii_start();
    (scheme.eq_ignore_ascii_case(SCHEME) && (rest.is_empty() || credential.len() < rest.len()))
        .then_some(credential)
}

/// Whether the credential is the operator's master key, in a time that tells nothing of either.
#[must_use]
pub fn is_master_key(bearer: &Bearer<'_>, master_key: &SecretString) -> bool {
    // Digests are of one length, so that not even the key's length shows.
    let presented = digest(&SHA256, bearer.expose().as_bytes());
    let expected = digest(&SHA256, master_key.expose_secret().as_bytes());
    presented.as_ref().ct_eq(expected.as_ref()).into()
}

/// Why a request presents no usable credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// No header holds one.
    #[error("no credential was sent")]
    Missing,
    /// Several headers, or one several times: which one counts would be a guess.
    #[error("credentials were sent in more than one place")]
    Ambiguous,
    /// `Authorization` with another scheme.
    #[error("the authorization scheme is not `Bearer`")]
    Scheme,
    /// Over [`MAX_BEARER_BYTES`].
    #[error("the credential is longer than {MAX_BEARER_BYTES} bytes")]
    TooLong,
    /// Empty, or something other than visible ASCII in it.
    #[error("the credential is empty or has characters that none can have")]
    Characters,
}

impl BearerError {
    /// A short name for logs and metrics.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Missing => "credential_missing",
            Self::Ambiguous => "credential_ambiguous",
            Self::Scheme => "credential_scheme",
            Self::TooLong => "credential_too_long",
            Self::Characters => "credential_characters",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn from(headers: &[(&'static str, &[u8])]) -> Result<String, BearerError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        Bearer::from_headers(&map).map(|bearer| bearer.expose().to_owned())
    }

    #[test]
    fn every_place_is_read_with_and_without_the_scheme() {
        for name in ["x-litellm-api-key", "api-key", "x-api-key", "x-goog-api-key"] {
            assert_eq!(from(&[(name, b"k")]), Ok("k".to_owned()), "{name}");
            assert_eq!(from(&[(name, b"Bearer k")]), Ok("k".to_owned()), "{name}");
        }
        assert_eq!(from(&[("authorization", b"Bearer k")]), Ok("k".to_owned()));
    }

    #[test]
    fn the_scheme_has_no_case_and_any_number_of_spaces() {
        for value in ["bearer k", "BEARER k", "bEaReR    k", "Bearer\tk"] {
            assert_eq!(from(&[("authorization", value.as_bytes())]), Ok("k".to_owned()), "{value}");
        }
    }

    #[test]
    fn authorization_needs_the_scheme() {
        for value in ["Basic dTpw", "k", "Bearerk", "Digest x", "", "Bear"] {
            assert_eq!(from(&[("authorization", value.as_bytes())]), Err(BearerError::Scheme), "{value}");
        }
    }

    #[test]
    fn a_key_that_only_begins_like_the_scheme_is_kept_whole() {
        assert_eq!(from(&[("api-key", b"bearer-key-1")]), Ok("bearer-key-1".to_owned()));
    }

    #[test]
    fn two_places_are_ambiguous_even_when_they_agree() {
        assert_eq!(from(&[("authorization", b"Bearer k"), ("x-api-key", b"k")]), Err(BearerError::Ambiguous));
        assert_eq!(from(&[("authorization", b"Basic k"), ("api-key", b"k")]), Err(BearerError::Ambiguous));
        assert_eq!(
            from(&[("authorization", b"Bearer k"), ("authorization", b"Bearer k")]),
            Err(BearerError::Ambiguous)
        );
    }

    #[test]
    fn no_place_is_missing() {
        assert_eq!(from(&[("x-other", b"k")]), Err(BearerError::Missing));
    }

    #[test]
    fn length_is_judged_before_content() {
        let long = vec![b'a'; MAX_BEARER_BYTES];
        assert_eq!(from(&[("api-key", &long)]).map(|k| k.len()), Ok(MAX_BEARER_BYTES));
        let too_long = vec![0xff; MAX_BEARER_BYTES + 1];
        assert_eq!(from(&[("api-key", &too_long)]), Err(BearerError::TooLong));
        assert_eq!(from(&[("authorization", &[b"Bearer ", &*too_long].concat())]), Err(BearerError::TooLong));
    }

    #[test]
    fn only_visible_ascii_is_a_credential() {
        for value in [&b"a b"[..], b"a\tb", b"\xc3\xa9", b"\xff", b""] {
            assert_eq!(from(&[("api-key", value)]), Err(BearerError::Characters), "{}", value.escape_ascii());
        }
        assert_eq!(from(&[("authorization", b"Bearer")]), Err(BearerError::Characters));
        assert_eq!(from(&[("authorization", b"Bearer ")]), Err(BearerError::Characters));
    }

    #[test]
    fn debug_tells_nothing() {
        assert_eq!(format!("{:?}", Bearer::new("sk-secret").unwrap()), "Bearer(..)");
    }

    #[test]
    fn the_master_key_is_compared_whole() {
        let master = SecretString::from("sk-1234");
        for (presented, same) in
            [("sk-1234", true), ("sk-123", false), ("sk-12345", false), ("SK-1234", false)]
        {
            assert_eq!(is_master_key(&Bearer::new(presented).unwrap(), &master), same, "{presented}");
        }
    }
}
