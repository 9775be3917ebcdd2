//! The caller of a request, as far as the token and the configuration say.

use std::sync::Arc;

use serde_json::Value;

use super::claim::{names, roles, scalar, scope};
use super::kept::Kept;
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

/// Who calls, as far as the token and the configuration say.
///
/// What depends on the request too, such as the team that a header selects, is the engine's to find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// R1, in its order; empty when the token belongs to nobody. Several only under `modelgate.strict`.
    pub(crate) roles: Vec<Role>,
    /// What gave each of the roles.
    pub(crate) reasons: Vec<Reason>,
    /// The token carries the admin scope (R5), or this is the master key.
    pub(crate) admin: bool,
    pub(crate) master_key: bool,
    pub(crate) user_id: Option<Arc<str>>,
    pub(crate) email: Option<String>,
    /// R4's object id of a team.
    pub(crate) object_team: Option<String>,
    pub(crate) team: Option<TokenTeam>,
    pub(crate) team_alias: Option<String>,
    /// The names at `team_ids_jwt_field`.
    pub(crate) team_ids: Vec<String>,
    /// R6.3: a claim for the team is configured, so that a token without one is denied.
    pub(crate) team_expected: bool,
    pub(crate) scopes: Vec<String>,
    /// The role names in the token, before any mapping.
    pub(crate) role_names: Vec<String>,
    /// A claim that the configuration reads and that the identity provider left out.
    pub(crate) left_out: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) client_id: Option<String>,
    claims: VerifiedClaims,
    /// What the policies of a generation can read of it.
    pub(crate) profile: Kept<(u64, Arc<Hashed<Profile>>)>,
    /// Of who it is, to count its requests by.
    #[cfg(feature = "gateway")]
    pub(crate) hash: Kept<u64>,
}

impl Caller {
    /// The holder of `general_settings.master_key`: an admin for every route.
    #[must_use]
    pub fn master_key() -> Self {
        Self { roles: vec![Role::ProxyAdmin], admin: true, master_key: true, ..Self::nobody() }
    }

    /// The caller that a token belongs to.
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

    /// The caller that the same token belongs to by other rules.
    pub(crate) fn again(&self, jwt: Option<&JwtAuth>) -> Self {
        match jwt {
            _ if self.master_key => Self::master_key(),
            Some(jwt) => Self::of(&self.claims, jwt),
            None => Self::nobody(),
        }
    }

    fn of(verified: &VerifiedClaims, jwt: &JwtAuth) -> Self {
        let claims = verified.as_map();
        let at = |path: &Option<ClaimPath>| path.as_ref().and_then(|path| path.find(claims));
        let fields = jwt.claim_fields(claims.get("iss").and_then(Value::as_str));
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
            issuer: scalar(claims.get("iss")),
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

    /// R4: an object id in the token stands for the team or the user, whichever the caller is.
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
            profile: Kept::default(),
            #[cfg(feature = "gateway")]
            hash: Kept::default(),
        }
    }

    /// R1; `None` when the token belongs to nobody. The first where several count.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.roles.first().copied()
    }

    /// Each role that counts, with what gave it (R1).
    pub fn roles(&self) -> impl Iterator<Item = (Role, &Reason)> {
        self.roles.iter().copied().zip(&self.reasons)
    }

    /// R4.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }

    /// The id of the caller's entity in policies: `ISSUER#SUBJECT`, by the claims `iss` and `sub` of the token, or
    /// `master_key`.
    ///
    /// No other claim stands in for either: where the token has none, that part is empty. A `#` in an issuer is written
    /// `%23`, and a `%` is written `%25`, so that no two callers have one id.
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

    /// All of the token's claims; `None` for the master key.
    #[cfg(feature = "gateway")]
    pub(crate) fn claims(&self) -> Option<Arc<serde_json::Map<String, Value>>> {
        (!self.master_key).then(|| self.claims.shared())
    }

    /// The token's claims of strings that are no attributes of the caller, by name and sorted: those that `is_asked_for`.
    pub(crate) fn other_claims(&self, is_asked_for: impl Fn(&str) -> bool) -> Vec<(String, Vec<&str>)> {
        tags::of(self.claims.as_map(), &is_asked_for).into_iter().collect()
    }

    /// R6's claimed teams, in the token's order.
    pub(crate) fn claimed_teams(&self) -> impl Iterator<Item = &str> {
        let own = self.team.iter().map(|team| team.id.as_str());
        self.team_ids.iter().map(String::as_str).chain(own)
    }

    /// R7: what follows the last `@` of the email, if something comes before it.
    pub(crate) fn email_domain(&self) -> Option<&str> {
        let (local, domain) = self.email.as_deref()?.rsplit_once('@')?;
        (!local.is_empty()).then_some(domain)
    }
}

/// The id of the entity of an issuer's subject.
pub(crate) fn entity_id(issuer: &str, subject: &str) -> String {
    if issuer.contains(['%', '#']) {
        return format!("{}#{subject}", issuer.replace('%', "%25").replace('#', "%23"));
    }
    format!("{issuer}#{subject}")
}
