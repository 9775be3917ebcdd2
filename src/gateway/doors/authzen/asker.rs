//! Who may ask: holders of `modelgate.authzen.bearer`, or of a certificate of `modelgate.authzen.tls.client_ca`. If both are
//! configured, both are needed.

use http::HeaderMap;
use http::header::AUTHORIZATION;
use secrecy::SecretString;

use crate::authn::{Bearer, BearerError, is_secret};
use crate::gateway::http::incoming::IncomingRequest;
use crate::gateway::loading::generation::Generation;

/// The request does not have the bearer.
#[derive(Debug, thiserror::Error)]
pub(super) enum AskerError {
    #[error("send the bearer of `modelgate.authzen` as `Authorization: Bearer`: {0}")]
    Credential(#[from] BearerError),
    #[error("the bearer is not that of `modelgate.authzen`")]
    Other,
    #[error("the certificate is not of an authority of `modelgate.authzen.tls`")]
    Certificate,
    /// A reload removed the block.
    #[error("nobody may ask any more")]
    Nobody,
}

/// Checks who asks, by the settings and the TLS of the active generation.
pub(super) fn check(generation: &Generation, incoming: &IncomingRequest) -> Result<(), AskerError> {
    let door = generation.snapshot().config().gateway.authzen.as_ref();
    let bearer = door.and_then(|door| door.bearer.as_ref());
    let authorities = generation.tls.authzen.as_ref().and_then(|tls| tls.files.client_ca.as_ref());
    if door.is_none() || (bearer.is_none() && authorities.is_none()) {
        return Err(AskerError::Nobody);
    }
    if authorities.is_some() && incoming.client_ca.as_ref() != authorities {
        return Err(AskerError::Certificate);
    }
    bearer.map_or(Ok(()), |bearer| check_bearer(&incoming.head.headers, bearer))
}

/// Checks the bearer in `Authorization`. Other headers for credentials have no meaning here.
fn check_bearer(headers: &HeaderMap, expected: &SecretString) -> Result<(), AskerError> {
    let mut only = HeaderMap::new();
    for value in headers.get_all(AUTHORIZATION) {
        only.append(AUTHORIZATION, value.clone());
    }
    let bearer = Bearer::from_headers(&only)?;
    if is_secret(&bearer, expected) { Ok(()) } else { Err(AskerError::Other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may_ask(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        check_bearer(&headers, &"s3cret".into()).is_ok()
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
}
