//! What a caller has in common with other callers.

use super::token_team::TokenTeam;
use crate::names::Role;

/// The roles, teams and scopes of a caller, and who issued its token. Callers share it if they differ in nothing of this.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Membership {
    /// The roles in the order of R1. Empty for a token that matches no role. More than one only under
    /// `modelgate.strict`.
    pub(crate) roles: Vec<Role>,
    /// Whether the token has the admin scope (R5), or the caller is the master key.
    pub(crate) admin: bool,
    pub(crate) master_key: bool,
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
    pub(crate) client_id: Option<String>,
    /// Whether `iss` and `sub` are lists. Such a claim is no part of the caller's entity id.
    pub(super) has_listed_issuer: bool,
    pub(super) has_listed_subject: bool,
}

impl Membership {
    /// The approximate size in memory.
    #[cfg(feature = "gateway")]
    pub(crate) fn bytes(&self) -> usize {
        let Self {
            object_team,
            team,
            team_alias,
            team_ids,
            scopes,
            role_names,
            left_out,
            issuer,
            client_id,
            ..
        } = self;
        let single = [object_team, team_alias, left_out, issuer, client_id].into_iter().flatten();
        let lists = [team_ids, scopes, role_names].into_iter().flatten();
        let texts = single.chain(lists).chain(team.iter().map(|team| &team.id));
        size_of::<Self>() + texts.map(|text| text.len() + size_of::<String>()).sum::<usize>()
    }
}
