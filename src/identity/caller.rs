//! The caller of a request, derived from its token and the configuration.

use std::sync::Arc;

use super::cached::Cached;
use super::claim::{names, roles, scalar, scope};
use super::membership::Membership;
use super::overage;
use super::profile::Profile;
use super::roles::{Evidence, Reason};
use super::tags;
use super::token_team::token_team;
#[cfg(feature = "gateway")]
use crate::authn::BorrowedClaims;
use crate::authn::VerifiedClaims;
use crate::cache::Hashed;
use crate::config::JwtAuth;
use crate::json::{Json, Object};
use crate::names::{ClaimPath, Role};
use crate::rules::MASTER_KEY_ROLE;

/// The caller of a request, derived from its token and the configuration.
///
/// The engine adds what depends on the request, such as the team that a header selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub(crate) membership: Arc<Membership>,
    pub(crate) user_id: Option<Arc<str>>,
    pub(crate) email: Option<Box<str>>,
    pub(crate) subject: Option<Box<str>>,
    /// The token's claims and the reason for each role, unless the caller was identified without them.
    evidence: Option<Box<Kept>>,
    /// The part of the caller that the policies of a snapshot read, with the snapshot's generation.
    pub(crate) profile: Cached<(u64, Arc<Hashed<Profile>>)>,
    /// A hash of the caller's identity, to count its requests.
    #[cfg(feature = "gateway")]
    pub(crate) hash: Cached<u64>,
}

/// What identified a caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    claims: VerifiedClaims,
    /// In the order of the roles.
    reasons: Vec<Reason>,
}

impl Caller {
    /// The holder of `general_settings.master_key`, who is an admin on every route.
    #[must_use]
    pub fn master_key() -> Self {
        let membership = Membership {
            roles: vec![Role::ProxyAdmin],
            admin: true,
            master_key: true,
            ..Membership::default()
        };
        Self { membership: Arc::new(membership), ..Self::nobody() }
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
            Some(jwt) => Self::of(&Object::of_map(claims.as_map()), || Some(claims.clone()), jwt),
            None => Self::stranger(),
        }
    }

    /// Identifies the caller of a token whose claims need not be kept.
    ///
    /// Without its claims, a caller cannot be identified again, and policies cannot read them.
    #[cfg(feature = "gateway")]
    pub(crate) fn identify_borrowed(
        claims: &BorrowedClaims<'_>,
        jwt: Option<&JwtAuth>,
        keeps_claims: bool,
    ) -> Self {
        let Some(jwt) = jwt else { return Self::stranger() };
        Self::of(claims.as_object(), || keeps_claims.then(|| claims.to_owned()), jwt)
    }

    /// Identifies the caller again, from the same token but by other rules.
    ///
    /// A caller whose claims were not kept counts as one whose identity provider left out a claim, and is denied.
    pub(crate) fn identify_again(&self, jwt: Option<&JwtAuth>) -> Self {
        match (jwt, &self.evidence) {
            _ if self.membership.master_key => Self::master_key(),
            (Some(jwt), Some(kept)) => Self::identify(&kept.claims, Some(jwt)),
            (Some(_), None) => {
                let left_out = Some("claims".to_owned());
                Self {
                    membership: Arc::new(Membership { left_out, ..Membership::default() }),
                    ..Self::nobody()
                }
            }
            (None, _) => Self::stranger(),
        }
    }

    /// `kept` returns the same claims, if they are kept.
    fn of(claims: &Object<'_>, kept: impl FnOnce() -> Option<VerifiedClaims>, jwt: &JwtAuth) -> Self {
        let at = |path: &Option<ClaimPath>| path.as_ref().and_then(|path| path.find_in(claims));
        let (issuer, subject) = (claims.get("iss"), claims.get("sub"));
        let fields = jwt.claim_fields(issuer.and_then(Json::as_str));
        let field = |path: Option<&ClaimPath>| path.and_then(|path| path.find_in(claims));
        let text = |value| scalar(value).map(str::to_owned);

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
            user,
            user_roles: &user_roles,
            mapped_roles: &mapped_roles,
        };
        let (roles, reasons): (Vec<_>, Vec<_>) = evidence.roles(jwt).into_iter().unzip();
        let mut role_names = user_roles;
        role_names.extend(mapped_roles);
        // R4: an object id in the token replaces the team of a team, or the user id of a user.
        let (role, object) = (roles.first().copied(), scalar(at(&jwt.object_id_jwt_field)));
        let object_user = object.filter(|_| role == Some(Role::InternalUser));
        let object_team = object.filter(|_| role == Some(Role::Team)).map(str::to_owned);

        let membership = Membership {
            roles,
            admin,
            master_key: false,
            object_team,
            team,
            team_alias: text(at(&jwt.team_alias_jwt_field)),
            team_ids: names(field(fields.team_ids)),
            team_expected: fields.team_id.is_some() || jwt.team_alias_jwt_field.is_some(),
            scopes,
            role_names,
            left_out: overage::left_out(jwt, claims),
            issuer: text(issuer),
            client_id: text(claims.get("azp")).or_else(|| text(claims.get("client_id"))),
            has_listed_issuer: matches!(issuer, Some(Json::List(_))),
            has_listed_subject: matches!(subject, Some(Json::List(_))),
        };
        Self {
            membership: Arc::new(membership),
            user_id: object_user.or(user).or(email).map(Arc::from),
            email: email.map(Box::from),
            subject: scalar(subject).map(Box::from),
            evidence: kept().map(|claims| Box::new(Kept { claims, reasons })),
            ..Self::nobody()
        }
    }

    /// The caller of a token that the configuration does not read.
    fn stranger() -> Self {
        Self { evidence: Some(Box::default()), ..Self::nobody() }
    }

    fn nobody() -> Self {
        Self {
            membership: Arc::default(),
            user_id: None,
            email: None,
            subject: None,
            evidence: None,
            profile: Cached::default(),
            #[cfg(feature = "gateway")]
            hash: Cached::default(),
        }
    }

    /// The caller's role (R1): the first one if there are several, `None` if there is none.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.membership.roles.first().copied()
    }

    /// Each role with its reason (R1).
    pub fn roles(&self) -> impl Iterator<Item = (Role, &Reason)> {
        let reasons = self.evidence.iter().flat_map(|kept| &kept.reasons);
        self.membership.roles.iter().copied().zip(reasons)
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
        let Membership { master_key, issuer, has_listed_issuer, has_listed_subject, .. } = &*self.membership;
        if *master_key {
            return MASTER_KEY_ROLE.to_owned();
        }
        let issuer = issuer.as_deref().filter(|_| !has_listed_issuer);
        let subject = self.subject.as_deref().filter(|_| !has_listed_subject);
        entity_id(issuer.unwrap_or_default(), subject.unwrap_or_default())
    }

    /// Whether this is the master key, or a token with the admin scope (R5).
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.membership.admin
    }

    /// All claims of the token. `None` for the master key, and if they were not kept.
    #[cfg(feature = "gateway")]
    pub(crate) fn claims(&self) -> Option<Arc<serde_json::Map<String, serde_json::Value>>> {
        self.evidence.as_ref().map(|kept| kept.claims.shared())
    }

    /// Whether the claims were kept, or there were none.
    pub(crate) fn has_claims(&self) -> bool {
        self.membership.master_key || self.evidence.is_some()
    }

    /// The token's string claims that are not attributes of the caller, sorted by name. Only claims for which
    /// `is_asked_for` is true.
    pub(crate) fn other_claims(&self, is_asked_for: impl Fn(&str) -> bool) -> Vec<(String, Vec<&str>)> {
        let claims = self.evidence.iter().map(|kept| kept.claims.as_map());
        claims.flat_map(|claims| tags::of(claims, &is_asked_for)).collect()
    }

    /// The approximate size in memory, without the membership.
    #[cfg(feature = "gateway")]
    pub(crate) fn bytes(&self) -> usize {
        let texts = [self.user_id.as_deref(), self.email.as_deref(), self.subject.as_deref()];
        size_of::<Self>() + texts.into_iter().flatten().map(str::len).sum::<usize>()
    }

    /// The teams that the token claims (R6), in the token's order.
    pub(crate) fn claimed_teams(&self) -> impl Iterator<Item = &str> {
        let own = self.membership.team.iter().map(|team| team.id.as_str());
        self.membership.team_ids.iter().map(String::as_str).chain(own)
    }

    /// Whether [`claimed_teams`](Self::claimed_teams) is empty.
    pub(crate) fn claims_no_team(&self) -> bool {
        self.membership.team_ids.is_empty() && self.membership.team.is_none()
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
