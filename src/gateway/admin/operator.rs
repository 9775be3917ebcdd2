//! Who uses the admin listener: holders of `modelgate.admin_auth.token`, or of a token with one of its roles.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::api::Need;
use crate::authn::{Bearer, BearerError, TokenError, is_secret};
use crate::config::AdminAuth;
use crate::gateway::auth::error::AuthnError;
use crate::gateway::loading::generation::Generation;
use crate::identity::Caller;

/// The request may not be answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum OperatorError {
    #[error("send the token of `modelgate.admin_auth` as `Authorization: Bearer`: {0}")]
    Credential(#[from] BearerError),
    #[error("the token is not that of `modelgate.admin_auth`")]
    Other,
    #[error("the token is not that of `modelgate.admin_auth`, and not valid: {0}")]
    Token(TokenError),
    #[error("the token has no role of `modelgate.admin_auth.roles`")]
    Role,
    #[error("viewers may not do this: it needs the token of `modelgate.admin_auth`")]
    ViewersOnly,
    #[error("the identity provider is not available")]
    ProviderUnavailable,
    /// A reload removed the block.
    #[error("without `modelgate.admin_auth`, only a loopback address or a Unix socket is served")]
    Open,
}

/// Checks that the sender of a request may have what it needs. `is_local` is whether the listener cannot be reached from
/// other machines.
pub(super) async fn check(
    generation: &Generation,
    headers: &HeaderMap,
    need: Need,
    is_local: bool,
) -> Result<(), OperatorError> {
    if need == Need::Nothing {
        return Ok(());
    }
    let Some(auth) = &generation.snapshot().config().gateway.admin_auth else {
        return if is_local { Ok(()) } else { Err(OperatorError::Open) };
    };
    let mut only = HeaderMap::new();
    for value in headers.get_all(AUTHORIZATION) {
        only.append(AUTHORIZATION, value.clone());
    }
    let bearer = Bearer::from_headers(&only)?;
    if auth.token.as_ref().is_some_and(|token| is_secret(&bearer, token)) {
        return Ok(());
    }
    check_role(generation, auth, &bearer).await?;
    if need <= Need::Viewer { Ok(()) } else { Err(OperatorError::ViewersOnly) }
}

/// Checks that the token is one of the configured issuers', with a role that is listed.
async fn check_role(
    generation: &Generation,
    auth: &AdminAuth,
    bearer: &Bearer<'_>,
) -> Result<(), OperatorError> {
    let jwt = generation.snapshot().config().jwt.as_ref();
    let (Some(jwt), Some(verifier), false) = (jwt, &generation.verifier, auth.roles.is_empty()) else {
        return Err(OperatorError::Other);
    };
    let claims = verifier.verify(bearer, &jwt.tokens).await.map_err(|error| match error {
        AuthnError::Token(error) => OperatorError::Token(error),
        AuthnError::KeysUnavailable | AuthnError::ProviderUnavailable => OperatorError::ProviderUnavailable,
    })?;
    let caller = Caller::identify(&claims, Some(jwt));
    let has_role = caller.membership.role_names.iter().any(|role| auth.roles.contains(role));
    if has_role { Ok(()) } else { Err(OperatorError::Role) }
}
