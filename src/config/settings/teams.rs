//! The list `teams`.

use std::collections::HashMap;

use super::context::Context;
use super::jwt;
use super::types::{JwtAuth, Team};
use crate::config::problem::{Caution, Problem};
use crate::config::raw;

pub(in crate::config) fn teams(cx: &mut Context<'_>, teams: Vec<raw::Team>) -> Vec<Team> {
    let mut first_by_id: HashMap<String, usize> = HashMap::new();
    let mut converted = Vec::with_capacity(teams.len());
    for (i, team) in teams.into_iter().enumerate() {
        let raw::Team { team_id, team_alias, models, blocked, organization_id } = team;
        let path = format!("teams[{i}].team_id");
        cx.not_empty(&path, &team_id);
        if let Some(first) = first_by_id.get(&team_id) {
            let first = cx.line(&format!("teams[{first}].team_id"));
            cx.refuse(&path, Problem::DuplicateTeam { team_id: team_id.clone(), first });
        } else {
            first_by_id.insert(team_id.clone(), i);
        }
        let models = models.unwrap_or_default();
        converted.push(Team { team_id, team_alias, models, blocked, organization_id });
    }
    converted
}

/// Warns if tokens name teams but the list lacks them (R6).
pub(in crate::config) fn check_claims(cx: &mut Context<'_>, jwt: &JwtAuth, teams: &[Team]) {
    let fields = ["team_id_jwt_field", "team_ids_jwt_field", "team_alias_jwt_field", "team_id_default"];
    let path = |field: &str| format!("{}.{field}", jwt::PATH);
    let named = fields.into_iter().map(path).find(|path| cx.has(path));
    let by_issuer = jwt.tokens.issuers.iter().enumerate().find_map(|(i, issuer)| {
        let field = match issuer {
            _ if issuer.team_id_jwt_field.is_some() => "team_id_jwt_field",
            _ if issuer.team_ids_jwt_field.is_some() => "team_ids_jwt_field",
            _ => return None,
        };
        Some(format!("{}.issuers[{i}].{field}", jwt::PATH))
    });
    let Some(claim) = named.or(by_issuer) else { return };
    if jwt.team_id_upsert {
        cx.warn_key(&path("team_id_upsert"), Caution::AnyTeam);
    } else if teams.is_empty() {
        cx.warn_key(&claim, Caution::NoTeams);
    }
}
