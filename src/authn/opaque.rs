//! Tokens that are no JWTs: what a provider says of one becomes its claims.
//!
//! Nothing here asks anybody. An [`Assertion`] is read from a provider's answer once, and held against the rules for each
//! request that the token comes with, so that it dies with its `exp` and obeys the rules in force.

use std::fmt;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::config::TokenRules;

use super::bearer::Bearer;
use super::claim_rules::{self, ClaimRules};
use super::claims::VerifiedClaims;
use super::error::TokenError;
use super::json::{self, JsonError};

/// How the keys of LiteLLM and OpenAI begin, which are never a provider's tokens: whoever sends one by mistake has it
/// refused, not shown to the identity provider.
const API_KEY: &str = "sk-";

/// Whether a provider has to be asked about the credential: it is neither a JWS nor an API key.
///
/// As in LiteLLM, three parts make a JWT. One that does not verify is refused, and nobody is asked.
pub(crate) fn is_opaque(bearer: &Bearer<'_>) -> bool {
    let credential = bearer.expose();
    credential.split('.').count() != 3 && !credential.starts_with(API_KEY)
}

/// What a provider says of a token.
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

/// Providers put keys into claims too.
impl fmt::Debug for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Assertion(by {:?})", self.by)
    }
}

impl Assertion {
    /// Reads the answer of a userinfo endpoint (OpenID Connect Core section 5.3.2), which always has a subject.
    pub(crate) fn from_userinfo(body: &[u8]) -> Result<Self, AnswerError> {
        let claims = json::object(body)?;
        match claims.get("sub") {
            Some(Value::String(subject)) if !subject.is_empty() => {
                Ok(Self { claims, by: Protocol::Userinfo })
            }
            _ => Err(AnswerError::Subject),
        }
    }

    /// Reads the answer of an introspection endpoint (RFC 7662 section 2.2); `None` where the token is not active.
    pub(crate) fn from_introspection(body: &[u8]) -> Result<Option<Self>, AnswerError> {
        let claims = json::object(body)?;
        match claims.get("active") {
            Some(Value::Bool(true)) => Ok(Some(Self { claims, by: Protocol::Introspection })),
            Some(Value::Bool(false)) => Ok(None),
            _ => Err(AnswerError::Active),
        }
    }

    /// Holds the claims against the rules, as those of a JWT are: times where they are there, issuer and audience.
    ///
    /// Userinfo endpoints name neither issuer nor audience, so there these count only where they do; an introspection
    /// that leaves out what the configuration asks for vouches for nothing. The rules are those of the entry of `issuers`
    /// that an `iss` names, else the global ones.
    pub(crate) fn verify(&self, rules: &TokenRules, now: SystemTime) -> Result<VerifiedClaims, TokenError> {
        let has = |claim: &str| self.claims.contains_key(claim);
        let entry = if has("iss") { claim_rules::entry(&self.claims, rules)? } else { None };
        let mut rules = ClaimRules::of(entry, rules);
        if self.by == Protocol::Userinfo {
            rules.issuer = rules.issuer.filter(|_| has("iss"));
            rules.audience = rules.audience.filter(|_| has("aud"));
        }
        claim_rules::check_present(&self.claims, &rules, now)?;
        if self.by == Protocol::Introspection {
            self.check_type()?;
        }
        Ok(VerifiedClaims::verified(self.claims.clone()))
    }

    /// A token of another type needs more than its possession (RFC 6749 section 7.1), such as a proof by DPoP.
    fn check_type(&self) -> Result<(), TokenError> {
        match self.claims.get("token_type") {
            None => Ok(()),
            Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => Ok(()),
            Some(_) => Err(TokenError::ClaimType { claim: "token_type", expected: "`Bearer`" }),
        }
    }
}

/// Why a provider's answer says nothing of a token.
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
