//! Finds the roles of a token (R1), each with its reason.

use crate::config::JwtAuth;
use crate::names::Role;

use super::token_team::TokenTeam;

/// The reason for a role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// R1.1: the admin scope.
    AdminScope,
    /// R1.2: a team id in the token.
    Team(String),
    /// R1.2: `team_id_default`.
    DefaultTeam(String),
    /// R1.3: a user id in the token.
    User(String),
    /// R1.3: a role in the token that `user_allowed_roles` lists.
    AllowedRole(String),
    /// R1.4: a role in the token that this entry of `role_mappings` maps.
    Mapping {
        /// The index of the entry, from 0.
        index: usize,
        /// The role in the token.
        role: String,
    },
}

/// The facts that R1 uses.
pub(super) struct Evidence<'c> {
    pub(super) admin: bool,
    pub(super) team: Option<&'c TokenTeam>,
    pub(super) user: Option<&'c str>,
    pub(super) user_roles: &'c [String],
    pub(super) mapped_roles: &'c [String],
}

impl Evidence<'_> {
    /// Returns the roles in the order of R1. Only the first is kept, except under `modelgate.strict`.
    pub(super) fn roles(&self, jwt: &JwtAuth) -> Vec<(Role, Reason)> {
        let mut roles: Vec<_> =
            self.admin.then_some((Role::ProxyAdmin, Reason::AdminScope)).into_iter().collect();
        roles.extend(self.team.map(|team| {
            let reason = if team.default { Reason::DefaultTeam } else { Reason::Team };
            (Role::Team, reason(team.id.clone()))
        }));
        roles.extend(self.user(jwt).map(|reason| (Role::InternalUser, reason)));
        let mapped = jwt.role_mappings.iter().enumerate();
        let mapped = mapped.filter(|(_, mapping)| self.mapped_roles.contains(&mapping.role));
        roles.extend(mapped.map(|(index, mapping)| {
            (mapping.internal_role, Reason::Mapping { index, role: mapping.role.clone() })
        }));
        if !jwt.strict {
            roles.truncate(1);
        }
        roles
    }

    /// R1.3. Under `modelgate.strict` with `user_allowed_roles`, a user id without an allowed role is not enough.
    fn user(&self, jwt: &JwtAuth) -> Option<Reason> {
        let roles_decide = jwt.strict && !jwt.user_allowed_roles.is_empty();
        let by_id = self.user.filter(|_| !roles_decide).map(|user| Reason::User(user.to_owned()));
        let by_role = || self.user_roles.iter().find(|role| jwt.user_allowed_roles.contains(role));
        by_id.or_else(|| by_role().map(|role| Reason::AllowedRole(role.clone())))
    }
}
