//! The list `teams`.

use std::collections::HashMap;

use super::context::Context;
use super::types::Team;
use crate::config::problem::Problem;
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
