//! The teams that the configuration declares (R6).

use std::collections::HashMap;

use crate::config::{RoutePattern, Team};
use crate::routes::RouteList;

/// The declared teams.
#[derive(Debug)]
pub(super) struct TeamDirectory {
    by_id: HashMap<String, Declared>,
    /// The team id for each alias, or `None` if several teams share the alias.
    by_alias: HashMap<String, Option<String>>,
    pub(super) default_routes: RouteList,
}

/// The declaration of a team, without its models.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) alias: Option<String>,
    pub(super) blocked: bool,
    pub(super) organization: Option<String>,
}

/// The routes of rule 4 if `team_allowed_routes` is not configured.
const DEFAULT_GROUPS: [&str; 3] = ["openai_routes", "info_routes", "mcp_routes"];
const DEFAULT_PATHS: [&str; 2] = ["/v1/messages", "/v1/messages/count_tokens"];

impl TeamDirectory {
    pub(super) fn new(teams: &[Team]) -> Self {
        let mut by_id = HashMap::new();
        let mut by_alias = HashMap::new();
        for team in teams {
            let declared = Declared {
                alias: team.team_alias.clone(),
                blocked: team.blocked,
                organization: team.organization_id.clone(),
            };
            by_id.insert(team.team_id.clone(), declared);
            if let Some(alias) = &team.team_alias {
                by_alias
                    .entry(alias.clone())
                    .and_modify(|id| *id = None)
                    .or_insert(Some(team.team_id.clone()));
            }
        }
        let groups = DEFAULT_GROUPS.into_iter().map(|name| RoutePattern::Group(name.to_owned()));
        let paths = DEFAULT_PATHS.into_iter().map(|path| RoutePattern::Exact(path.to_owned()));
        Self { by_id, by_alias, default_routes: RouteList::new(groups.chain(paths).collect()) }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Declared> {
        self.by_id.get(id)
    }

    /// The only declared team with this alias.
    pub(super) fn by_alias(&self, alias: &str) -> Option<&str> {
        self.by_alias.get(alias)?.as_deref()
    }
}
