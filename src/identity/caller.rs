//! The caller of a request, derived from its token and the configuration.

use std::sync::Arc;

use serde_json::Value;

use super::cached::Cached;
use super::claim::{names, roles, scalar, scope};
use super::overage;
use super::profile::Profile;
use super::roles::{Evidence, Reason};
use super::tags;
use super::token_team::{TokenTeam, token_team};
use crate::authn::VerifiedClaims;
use crate::cache::Hashed;
use crate::config::JwtAuth;
use crate::names::{ClaimPath, Role};
use crate::rules::MASTER_KEY_ROLE;

/// The caller of a request, derived from its token and the configuration.
///
/// The engine adds what depends on the request, such as the team that a header selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The roles in the order of R1. Empty for a token that matches no role. More than one only under
    /// `modelgate.strict`.
    pub(crate) roles: Vec<Role>,
    /// The reason for each role, in the same order.
    pub(crate) reasons: Vec<Reason>,
    /// Whether the token has the admin scope (R5), or the caller is the master key.
    pub(crate) admin: bool,
    pub(crate) master_key: bool,
    pub(crate) user_id: Option<Arc<str>>,
    pub(crate) email: Option<String>,
    /// The object id that stands for a team (R4).
    pub(crate) object_team: Option<String>,
    pub(crate) team: Option<TokenTeam>,
    pub(crate) team_alias: Option<String>,
    /// The names in the claim `team_ids_jwt_field`.
    pub(crate) team_ids: Vec<String>,
    /// Whether a team claim is configured. A token without that claim is then denied (R6.3).
    pub(crate) team_expected: bool,
    pub(crate) scopes: Vec<String>,
    /// The token's role names, before any mapping.
    pub(crate) role_names: Vec<String>,
    /// A claim that the configuration reads but the identity provider left out.
    pub(crate) left_out: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) client_id: Option<String>,
    claims: VerifiedClaims,
    /// The part of the caller that the policies of a snapshot read, with the snapshot's generation.
    pub(crate) profile: Cached<(u64, Arc<Hashed<Profile>>)>,
    /// A hash of the caller's identity, to count its requests.
    #[cfg(feature = "gateway")]
    pub(crate) hash: Cached<u64>,
}

impl Caller {
    /// The holder of `general_settings.master_key`, who is an admin on every route.
    #[must_use]
    pub fn master_key() -> Self {
        Self { roles: vec![Role::ProxyAdmin], admin: true, master_key: true, ..Self::nobody() }
    }

    /// Identifies the caller of a token.
    ///
    /// ```
    /// use modelgate::authn::VerifiedClaims;
    /// use modelgate::config::Config;
    /// use modelgate::identity::Caller;
    /// use modelgate::names::Role;
    ///
    /// let yaml = "
    /// general_settings:
    ///   enable_jwt_auth: true
    ///   litellm_jwtauth: {user_id_jwt_field: sub}
    /// ";
    /// let config = Config::parse("config.yaml", yaml, ".".as_ref(), &|_| None)?;
    /// let claims = serde_json::from_str(r#"{"sub": "ada"}"#)?;
    /// let caller = Caller::identify(&VerifiedClaims::dangerous_trust(claims), config.jwt.as_ref());
    /// assert_eq!((caller.role(), caller.user_id()), (Some(Role::InternalUser), Some("ada")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn identify(claims: &VerifiedClaims, jwt: Option<&JwtAuth>) -> Self {
        match jwt {
            Some(jwt) => Self::of(claims, jwt),
            None => Self::nobody(),
        }
    }

    /// Identifies the caller again, from the same token but by other rules.
    pub(crate) fn identify_again(&self, jwt: Option<&JwtAuth>) -> Self {
        match jwt {
            _ if self.master_key => Self::master_key(),
            Some(jwt) => Self::of(&self.claims, jwt),
            None => Self::nobody(),
        }
    }

    fn of(verified: &VerifiedClaims, jwt: &JwtAuth) -> Self {
        let claims = verified.as_map();
        let at = |path: &Option<ClaimPath>| path.as_ref().and_then(|path| path.find(claims));
        let issuer = claims.get("iss");
        let fields = jwt.claim_fields(issuer.and_then(Value::as_str));
        let field = |path: Option<&ClaimPath>| path.and_then(|path| path.find(claims));

        let scopes = names(scope(claims));
        let admin = scopes.contains(&jwt.admin_jwt_scope);
        let team = token_team(fields.team_id, jwt, claims);
        let user = scalar(field(fields.user_id));
        let email = scalar(field(fields.user_email));
        let user_roles = roles(at(&jwt.user_roles_jwt_field));
        let mapped_roles = roles(at(&jwt.roles_jwt_field));

        let evidence = Evidence {
            admin,
            team: team.as_ref(),
            user: user.as_deref(),
            user_roles: &user_roles,
            mapped_roles: &mapped_roles,
        };
        let (roles, reasons) = evidence.roles(jwt).into_iter().unzip();

        let mut caller = Self {
            roles,
            reasons,
            claims: verified.clone(),
            left_out: overage::left_out(jwt, claims),
            admin,
            user_id: user.or_else(|| email.clone()).map(Arc::from),
            email,
            team,
            team_alias: scalar(at(&jwt.team_alias_jwt_field)),
            team_ids: names(field(fields.team_ids)),
            team_expected: fields.team_id.is_some() || jwt.team_alias_jwt_field.is_some(),
            scopes,
            issuer: scalar(issuer),
            subject: scalar(claims.get("sub")),
            client_id: scalar(claims.get("azp")).or_else(|| scalar(claims.get("client_id"))),
            ..Self::nobody()
        };
        caller.role_names = user_roles;
        caller.role_names.extend(mapped_roles);
        if let Some(object) = scalar(at(&jwt.object_id_jwt_field)) {
            caller.replace_by_object(object);
        }
        caller
    }

    /// R4: an object id in the token replaces the team of a team, or the user id of a user.
    fn replace_by_object(&mut self, object: String) {
        match self.role() {
            Some(Role::Team) => self.object_team = Some(object),
            Some(Role::InternalUser) => self.user_id = Some(Arc::from(object)),
            Some(Role::ProxyAdmin) | None => {}
        }
    }

    fn nobody() -> Self {
        Self {
            roles: Vec::new(),
            reasons: Vec::new(),
            admin: false,
            master_key: false,
            user_id: None,
            email: None,
            object_team: None,
            team: None,
            team_alias: None,
            team_ids: Vec::new(),
            team_expected: false,
            scopes: Vec::new(),
            role_names: Vec::new(),
            left_out: None,
            issuer: None,
            subject: None,
            client_id: None,
            claims: VerifiedClaims::default(),
            profile: Cached::default(),
            #[cfg(feature = "gateway")]
            hash: Cached::default(),
        }
    }

    /// The caller's role (R1): the first one if there are several, `None` if there is none.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.roles.first().copied()
    }

    /// Each role with its reason (R1).
    pub fn roles(&self) -> impl Iterator<Item = (Role, &Reason)> {
        self.roles.iter().copied().zip(&self.reasons)
    }

    /// The caller's user id (R4).
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// The id of the caller's entity in policies: `ISSUER#SUBJECT` from the token's claims `iss` and `sub`, or
    /// `master_key`.
    ///
    /// No other claim replaces a missing one: that part is then empty. In an issuer, `#` is written as `%23` and `%` as
    /// `%25`, so that two callers never share an id.
    #[must_use]
    pub fn entity_id(&self) -> String {
        if self.master_key {
            return MASTER_KEY_ROLE.to_owned();
        }
        let claim = |name| self.claims.as_map().get(name).and_then(Value::as_str).unwrap_or_default();
        entity_id(claim("iss"), claim("sub"))
    }

    /// Whether this is the master key, or a token with the admin scope (R5).
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.admin
    }

    /// All claims of the token, or `None` for the master key.
    #[cfg(feature = "gateway")]
    pub(crate) fn claims(&self) -> Option<Arc<serde_json::Map<String, Value>>> {
        (!self.master_key).then(|| self.claims.shared())
    }

    /// The token's string claims that are not attributes of the caller, sorted by name. Only claims for which
    /// `is_asked_for` is true.
    pub(crate) fn other_claims(&self, is_asked_for: impl Fn(&str) -> bool) -> Vec<(String, Vec<&str>)> {
        tags::of(self.claims.as_map(), &is_asked_for).into_iter().collect()
    }

    /// The teams that the token claims (R6), in the token's order.
    pub(crate) fn claimed_teams(&self) -> impl Iterator<Item = &str> {
        let own = self.team.iter().map(|team| team.id.as_str());
        self.team_ids.iter().map(String::as_str).chain(own)
    }

    /// Whether [`claimed_teams`](Self::claimed_teams) is empty.
    pub(crate) fn claims_no_team(&self) -> bool {
        self.team_ids.is_empty() && self.team.is_none()
    }

    /// The email domain (R7): the part after the last `@`, if the part before it is not empty.
    pub(crate) fn email_domain(&self) -> Option<&str> {
        let (local, domain) = self.email.as_deref()?.rsplit_once('@')?;
        (!local.is_empty()).then_some(domain)
    }
}

/// The entity id of a subject of an issuer.
pub(crate) fn entity_id(issuer: &str, subject: &str) -> String {
    if issuer.contains(['%', '#']) {
        return format!("{}#{subject}", issuer.replace('%', "%25").replace('#', "%23"));
    }
    format!("{issuer}#{subject}")
}
