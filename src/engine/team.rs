//! Selects the team of a request (R6).

use std::cell::OnceCell;

use super::policy::asked::Asked;
use super::teams::TeamDirectory;
use super::{Rule, Snapshot};
use crate::config::JwtAuth;
use crate::identity::Caller;
use crate::translate::TEAM_ROUTES;

/// Returns the id of the selected team, `None` if the request needs no team, or the rule that denies.
pub(super) fn select<'c>(
    snapshot: &'c Snapshot,
    caller: &'c Caller,
    asked: &Asked<'_>,
) -> Result<Option<&'c str>, Rule> {
    let Some(jwt) = &snapshot.config().jwt else { return Ok(None) };
    if caller.membership.admin {
        return Ok(None);
    }
    let teams = &snapshot.world.teams;
    if let Some(header) = asked.header {
        return by_header(teams, caller, header).map(Some);
    }
    if let Some(object) = &caller.membership.object_team {
        return Ok(Some(object));
    }

    let gives_way = caller.membership.team.as_ref().is_some_and(|team| team.default)
        && caller.membership.team_alias.is_some()
        && caller.membership.team_ids.is_empty();
    if let Some(team) = caller.membership.team.as_ref().filter(|_| !gives_way) {
        let exists = jwt.team_id_upsert || teams.get(&team.id).is_some();
        return if exists { Ok(Some(&team.id)) } else { Err(Rule::UnknownTeam) };
    }
    if let Some(alias) = &caller.membership.team_alias {
        return teams.by_alias(alias).map(Some).ok_or(Rule::UnknownTeam);
    }
    if caller.membership.team_expected {
        return Err(Rule::NoTeam);
    }
    if caller.claims_no_team() {
        return if jwt.enforce_team_based_model_access { Err(Rule::NoTeam) } else { Ok(None) };
    }
    by_fit(snapshot, caller, asked, jwt)
}

/// R6.1: the header names the id of a claimed team, or the alias of a claimed team that no other declared team shares.
fn by_header<'c>(teams: &'c TeamDirectory, caller: &'c Caller, header: &str) -> Result<&'c str, Rule> {
    let claimed = |id: &str| caller.claimed_teams().find(|team| *team == id);
    let id = claimed(header).or_else(|| claimed(teams.by_alias(header)?)).ok_or(Rule::TeamHeader)?;
    teams.get(id).map(|_| id).ok_or(Rule::UnknownTeam)
}

/// R6.4: selects the first matching team in code point order. Among the matching claimed teams, those that are not
/// blocked take precedence (D5).
fn by_fit<'c>(
    snapshot: &'c Snapshot,
    caller: &'c Caller,
    asked: &Asked<'_>,
    jwt: &JwtAuth,
) -> Result<Option<&'c str>, Rule> {
    let world = &snapshot.world;
    let teams = &world.teams;
    let is_on_route = OnceCell::new();
    let is_on = |route| match world.lists.routes.get(TEAM_ROUTES) {
        Some(routes) => world.is_in_list(route, routes, Some(TEAM_ROUTES)),
        None => world.is_in_list(route, &teams.default_routes, None),
    };
    let fits = |id: &&str, declared: bool| {
        // A team that `team_id_upsert` creates has no list of models.
        *is_on_route.get_or_init(|| is_on(asked.facts.route))
            && (!declared || asked.models.iter().all(|model| world.team_may_use(id, model.as_str())))
    };
    // The best team so far, as (blocked, id). Unblocked teams come first, then ids by their bytes, which is code point
    // order.
    let mut best: Option<(bool, &str)> = None;
    for id in caller.claimed_teams() {
        let team = teams.get(id);
        if team.is_none() && !jwt.team_id_upsert {
            continue;
        }
        let candidate = (team.is_some_and(|team| team.blocked), id);
        // A team that cannot win needs no lookup in the lists.
        if best.is_none_or(|best| candidate < best) && fits(&id, team.is_some()) {
            best = Some(candidate);
        }
    }
    match best {
        Some((_, team)) => Ok(Some(team)),
        None if asked.models.is_empty() => Ok(None),
        None => Err(Rule::NoTeamWithModel),
    }
}
