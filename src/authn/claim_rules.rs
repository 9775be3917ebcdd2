//! Checks the claims of a token (RFC 7519 section 4.1).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::{Issuer, TokenRules};
use crate::json::{Json, Object};

use super::error::TokenError;
use super::sanitize::sanitize;

/// The end of the year 9999. A later date is a mistake, usually milliseconds, and would make a token that never
/// expires.
const LAST_DATE: f64 = 253_402_300_799.0;

const DATE: &str = "a number of seconds between the years 1970 and 9999";

/// The rules for the claims of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClaimRules<'r> {
    /// The required issuer. `None` accepts any.
    pub(super) issuer: Option<&'r str>,
    /// The accepted audiences. The token must name one of them. `None` accepts any.
    pub(super) audience: Option<&'r [String]>,
    pub(super) leeway: Duration,
    pub(super) early_leeway: Duration,
}

impl<'r> ClaimRules<'r> {
    /// The rules of an entry of `issuers`, or the global rules.
    pub(crate) fn of(entry: Option<&'r Issuer>, rules: &'r TokenRules) -> Self {
        let (issuer, audience) = match entry {
            Some(entry) => (Some(entry.issuer.as_str()), entry.audience.as_deref()),
            None => (rules.issuer.as_deref(), rules.audience.as_ref().map(std::slice::from_ref)),
        };
        Self { issuer, audience, leeway: rules.leeway, early_leeway: rules.early_leeway }
    }
}

/// The entry of `issuers` that the claims name. `None` selects the global keys and rules (D9).
pub(super) fn entry<'r>(
    claims: &Object<'_>,
    rules: &'r TokenRules,
) -> Result<Option<&'r Issuer>, TokenError> {
    if rules.issuers.is_empty() {
        return Ok(None);
    }
    let issuer = match claims.get("iss") {
        None => return Err(TokenError::ClaimMissing { claim: "iss" }),
        Some(Json::Text(issuer)) => issuer.as_ref(),
        Some(_) => return Err(TokenError::ClaimType { claim: "iss", expected: "a string" }),
    };
    match rules.entry(issuer) {
        Some(entry) => Ok(Some(entry)),
        None if rules.issuer.as_deref() == Some(issuer) => Ok(None),
        None => Err(TokenError::UnknownIssuer),
    }
}

/// Checks times, issuer and audience. Returns the times.
///
/// A token is valid from the second of `nbf` until just before the second of `exp`. `rules.leeway` extends the end.
/// `rules.early_leeway` extends the beginning, because the provider's clock may be slightly fast. An `iat` in the
/// future is refused. RFC 7519 does not require this, but LiteLLM does it too, because PyJWT checks `iat` by default,
/// and no valid token is issued in the future.
pub(crate) fn check(
    claims: &Object<'_>,
    rules: &ClaimRules<'_>,
    now: SystemTime,
) -> Result<Times, TokenError> {
    if !claims.has("exp") {
        return Err(TokenError::ClaimMissing { claim: "exp" });
    }
    check_present(claims, rules, now)
}

/// Checks the claims that are present. For a provider's answer, where `exp` is optional (RFC 7662).
pub(super) fn check_present(
    claims: &Object<'_>,
    rules: &ClaimRules<'_>,
    now: SystemTime,
) -> Result<Times, TokenError> {
    let times = Times::of(claims)?;
    times.check(rules.leeway, rules.early_leeway, now)?;
    check_issuer(claims, rules.issuer)?;
    check_audience(claims, rules.audience)?;
    Ok(times)
}

/// The validity period of a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
}

/// When a token is valid, in seconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validity {
    from: f64,
    exp: f64,
}

impl Validity {
    /// The end, in seconds since 1970.
    pub(crate) fn end(&self, leeway: Duration) -> f64 {
        self.exp + leeway.as_secs_f64()
    }

    /// Whether [`Times::check`] accepts these times.
    pub(crate) fn holds(&self, leeway: Duration, early: Duration, now: SystemTime) -> bool {
        let now = seconds(now);
        now - leeway.as_secs_f64() < self.exp && self.from <= now + early.as_secs_f64()
    }
}

impl Times {
    pub(crate) fn validity(&self) -> Validity {
        let from = [self.nbf, self.iat].into_iter().flatten().fold(f64::NEG_INFINITY, f64::max);
        Validity { from, exp: self.exp.unwrap_or(f64::INFINITY) }
    }

    pub(crate) fn of(claims: &Object<'_>) -> Result<Self, TokenError> {
        Ok(Self { exp: date(claims, "exp")?, nbf: date(claims, "nbf")?, iat: date(claims, "iat")? })
    }

    pub(crate) fn check(&self, leeway: Duration, early: Duration, now: SystemTime) -> Result<(), TokenError> {
        let now = seconds(now);
        let leeway = leeway.as_secs_f64();
        if self.exp.is_some_and(|exp| now - leeway >= exp) {
            return Err(TokenError::Expired);
        }
        for (claim, date) in [("nbf", self.nbf), ("iat", self.iat)] {
            if date.is_some_and(|date| date > now + early.as_secs_f64()) {
                return Err(TokenError::NotYetValid { claim });
            }
        }
        Ok(())
    }
}

/// The seconds since 1970. With a clock before 1970, no token counts as valid.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(f64::INFINITY, |since| since.as_secs_f64())
}

fn date(claims: &Object<'_>, claim: &'static str) -> Result<Option<f64>, TokenError> {
    match claims.get(claim) {
        None => Ok(None),
        Some(value) => match value {
            Json::Number(number) if number.as_f64().is_some_and(|date| (0.0..=LAST_DATE).contains(&date)) => {
                Ok(number.as_f64())
            }
            _ => Err(TokenError::ClaimType { claim, expected: DATE }),
        },
    }
}

fn check_issuer(claims: &Object<'_>, expected: Option<&str>) -> Result<(), TokenError> {
    let Some(expected) = expected else { return Ok(()) };
    match claims.get("iss") {
        None => Err(TokenError::ClaimMissing { claim: "iss" }),
        Some(Json::Text(issuer)) if issuer == expected => Ok(()),
        Some(Json::Text(_)) => Err(TokenError::Issuer { expected: sanitize(expected) }),
        Some(_) => Err(TokenError::ClaimType { claim: "iss", expected: "a string" }),
    }
}

fn check_audience(claims: &Object<'_>, expected: Option<&[String]>) -> Result<(), TokenError> {
    let Some(expected) = expected else { return Ok(()) };
    let audiences = match claims.get("aud") {
        None => match cognito_client(claims) {
            Some(client) => std::slice::from_ref(client),
            None => return Err(TokenError::ClaimMissing { claim: "aud" }),
        },
        Some(Json::List(audiences)) => audiences.as_slice(),
        Some(audience) => std::slice::from_ref(audience),
    };
    if audiences.iter().any(|audience| audience.as_str().is_none()) {
        return Err(TokenError::ClaimType { claim: "aud", expected: "a string or a list of strings" });
    }
    if audiences.iter().filter_map(Json::as_str).any(|audience| expected.iter().any(|one| one == audience)) {
        Ok(())
    } else {
        let expected: Vec<_> = expected.iter().map(|one| sanitize(one)).collect();
        Err(TokenError::Audience { expected: expected.join("` or `") })
    }
}

/// The audience of an Amazon Cognito access token, which has `client_id` instead of `aud`.
///
/// An ID token of Cognito has an `aud`, so this applies only to `token_use: access`.
fn cognito_client<'c, 'j>(claims: &'c Object<'j>) -> Option<&'c Json<'j>> {
    let is_access = claims.get("token_use").and_then(Json::as_str) == Some("access");
    claims.get("client_id").filter(|client| is_access && client.as_str().is_some())
}

#[cfg(test)]
mod tests;
