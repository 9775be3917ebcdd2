//! Credentials that are made for each request: signatures of AWS, and access tokens of Google Cloud and Entra ID.
//!
//! Input: the credentials of a configuration. Output: for each request, the header that proves them. `sigv4` signs.
//! `token` keeps an access token until it expires, and `exchange` gets a new one.

mod exchange;
mod sigv4;
mod token;

use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};

use crate::config::{AwsCredentials, ServiceAccount, UpstreamCredential};
use crate::gateway::http::error_response::Refusal;

pub(in crate::gateway) use sigv4::sign;
use token::TokenSource;

/// A credential of a deployment.
#[derive(Clone)]
pub(in crate::gateway) enum Credential {
    /// It signs each request.
    Aws(Arc<AwsCredentials>),
    /// It is exchanged for tokens.
    Token(Arc<TokenSource>),
}

impl Credential {
    /// The header with a valid token; `None` if requests are signed.
    pub(in crate::gateway) async fn header(&self) -> Result<Option<(HeaderName, HeaderValue)>, Refusal> {
        match self {
            Self::Aws(_) => Ok(None),
            Self::Token(source) => Ok(Some((AUTHORIZATION, source.bearer().await?))),
        }
    }
}

/// The credentials of a configuration, by their positions. Deployments with the same one share its token.
#[derive(Default)]
pub(in crate::gateway) struct Credentials {
    known: Vec<(UpstreamCredential, Credential)>,
}

impl Credentials {
    /// Adds a credential, unless it is known, and returns its position.
    pub(in crate::gateway) fn add(&mut self, credential: &UpstreamCredential) -> usize {
        if let Some(known) = self.known.iter().position(|(known, _)| known.shares_tokens_with(credential)) {
            return known;
        }
        let made = match credential {
            UpstreamCredential::Aws(keys) => Credential::Aws(Arc::new(keys.clone())),
            other => Credential::Token(Arc::new(TokenSource::new(other))),
        };
        self.known.push((credential.clone(), made));
        self.known.len() - 1
    }

    /// The same credentials, with the tokens that `before` has.
    pub(in crate::gateway) fn renewed(mut self, before: &Self) -> Self {
        for (credential, made) in &mut self.known {
            if let Some((_, kept)) =
                before.known.iter().find(|(known, _)| known.shares_tokens_with(credential))
            {
                *made = kept.clone();
            }
        }
        self
    }

    /// Whether two positions, in these credentials and in `others`, have the same credential.
    pub(in crate::gateway) fn has_same(
        &self,
        position: Option<usize>,
        others: &Self,
        at: Option<usize>,
    ) -> bool {
        let one = position.and_then(|position| Some(&self.known.get(position)?.0));
        let other = at.and_then(|at| Some(&others.known.get(at)?.0));
        match (one, other) {
            (Some(one), Some(other)) => one.shares_tokens_with(other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }

    pub(in crate::gateway) fn get(&self, position: usize) -> Option<&Credential> {
        self.known.get(position).map(|(_, credential)| credential)
    }
}

/// Checks that the private key of a service account can sign.
///
/// # Errors
///
/// The reason why it cannot.
pub(in crate::gateway) fn check(account: &ServiceAccount) -> Result<(), String> {
    exchange::signing_key(account).map(drop)
}
