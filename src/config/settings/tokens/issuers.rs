//! `litellm_jwtauth.issuers`, and the claim fields that apply to a token.

use std::collections::HashMap;

use url::Url;

use crate::config::problem::Problem;
use crate::config::raw;
use crate::config::settings::context::Context;
use crate::config::settings::endpoint;
use crate::config::settings::types::{Issuer, JwtAuth, TokenRules};
use crate::names::ClaimPath;

pub(in crate::config) const PATH: &str = "general_settings.litellm_jwtauth.issuers";

/// Converts the list. An empty list is refused, because it could mean nobody or everybody.
pub(in crate::config) fn issuers(cx: &mut Context<'_>, entries: Option<&[raw::Issuer]>) -> Vec<Issuer> {
    let Some(entries) = entries else { return Vec::new() };
    if entries.is_empty() {
        cx.refuse(PATH, Problem::Empty { key: "issuers".to_owned() });
    }
    let mut first_by_issuer: HashMap<&str, usize> = HashMap::new();
    let mut converted = Vec::with_capacity(entries.len());
    for (i, entry) in entries.iter().enumerate() {
        let path = format!("{PATH}[{i}]");
        match first_by_issuer.get(entry.issuer.as_str()) {
            Some(first) => {
                let first = cx.line(&format!("{PATH}[{first}].issuer"));
                let problem = Problem::DuplicateIssuer { issuer: entry.issuer.clone(), first };
                cx.refuse(&format!("{path}.issuer"), problem);
            }
            None => {
                first_by_issuer.insert(&entry.issuer, i);
            }
        }
        converted.extend(issuer(cx, &path, entry));
    }
    converted
}

fn issuer(cx: &mut Context<'_>, path: &str, entry: &raw::Issuer) -> Option<Issuer> {
    cx.not_empty(&format!("{path}.issuer"), &entry.issuer);
    let audience = audience(cx, path, entry);
    let mut field =
        |key: &str, claim: &Option<Vec<String>>| cx.claim_path(&format!("{path}.{key}"), claim.clone());
    let team_id_jwt_field = field("team_id_jwt_field", &entry.team_id_jwt_field);
    let team_ids_jwt_field = field("team_ids_jwt_field", &entry.team_ids_jwt_field);
    let user_id_jwt_field = field("user_id_jwt_field", &entry.user_id_jwt_field);
    let user_email_jwt_field = field("user_email_jwt_field", &entry.user_email_jwt_field);
    Some(Issuer {
        issuer: entry.issuer.clone(),
        key_url: key_url(cx, path, entry)?,
        audience,
        team_id_jwt_field,
        team_ids_jwt_field,
        user_id_jwt_field,
        user_email_jwt_field,
    })
}

/// `jwks_url`, or the default discovery document of the issuer (OpenID Connect Discovery section 4).
fn key_url(cx: &mut Context<'_>, path: &str, entry: &raw::Issuer) -> Option<Url> {
    let (key, url) = match &entry.jwks_url {
        Some(text) => ("jwks_url", endpoint::key_source(text)),
        None => {
            let base = entry.issuer.trim_end_matches('/');
            let url = endpoint::provider_endpoint(&format!("{base}/.well-known/openid-configuration"));
            (
                "issuer",
                url.map_err(|reason| {
                    format!("{reason}; without `jwks_url`, the keys are fetched from there")
                }),
            )
        }
    };
    url.map_err(|reason| cx.refuse(&format!("{path}.{key}"), Problem::Url { key: key.to_owned(), reason }))
        .ok()
}

fn audience(cx: &mut Context<'_>, path: &str, entry: &raw::Issuer) -> Option<Vec<String>> {
    let audience_path = format!("{path}.audience");
    match (&entry.audience, entry.disable_audience_validation) {
        (None, true) => {}
        (None, false) => {
            let help = "without it, tokens that the issuer issued for any application are accepted; write \
                `disable_audience_validation: true` if you want this";
            cx.refuse_key(
                &format!("{path}.issuer"),
                Problem::Needs { key: "issuer", other: "audience", help },
            );
        }
        (Some(_), true) => {
            let (key, other) = ("audience", "disable_audience_validation");
            let help = "keep one of them: the audience is checked or it is not";
            cx.refuse_key(&audience_path, Problem::Conflict { key, other, help });
        }
        (Some(audience), false) => {
            if audience.is_empty() || audience.iter().any(|audience| audience.trim().is_empty()) {
                cx.refuse(&audience_path, Problem::Empty { key: "audience".to_owned() });
            }
        }
    }
    entry.audience.clone()
}

impl TokenRules {
    /// The entry of `issuers` for a token's `iss`, compared exactly.
    #[must_use]
    pub fn entry(&self, issuer: &str) -> Option<&Issuer> {
        self.issuers.iter().find(|entry| entry.issuer == issuer)
    }
}

/// The claims that identify the caller, from an entry of `issuers` or else from the block above it.
///
/// If the entry names a claim, only that claim is read, even if a token lacks it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimFields<'c> {
    /// R1.2.
    pub team_id: Option<&'c ClaimPath>,
    /// R6.
    pub team_ids: Option<&'c ClaimPath>,
    /// R1.3, R4.
    pub user_id: Option<&'c ClaimPath>,
    /// R4, R7.
    pub user_email: Option<&'c ClaimPath>,
}

impl JwtAuth {
    /// The fields for a token with this `iss`.
    #[must_use]
    pub fn claim_fields(&self, issuer: Option<&str>) -> ClaimFields<'_> {
        let entry = issuer.and_then(|issuer| self.tokens.entry(issuer));
        ClaimFields {
            team_id: entry.and_then(|e| e.team_id_jwt_field.as_ref()).or(self.team_id_jwt_field.as_ref()),
            team_ids: entry.and_then(|e| e.team_ids_jwt_field.as_ref()).or(self.team_ids_jwt_field.as_ref()),
            user_id: entry.and_then(|e| e.user_id_jwt_field.as_ref()).or(self.user_id_jwt_field.as_ref()),
            user_email: entry
                .and_then(|e| e.user_email_jwt_field.as_ref())
                .or(self.user_email_jwt_field.as_ref()),
        }
    }

    /// The claims that identify the caller of a token with this `iss`.
    pub(crate) fn identifying_claims(&self, issuer: Option<&str>) -> impl Iterator<Item = &ClaimPath> {
        let fields = self.claim_fields(issuer);
        let read = [
            self.user_roles_jwt_field.as_ref(),
            self.roles_jwt_field.as_ref(),
            fields.team_ids,
            fields.team_id,
            self.team_alias_jwt_field.as_ref(),
            self.object_id_jwt_field.as_ref(),
            fields.user_id,
            fields.user_email,
        ];
        read.into_iter().flatten()
    }
}
