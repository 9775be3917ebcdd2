//! Which team a request is made for (R6).

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use http::Method;

use super::context::Facts;
use super::{Rule, Snapshot};
use crate::config::{JwtAuth, RoutePattern, Team};
use crate::identity::Caller;
use crate::names::ModelName;
use crate::request::ApiCall;
use crate::routes::{RouteList, surface};
use crate::translate::TEAM_ROUTES;

/// The declared teams.
#[derive(Debug)]
pub(super) struct TeamDirectory {
    by_id: HashMap<String, Declared>,
    /// The id for each alias that only one team has.
    by_alias: HashMap<String, Option<String>>,
    default_routes: RouteList,
}

/// What is declared of a team, beside its models.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) alias: Option<String>,
    pub(super) blocked: bool,
    pub(super) organization: Option<String>,
}

/// Rule 4's routes where `team_allowed_routes` is not configured.
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

    /// The one declared team with this alias.
    fn by_alias(&self, alias: &str) -> Option<&str> {
        self.by_alias.get(alias)?.as_deref()
    }
}

/// What a request asks for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) facts: Facts<'a>,
    pub(super) header: Option<&'a str>,
    /// The models that it names or, where it names none and its route runs one, the unnamed model (D10).
    pub(super) models: &'a [&'a ModelName],
}

static UNNAMED: LazyLock<ModelName> = LazyLock::new(ModelName::unnamed);
static ONLY_UNNAMED: LazyLock<[&ModelName; 1]> = LazyLock::new(|| [&*UNNAMED]);

impl<'a> Asked<'a> {
    pub(super) fn by(call: &'a ApiCall, models: &'a [&'a ModelName]) -> Self {
        let facts = Facts {
            method: call.method().as_str(),
            route: call.judged_route(),
            body_bytes: call.body_bytes(),
            circumstances: call.context(),
            model_use: call.model_use(),
        };
        Self::new(facts, call.team_header(), models)
    }

    /// The same of facts, and of the models that the request names.
    pub(super) fn new(facts: Facts<'a>, header: Option<&'a str>, models: &'a [&'a ModelName]) -> Self {
        let models = if models.is_empty() && runs_unnamed(&facts) { &*ONLY_UNNAMED } else { models };
        Self { facts, header, models }
    }

    /// What to tell a caller who is denied a model by this rule, if the request names none.
    pub(super) fn reason(&self, rule: Rule) -> Option<Arc<str>> {
        let is_unnamed = self.models.first().is_some_and(|model| model.as_str().is_empty());
        let is_of_models = matches!(
            rule,
            Rule::Model | Rule::DeniedModel | Rule::Scope | Rule::NoTeamWithModel | Rule::TeamModel
        );
        (is_unnamed && is_of_models).then(|| {
            "the request names no model, and this route runs one all the same: the caller may only use models by name"
                .into()
        })
    }
}

/// Whether the route runs a model for a request that names none.
fn runs_unnamed(facts: &Facts<'_>) -> bool {
    let method = Method::from_bytes(facts.method.as_bytes());
    method
        .ok()
        .and_then(|method| surface::lookup(&method, facts.route))
        .is_some_and(|route| route.model_use().runs_unnamed())
}

/// The selected team's id, none where none is needed, or the rule that refuses.
pub(super) fn select<'c>(
    snapshot: &'c Snapshot,
    caller: &'c Caller,
    asked: Asked<'_>,
) -> Result<Option<&'c str>, Rule> {
    let Some(jwt) = &snapshot.config().jwt else { return Ok(None) };
    if caller.admin {
        return Ok(None);
    }
    let teams = &snapshot.teams;
    if let Some(header) = asked.header {
        return by_header(teams, caller, header).map(Some);
    }
    if let Some(object) = &caller.object_team {
        return Ok(Some(object));
    }

    let gives_way = caller.team.as_ref().is_some_and(|team| team.default)
        && caller.team_alias.is_some()
        && caller.team_ids.is_empty();
    if let Some(team) = caller.team.as_ref().filter(|_| !gives_way) {
        let exists = jwt.team_id_upsert || teams.get(&team.id).is_some();
        return if exists { Ok(Some(&team.id)) } else { Err(Rule::UnknownTeam) };
    }
    if let Some(alias) = &caller.team_alias {
        return teams.by_alias(alias).map(Some).ok_or(Rule::UnknownTeam);
    }
    if caller.team_expected {
        return Err(Rule::NoTeam);
    }
    by_fit(snapshot, caller, asked, jwt)
}

/// R6.1: an id of a claimed team, or the alias of one that no other declared team has.
fn by_header<'c>(teams: &'c TeamDirectory, caller: &'c Caller, header: &str) -> Result<&'c str, Rule> {
    let claimed = |id: &str| caller.claimed_teams().find(|team| *team == id);
    let id = claimed(header).or_else(|| claimed(teams.by_alias(header)?)).ok_or(Rule::TeamHeader)?;
    teams.get(id).map(|_| id).ok_or(Rule::UnknownTeam)
}

/// R6.4: of the claimed teams that fit, the first in the order of code points, and of those that are not blocked if there is
/// one (D5).
fn by_fit<'c>(
    snapshot: &'c Snapshot,
    caller: &'c Caller,
    asked: Asked<'_>,
    jwt: &JwtAuth,
) -> Result<Option<&'c str>, Rule> {
    let teams = &snapshot.teams;
    let is_on_route = OnceCell::new();
    let is_on = |route| match snapshot.lists.routes.get(TEAM_ROUTES) {
        Some(routes) => snapshot.is_in_list(route, routes, Some(TEAM_ROUTES)),
        None => snapshot.is_in_list(route, &teams.default_routes, None),
    };
    let fits = |id: &&str, declared: bool| {
        // A team that `team_id_upsert` creates has no list of models.
        *is_on_route.get_or_init(|| is_on(asked.facts.route))
            && (!declared || asked.models.iter().all(|model| snapshot.team_may_use(id, model.as_str())))
    };
    // The team that is in the lead: whether it is blocked, which comes last, and its id, whose bytes are in the order of code
    // points.
    let mut best: Option<(bool, &str)> = None;
    for id in caller.claimed_teams() {
        let team = teams.get(id);
        if team.is_none() && !jwt.team_id_upsert {
            continue;
        }
        let candidate = (team.is_some_and(|team| team.blocked), id);
        // A team that cannot win need not be looked up in the lists.
        if best.is_none_or(|best| candidate < best) && fits(&id, team.is_some()) {
            best = Some(candidate);
        }
    }
    match best {
        Some((_, team)) => Ok(Some(team)),
        None if caller.claimed_teams().next().is_none() => {
            if jwt.enforce_team_based_model_access {
                Err(Rule::NoTeam)
            } else {
                Ok(None)
            }
        }
        None if asked.models.is_empty() => Ok(None),
        None => Err(Rule::NoTeamWithModel),
    }
}
