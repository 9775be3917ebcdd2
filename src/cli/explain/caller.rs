//! Describes the caller, and how it was derived from the token.

use serde_json::{Value, json};

use super::nearest::nearest;
use crate::authn::VerifiedClaims;
use crate::config::JwtAuth;
use crate::engine::Snapshot;
use crate::identity::{Caller, Reason};
use crate::names::ClaimPath;

/// The YAML path of the keys that name claims.
const JWTAUTH: &str = "general_settings.litellm_jwtauth";

/// A description of a caller.
pub(super) struct Who {
    /// Each claim that the configuration reads.
    pub(super) claims: Vec<ClaimRead>,
    /// Each effective role.
    pub(super) roles: Vec<RoleFound>,
    pub(super) user_id: Option<String>,
    /// The entity id of the caller in policies.
    pub(super) entity: String,
}

/// A claim that the configuration reads.
pub(super) struct ClaimRead {
    pub(super) key: &'static str,
    pub(super) claim: String,
    pub(super) value: Option<Value>,
    /// A similar claim of the token, if the token has none at this path.
    pub(super) nearest: Option<String>,
}

pub(super) struct RoleFound {
    pub(super) role: &'static str,
    /// For example, ``R1.3: `basic_user` is in `user_allowed_roles` ``.
    pub(super) because: String,
    pub(super) source: Option<String>,
}

impl Who {
    pub(super) fn new(snapshot: &Snapshot, caller: &Caller, claims: Option<&VerifiedClaims>) -> Self {
        let config = snapshot.config();
        let source = |key: &str| config.lines.get(key).map(|line| format!("{}:{line}", config.file));
        let roles = caller.roles().map(|(role, reason)| {
            let (because, key) = because(reason);
            RoleFound { role: role.as_str(), because, source: source(&format!("{JWTAUTH}.{key}")) }
        });
        Self {
            claims: config
                .jwt
                .as_ref()
                .zip(claims)
                .map(|(jwt, claims)| claims_read(jwt, claims))
                .unwrap_or_default(),
            roles: roles.collect(),
            user_id: caller.user_id().map(str::to_owned),
            entity: snapshot.entity_of(caller).to_string(),
        }
    }

    pub(super) fn to_json(&self) -> Value {
        let claims = self.claims.iter();
        let claims = claims.map(|read| {
            json!({"key": read.key, "claim": read.claim, "value": read.value,
            "nearest": read.nearest})
        });
        let roles = self.roles.iter();
        let roles =
            roles.map(|found| json!({"role": found.role, "because": found.because, "source": found.source}));
        json!({"claims": claims.collect::<Vec<_>>(), "roles": roles.collect::<Vec<_>>(), "user_id": self.user_id,
            "entity": self.entity})
    }
}

/// Why a caller has a role, and the key that assigns it.
fn because(reason: &Reason) -> (String, String) {
    let (text, key) = match reason {
        Reason::AdminScope => ("R1.1: the token has the admin scope".to_owned(), "admin_jwt_scope"),
        Reason::Team(id) => (format!("R1.2: the token names the team `{id}`"), "team_id_jwt_field"),
        Reason::DefaultTeam(id) => {
            (format!("R1.2: the token names no team, so `team_id_default` gives `{id}`"), "team_id_default")
        }
        Reason::User(id) => (format!("R1.3: the token names the user `{id}`"), "user_id_jwt_field"),
        Reason::AllowedRole(role) => {
            (format!("R1.3: the token has the role `{role}`, which is allowed"), "user_allowed_roles")
        }
        Reason::Mapping { index, role } => {
            return (
                format!("R1.4: the token's role `{role}` is mapped to it"),
                format!("role_mappings[{index}]"),
            );
        }
    };
    (text, key.to_owned())
}

fn claims_read(jwt: &JwtAuth, claims: &VerifiedClaims) -> Vec<ClaimRead> {
    let of_issuer = jwt.claim_fields(claims.as_map().get("iss").and_then(Value::as_str));
    let fields: [(&'static str, Option<&ClaimPath>); 8] = [
        ("team_id_jwt_field", of_issuer.team_id),
        ("team_ids_jwt_field", of_issuer.team_ids),
        ("team_alias_jwt_field", jwt.team_alias_jwt_field.as_ref()),
        ("user_id_jwt_field", of_issuer.user_id),
        ("user_email_jwt_field", of_issuer.user_email),
        ("user_roles_jwt_field", jwt.user_roles_jwt_field.as_ref()),
        ("roles_jwt_field", jwt.roles_jwt_field.as_ref()),
        ("object_id_jwt_field", jwt.object_id_jwt_field.as_ref()),
    ];
    let read = |(key, path): (&'static str, Option<&ClaimPath>)| {
        let path = path?;
        let value = path.find(claims.as_map()).cloned();
        let nearest = if value.is_none() { nearest(path.as_str(), claims.as_map()) } else { None };
        Some(ClaimRead { key, claim: path.as_str().to_owned(), value, nearest })
    };
    let value_of = |claim: &str| claims.as_map().get(claim).filter(|value| !value.is_null()).cloned();
    let claim = if value_of("scope").is_some() { "scope" } else { "scp" };
    let value = value_of(claim);
    let scope = ClaimRead { key: "admin_jwt_scope", claim: claim.to_owned(), value, nearest: None };
    std::iter::once(scope).chain(fields.into_iter().filter_map(read)).collect()
}
