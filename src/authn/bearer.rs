//! Finds the caller's credential in any header that an SDK uses.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

/// The headers that can contain the caller's credential. None of them is sent upstream.
pub const CREDENTIAL_HEADERS: [&str; 5] =
    ["authorization", "x-litellm-api-key", "api-key", "x-api-key", "x-goog-api-key"];

/// Whether a header is one of [`CREDENTIAL_HEADERS`]. Its ends rule most others out.
pub(crate) fn is_credential_header(name: &str) -> bool {
    (name.ends_with("-key") || name.starts_with("auth")) && CREDENTIAL_HEADERS.contains(&name)
}

/// The maximum length of a credential.
pub const MAX_BEARER_BYTES: usize = 16 * 1024;

const SCHEME: &[u8] = b"bearer";
/// The prefix of LiteLLM, OpenAI and Anthropic API keys.
const API_KEY: &[u8] = b"sk-";

/// An unverified credential: visible ASCII, not empty, and at most [`MAX_BEARER_BYTES`] long.
///
/// There is no `Display`, and `Debug` reveals nothing of the content.
#[derive(Clone, Copy)]
pub struct Bearer<'h>(&'h str);

impl<'h> Bearer<'h> {
    /// Finds the only credential in a request's headers.
    ///
    /// `Authorization` must use the scheme `Bearer` (RFC 6750 section 2.1). The other headers may use it.
    ///
    /// # Errors
    ///
    /// [`BearerError`] if there is no credential, if there are two different ones, or if it contains invalid
    /// characters.
    pub fn from_headers(headers: &'h HeaderMap) -> Result<Self, BearerError> {
        Self::new(Self::presented(headers, None)?)
    }

    /// Finds the only credential in a request's headers, without checking its characters.
    ///
    /// Clients often fill two headers: Claude Code sends `Authorization` and `x-api-key` if both of its variables are
    /// set. Equal credentials count as one. Next to a token (a JWT or the master key), other values are placeholders
    /// and are ignored. The gateway sends none of these headers upstream.
    ///
    /// # Errors
    ///
    /// [`BearerError`] if there is no credential, if there are two different ones, or if the scheme is not `Bearer`.
    pub(crate) fn presented(
        headers: &'h HeaderMap,
        master_key: Option<&SecretString>,
    ) -> Result<&'h [u8], BearerError> {
        let mut found = headers.iter().filter(|(name, _)| is_credential_header(name.as_str()));
        let first = found.next().map(Candidate::of).ok_or(BearerError::Missing)?;
        match found.next() {
            None => first.usable(),
            Some(_) => one_of_several(headers, master_key)?.usable(),
        }
    }

    /// Creates a credential from another source.
    ///
    /// # Errors
    ///
    /// [`BearerError::TooLong`] and [`BearerError::Characters`].
    pub fn new(credential: &'h (impl AsRef<[u8]> + ?Sized)) -> Result<Self, BearerError> {
        let bytes = credential.as_ref();
        if bytes.len() > MAX_BEARER_BYTES {
            return Err(BearerError::TooLong);
        }
        // Without an early exit, the compiler checks many bytes at once. A token has several hundred.
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

/// The credential in one header.
#[derive(Clone, Copy)]
struct Candidate<'h> {
    credential: &'h [u8],
    /// Whether the scheme is usable. `Authorization` without the scheme `Bearer` is not.
    has_scheme: bool,
}

impl<'h> Candidate<'h> {
    fn of((name, value): (&HeaderName, &'h HeaderValue)) -> Self {
        let value = value.as_bytes();
        match without_scheme(value) {
            Some(credential) => Self { credential, has_scheme: true },
            None => Self { credential: value, has_scheme: *name != AUTHORIZATION },
        }
    }

    fn usable(self) -> Result<&'h [u8], BearerError> {
        if self.has_scheme { Ok(self.credential) } else { Err(BearerError::Scheme) }
    }

    /// Classifies the value. Only values of the highest class count.
    fn class(self, master_key: Option<&SecretString>) -> CredentialClass {
        let is_master = || {
            let bearer = Bearer::new(self.credential).ok();
            bearer.zip(master_key).is_some_and(|(bearer, key)| is_master_key(&bearer, key))
        };
        if self.credential.is_empty() {
            CredentialClass::Nothing
        } else if is_jwt_shaped(self.credential) || is_master() {
            CredentialClass::Token
        } else if self.credential.starts_with(API_KEY) {
            CredentialClass::ApiKey
        } else {
            CredentialClass::Opaque
        }
    }
}

/// The class of a value in a credential header, in order of precedence.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum CredentialClass {
    Nothing,
    /// A provider's key. The master key may look like one, but it is known.
    ApiKey,
    Opaque,
    /// A JWT or the master key.
    Token,
}

/// The only credential among several headers.
fn one_of_several<'h>(
    headers: &'h HeaderMap,
    master_key: Option<&SecretString>,
) -> Result<Candidate<'h>, BearerError> {
    let mut best: Option<(CredentialClass, Candidate<'h>)> = None;
    let mut is_ambiguous = false;
    for name in CREDENTIAL_HEADERS {
        let mut values = headers.get_all(name).iter();
        let Some(value) = values.next() else { continue };
        // A repeated header is malformed (RFC 9110 section 5.3), even with equal values.
        if values.next().is_some() {
            return Err(BearerError::Ambiguous);
        }
        let candidate = Candidate::of((&HeaderName::from_static(name), value));
        let class = candidate.class(master_key);
        match &mut best {
            Some((known, same)) if *known == class && same.credential == candidate.credential => {
                same.has_scheme |= candidate.has_scheme;
            }
            Some((known, _)) if *known == class => is_ambiguous = true,
            Some((known, _)) if *known > class => {}
            Some(_) | None => {
                best = Some((class, candidate));
                is_ambiguous = false;
            }
        }
    }
    match best {
        Some(_) if is_ambiguous => Err(BearerError::Ambiguous),
        Some((_, candidate)) => Ok(candidate),
        None => Err(BearerError::Missing),
    }
}

/// Whether the text consists of three base64url parts that are not empty. The parts are not decoded.
pub(crate) fn is_jwt_shaped(credential: &[u8]) -> bool {
    let mut parts = 0;
    credential.split(|byte| *byte == b'.').all(|part| {
        parts += 1;
        !part.is_empty() && part.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(byte))
    }) && parts == 3
}

/// The part after `Bearer` and its spaces. The scheme is case-insensitive (RFC 9110 section 11.1).
fn without_scheme(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    let credential = rest.trim_ascii_start();
    (scheme.eq_ignore_ascii_case(SCHEME) && (rest.is_empty() || credential.len() < rest.len()))
        .then_some(credential)
}

/// Whether the credential is the operator's master key, compared in constant time.
#[must_use]
pub fn is_master_key(bearer: &Bearer<'_>, master_key: &SecretString) -> bool {
    is_secret(bearer, master_key)
}

/// Whether the credential is this secret, compared in constant time.
pub(crate) fn is_secret(bearer: &Bearer<'_>, secret: &SecretString) -> bool {
    // Digests have a fixed length, so the comparison does not reveal the secret's length either.
    let presented = digest(&SHA256, bearer.expose().as_bytes());
    let expected = digest(&SHA256, secret.expose_secret().as_bytes());
    presented.as_ref().ct_eq(expected.as_ref()).into()
}

/// A request that has no usable credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BearerError {
    /// No header contains a credential.
    #[error("no credential was sent")]
    Missing,
    /// Several headers contain different credentials, or one header is repeated. Choosing one would be a guess.
    #[error("different credentials were sent, or one credential header was sent twice")]
    Ambiguous,
    /// `Authorization` has another scheme.
    #[error("the authorization scheme is not `Bearer`")]
    Scheme,
    /// The credential is longer than [`MAX_BEARER_BYTES`].
    #[error("the credential is longer than {MAX_BEARER_BYTES} bytes")]
    TooLong,
    /// The credential is empty, or contains something other than visible ASCII.
    #[error("the credential is empty or contains invalid characters")]
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
    fn every_credential_header_is_one_in_lower_case() {
        assert!(CREDENTIAL_HEADERS.into_iter().all(is_credential_header));
        assert!(!["authority", "x-key", "-key", "", "Authorization"].into_iter().any(is_credential_header));
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

    const JWT: &str = "eyJhIjoxfQ.e30.c2ln";

    #[test]
    fn equal_credentials_in_two_places_are_one() {
        for credential in ["k", JWT, "sk-1"] {
            let bearer = format!("Bearer {credential}");
            let pairs = [("authorization", bearer.as_bytes()), ("x-api-key", credential.as_bytes())];
            assert_eq!(from(&pairs), Ok(credential.to_owned()));
        }
        let everywhere = [("api-key", &b"k"[..]), ("x-goog-api-key", b"bearer k"), ("x-api-key", b"k")];
        assert_eq!(from(&everywhere), Ok("k".to_owned()));
    }

    #[test]
    fn different_credentials_in_two_places_are_ambiguous() {
        let other = "eyJhIjoyfQ.e30.c2ln";
        let bearer = format!("Bearer {JWT}");
        let ambiguous = [
            [("authorization", &b"Bearer k"[..]), ("x-api-key", b"l")],
            [("authorization", b"Basic k"), ("api-key", b"k")],
            [("authorization", bearer.as_bytes()), ("x-api-key", other.as_bytes())],
            [("authorization", other.as_bytes()), ("x-litellm-api-key", JWT.as_bytes())],
            [("api-key", b"sk-1"), ("x-api-key", b"sk-2")],
        ];
        for pairs in ambiguous {
            assert_eq!(from(&pairs), Err(BearerError::Ambiguous), "{pairs:?}");
        }
    }

    #[test]
    fn one_header_twice_is_ambiguous_even_when_its_values_agree() {
        let pairs = [("authorization", &b"Bearer k"[..]), ("authorization", b"Bearer k")];
        assert_eq!(from(&pairs), Err(BearerError::Ambiguous));
        let pairs = [("x-api-key", &b"k"[..]), ("x-api-key", b"k"), ("authorization", JWT.as_bytes())];
        assert_eq!(from(&pairs), Err(BearerError::Ambiguous));
    }

    #[test]
    fn a_placeholder_beside_a_token_is_ignored_wherever_either_stands() {
        let bearer = format!("Bearer {JWT}");
        for placeholder in ["sk-ant-placeholder", "dummy", "", "a.b", "not a token", "a..b", "Basic dTpw"] {
            let pairs = [("authorization", bearer.as_bytes()), ("x-api-key", placeholder.as_bytes())];
            assert_eq!(from(&pairs), Ok(JWT.to_owned()), "{placeholder}");
            let scheme = format!("Bearer {placeholder}");
            for other in [placeholder, &scheme] {
                let pairs = [("authorization", other.as_bytes()), ("x-api-key", JWT.as_bytes())];
                assert_eq!(from(&pairs), Ok(JWT.to_owned()), "{other}");
            }
        }
        let pairs = [("authorization", JWT.as_bytes()), ("x-api-key", b"sk-1")];
        assert_eq!(from(&pairs), Err(BearerError::Scheme), "a token without the scheme is none");
    }

    #[test]
    fn an_opaque_token_is_told_from_an_api_key_beside_it() {
        let pairs = [("authorization", &b"Bearer 7fq2"[..]), ("x-api-key", b"sk-ant-1")];
        assert_eq!(from(&pairs), Ok("7fq2".to_owned()));
    }

    #[test]
    fn the_master_key_is_told_from_a_placeholder_beside_it() {
        let mut headers = HeaderMap::new();
        headers.append("authorization", HeaderValue::from_static("Bearer sk-master"));
        headers.append("x-api-key", HeaderValue::from_static("sk-ant-1"));
        let master = SecretString::from("sk-master");
        assert_eq!(Bearer::presented(&headers, None), Err(BearerError::Ambiguous));
        assert_eq!(Bearer::presented(&headers, Some(&master)), Ok(&b"sk-master"[..]));
        headers.append("api-key", HeaderValue::from_static(JWT));
        assert_eq!(Bearer::presented(&headers, Some(&master)), Err(BearerError::Ambiguous));
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
