//! The team that a token names (R1.2).

use super::claim::scalar;
use crate::config::JwtAuth;
use crate::json::Object;
use crate::names::ClaimPath;

/// The token's team id (R1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TokenTeam {
    pub(crate) id: String,
    /// Whether the id is `team_id_default` instead of a claim.
    pub(crate) default: bool,
}

/// Finds the token's team id (R1.2).
pub(super) fn token_team(field: Option<&ClaimPath>, jwt: &JwtAuth, claims: &Object<'_>) -> Option<TokenTeam> {
    match field.and_then(|path| path.find_in(claims)) {
        Some(value) => scalar(Some(value)).map(|id| TokenTeam { id: id.to_owned(), default: false }),
        None => jwt.team_id_default.clone().map(|id| TokenTeam { id, default: true }),
    }
}
