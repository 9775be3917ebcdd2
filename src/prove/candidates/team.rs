//! Changes the team of a request (R6).

use super::claims::{add, names, remove, set};
use super::guide::Guide;
use crate::prove::scenario::Scenario;

/// The number of teams that are tried.
const MOST: usize = 6;

impl Guide<'_> {
    /// The token claims a team, or does not. `None`: any team.
    pub(super) fn with_team(&self, from: &Scenario, team: Option<&str>, wanted: bool) -> Vec<Scenario> {
        match (team, wanted) {
            (Some(team), true) if self.claimed_teams(from).iter().any(|own| own == team) => {
                vec![from.clone()]
            }
            (Some(team), true) => self.claiming(from, team),
            (None, true) if !self.claimed_teams(from).is_empty() => vec![from.clone()],
            (None, true) => {
                let declared: Vec<&str> = self.facts().teams().map(|team| team.id).collect();
                let teams = if declared.is_empty() { vec!["somebody"] } else { declared };
                teams.into_iter().take(MOST).flat_map(|team| self.claiming(from, team)).collect()
            }
            (team, false) => vec![self.without_team(from, team)],
        }
    }

    /// The caller has a team with an attribute, or has no such team.
    pub(super) fn with_team_that(&self, from: &Scenario, attribute: &str, wanted: bool) -> Vec<Scenario> {
        let fits = self.facts().teams().filter(|team| match attribute {
            "blocked" => team.blocked == wanted,
            "all_models" => team.all_models == wanted,
            "declared" => wanted,
            _ => false,
        });
        let without = self.without_team(from, None);
        fits.take(MOST).flat_map(|team| self.claiming(&without, team.id)).collect()
    }

    /// The teams that the token claims.
    pub(super) fn claimed_teams(&self, from: &Scenario) -> Vec<String> {
        let caller = from.caller(self.snapshot);
        caller.map_or(Vec::new(), |caller| caller.claimed_teams().map(str::to_owned).collect())
    }

    /// The token claims the team, in each claim that teams are read from.
    fn claiming(&self, from: &Scenario, team: &str) -> Vec<Scenario> {
        let fields = self.fields(from);
        let list = fields.team_ids.map(|path| self.with_claims(from, |claims| add(claims, path, team)));
        let own = fields.team_id.map(|path| self.with_claims(from, |claims| set(claims, path, team)));
        list.into_iter().chain(own).collect()
    }

    fn without_team(&self, from: &Scenario, team: Option<&str>) -> Scenario {
        let fields = self.fields(from);
        let jwt = self.snapshot.config().jwt.as_ref();
        let lists = fields.team_ids.into_iter().chain(fields.team_id);
        let lists: Vec<_> = match team {
            None => lists.chain(jwt.and_then(|jwt| jwt.team_alias_jwt_field.as_ref())).collect(),
            Some(_) => lists.collect(),
        };
        let own: Vec<String> = match team {
            Some(team) => vec![team.to_owned()],
            None => lists.iter().flat_map(|path| names(from, path)).collect(),
        };
        let without = self.with_claims(from, |claims| {
            for path in lists {
                own.iter().for_each(|team| remove(claims, path, team));
            }
        });
        Scenario { team_header: None, ..without }
    }
}
