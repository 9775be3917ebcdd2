//! Who may ask: holders of `modelgate.authzen.bearer`.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;

use crate::authn::{Bearer, BearerError, is_secret};

/// The request does not have the bearer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskerError {
    #[error("send the bearer of `modelgate.authzen` as `Authorization: Bearer`: {0}")]
    Credential(#[from] BearerError),
    #[error("the bearer is not that of `modelgate.authzen`")]
    Other,
}

/// Checks the bearer in `Authorization`. Other headers for credentials have no meaning here.
pub(super) fn check(headers: &HeaderMap, expected: Option<&SecretString>) -> Result<(), AskerError> {
    let mut only = HeaderMap::new();
    for value in headers.get_all(AUTHORIZATION) {
        only.append(AUTHORIZATION, value.clone());
    }
    let bearer = Bearer::from_headers(&only)?;
    // A reload may have removed the block.
    if expected.is_some_and(|expected| is_secret(&bearer, expected)) {
        Ok(())
    } else {
        Err(AskerError::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_ask(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        check(&headers, Some(&"s3cret".into())).is_ok()
    }

    #[test]
    fn only_the_bearer_may_ask() {
        assert!(may_ask(&["Bearer s3cret"]) && may_ask(&["bearer s3cret"]));
        for others in
            [&[][..], &["s3cret"], &["Basic s3cret"], &["Bearer s3cre"], &["Bearer "], &["Bearer s3cret2"]]
        {
            assert!(!may_ask(others), "{others:?}");
        }
        assert!(!may_ask(&["Bearer s3cret", "Bearer s3cret"]));
    }

    #[test]
    fn nobody_may_ask_without_a_configured_bearer() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, "Bearer s3cret".parse().unwrap());
        assert!(check(&headers, None).is_err());
    }
}
