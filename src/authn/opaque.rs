//! Turns a provider's answer about an opaque token into claims.
//!
//! This module makes no requests. An [`Assertion`] is parsed once from a provider's answer. It is checked against the
//! rules on each request with the token, so that it expires with its `exp` and follows the active rules.

use std::fmt;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::config::TokenRules;
use crate::json::Object;

use super::bearer::Bearer;
use super::claim_rules::{self, ClaimRules};
use super::claims::VerifiedClaims;
use super::error::TokenError;
use super::json::{self, JsonError};

/// The prefix of LiteLLM and OpenAI API keys, which are never a provider's tokens. A key sent by mistake is refused,
/// and is never sent to the identity provider.
const API_KEY: &str = "sk-";

/// Whether a provider must be asked about the credential, because it is neither a JWS nor an API key.
///
/// As in LiteLLM, three parts make a JWT. A JWT that does not verify is refused without asking.
pub(crate) fn is_opaque(bearer: &Bearer<'_>) -> bool {
    let credential = bearer.expose();
    credential.split('.').count() != 3 && !credential.starts_with(API_KEY)
}

/// A provider's statement about a token.
#[derive(Clone)]
pub(crate) struct Assertion {
    claims: Map<String, Value>,
    by: Protocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Userinfo,
    Introspection,
}

/// Hides the claims, because providers also put keys into them.
impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assertion(by {:?})", self.by)
    }
}

impl Assertion {
    /// Parses the answer of a userinfo endpoint, which always has a subject (OpenID Connect Core section 5.3.2).
    pub(crate) fn from_userinfo(body: &[u8]) -> Result<Self, AnswerError> {
        let claims = json::object(body)?;
        match claims.get("sub") {
            Some(Value::String(subject)) if !subject.is_empty() => {
                Ok(Self { claims, by: Protocol::Userinfo })
            }
            _ => Err(AnswerError::Subject),
        }
    }

    /// Parses the answer of an introspection endpoint (RFC 7662 section 2.2). `None` for an inactive token.
    pub(crate) fn from_introspection(body: &[u8]) -> Result<Option<Self>, AnswerError> {
        let claims = json::object(body)?;
        match claims.get("active") {
            Some(Value::Bool(true)) => Ok(Some(Self { claims, by: Protocol::Introspection })),
            Some(Value::Bool(false)) => Ok(None),
            _ => Err(AnswerError::Active),
        }
    }

    /// Checks the claims against the rules like the claims of a JWT: times if they are present, issuer and audience.
    ///
    /// Userinfo endpoints usually name neither issuer nor audience, so these are checked only if they are present. An
    /// introspection must contain the claims that the configuration requires. The rules are those of the entry of
    /// `issuers` that `iss` names, or the global ones.
    pub(crate) fn verify(&self, rules: &TokenRules, now: SystemTime) -> Result<VerifiedClaims, TokenError> {
        let claims = Object::of_map(&self.claims);
        let entry = if claims.has("iss") { claim_rules::entry(&claims, rules)? } else { None };
        let mut rules = ClaimRules::of(entry, rules);
        if self.by == Protocol::Userinfo {
            rules.issuer = rules.issuer.filter(|_| claims.has("iss"));
            rules.audience = rules.audience.filter(|_| claims.has("aud"));
        }
        claim_rules::check_present(&claims, &rules, now)?;
        if self.by == Protocol::Introspection {
            self.check_type()?;
        }
        Ok(VerifiedClaims::verified(self.claims.clone()))
    }

    /// A token of another type requires more than possession (RFC 6749 section 7.1), such as a DPoP proof.
    fn check_type(&self) -> Result<(), TokenError> {
        match self.claims.get("token_type") {
            None => Ok(()),
            Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => Ok(()),
            Some(_) => Err(TokenError::ClaimType { claim: "token_type", expected: "`Bearer`" }),
        }
    }
}

/// The reason why a provider's answer is unusable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnswerError {
    #[error("the answer is not acceptable JSON: {0}")]
    Json(#[from] JsonError),
    #[error("the answer has no subject: `sub` must be a string")]
    Subject,
    #[error("the answer has no boolean `active`")]
    Active,
}

#[cfg(test)]
mod tests;
