//! What the rules say, as conditions: an encoding of `docs/reference/rules.md` beside the translation.
//!
//! Input: the settings of a configuration. Output: the conditions under which its rules answer a question with yes. They use
//! neither the translation nor its lists: `lists` matches names and paths by code of its own, and `apart` has the classes that
//! they need.

mod apart;
mod lists;

pub(in crate::prove) use apart::{Routes as ToldRoutes, models as told_models, route_lists};

use crate::config::{JwtAuth, RoutePattern, TokenRole};
use crate::names::Role;
use crate::prove::ProveError;
use crate::prove::formula::Formula;

use super::caller::roles;
use super::claims::Claims;
use super::policy::Question;
use super::text::{and, negated, or, quoted};
use super::world::World;
use lists::Paths;

const TEAM_RULES: [&str; 4] = ["R6.header", "R6.unknown_team", "R6.no_team", "R6.no_team_with_model"];

impl World<'_> {
    /// The condition under which the rules answer a question with yes.
    pub(in crate::prove) fn said(&self, question: Question) -> Result<Formula, ProveError> {
        let Some(jwt) = &self.side.snapshot.config().jwt else {
            return Ok(Formula::text("context.c.master".to_owned()));
        };
        let mut claims = self.claims.clone();
        let condition = match question {
            Question::Route => self.route(&mut claims, jwt),
            Question::Model => self.model_use(&mut claims, jwt),
        };
        Ok(Formula::text(condition))
    }

    fn route(&self, claims: &mut Claims, jwt: &JwtAuth) -> String {
        let config = self.side.snapshot.config();
        let (master, caller) = ("context.c.master".to_owned(), self.side.caller());
        let admin = format!("{caller}.admin");
        let mut needed = vec![
            or([master.clone(), self.granted(claims, jwt, Question::Route)]),
            "!context.c.overage".to_owned(),
            // R5
            or([negated(&admin), master.clone(), self.in_routes(&jwt.admin_allowed_routes)]),
        ];
        // R7
        needed.extend(jwt.user_allowed_email_domain.as_ref().map(|domain| {
            let own = format!("({caller} has email_domain && {caller}.email_domain == {})", quoted(domain));
            or([admin.clone(), own])
        }));
        // R6
        needed.extend(TEAM_RULES.map(|rule| negated(&self.refuses(rule))));
        let has_team = format!("({caller} has team)");
        for team in config.teams.iter().filter(|team| team.blocked) {
            needed.push(negated(&self.selects(&team.team_id)));
        }
        let team_routes = jwt.team_allowed_routes.as_ref().map(|routes| self.in_routes(routes));
        needed.extend(team_routes.clone().map(|routes| or([negated(&has_team), routes])));
        // R8
        if config.require_identity {
            needed.push(or([admin.clone(), format!("({caller} has user_id)"), has_team.clone()]));
        }
        // R9
        let mut open =
            vec![admin, self.routes_where(|_, path| lists::is_llm_route(path, config.gateway.sdk_routes))];
        open.extend(team_routes.map(|routes| and([has_team, routes])));
        open.push(self.in_named_routes(claims, jwt));
        needed.push(or(open));
        and(needed)
    }

    fn model_use(&self, claims: &mut Claims, jwt: &JwtAuth) -> String {
        let config = self.side.snapshot.config();
        let master = "context.c.master".to_owned();
        let mut needed = vec![or([master.clone(), self.granted(claims, jwt, Question::Model)])];
        for (at, entry) in config.token_roles.iter().flatten().enumerate() {
            if !entry.deny_models.is_empty() {
                let list = format!("modelgate.role_permissions[{at}].deny_models");
                let denies = |model: &str| lists::denies(config, &entry.deny_models, model);
                let certain = self.models_where(|_, model| denies(model) == Some(true));
                // Where the spelling decides, the engine reads it.
                let spelled = self.models_where(|_, model| denies(model).is_none());
                let denied = or([certain, and([spelled, self.model_in("ModelSet", &list)])]);
                needed.push(negated(&and([held(claims, jwt, &config.token_roles, entry), denied])));
            }
        }
        // R3
        if jwt.enforce_scope_based_access && !jwt.scope_mappings.is_empty() {
            let opened = jwt.scope_mappings.iter().map(|mapping| {
                let has = format!("(!{master} && context.c.scopes.contains({}))", quoted(&mapping.scope));
                and([
                    has,
                    self.models_where(|_, model| mapping.models.iter().any(|name| name.as_str() == model)),
                ])
            });
            needed.push(or([master.clone()].into_iter().chain(opened)));
        }
        // R6
        for team in &config.teams {
            let may_use = self.models_where(|_, model| lists::team_may_use(config, &team.models, model));
            needed.push(or([negated(&self.selects(&team.team_id)), may_use]));
        }
        and(needed)
    }

    /// R2, and the roles of `modelgate.role_permissions`.
    fn granted(&self, claims: &mut Claims, jwt: &JwtAuth, question: Question) -> String {
        let config = self.side.snapshot.config();
        if !jwt.enforce_rbac && config.token_roles.is_none() {
            return "true".to_owned();
        }
        let mut grants = Vec::new();
        for (role, has) in roles(claims, jwt).into_iter().filter(|_| jwt.enforce_rbac) {
            let entry = config.role_permissions.iter().flatten().find(|entry| entry.role == role);
            let listed = match question {
                Question::Route => {
                    entry.and_then(|entry| entry.routes.as_ref()).map(|routes| self.in_routes(routes))
                }
                Question::Model => entry.and_then(|entry| entry.models.as_ref()).map(|models| {
                    self.models_where(|_, model| models.iter().any(|name| name.as_str() == model))
                }),
            };
            let unlisted = (question == Question::Route || !jwt.strict).to_string();
            grants.push(and([has, listed.unwrap_or(unlisted)]));
        }
        for entry in config.token_roles.iter().flatten() {
            let has = held(claims, jwt, &config.token_roles, entry);
            let listed = match question {
                Question::Route => {
                    entry.routes.as_ref().map_or("true".to_owned(), |routes| self.in_routes(routes))
                }
                Question::Model => {
                    self.models_where(|_, model| lists::is_listed(config, &entry.models, model))
                }
            };
            grants.push(and([has, listed]));
        }
        or(grants)
    }

    /// R9: the route is in a list that the configuration has for a role of the caller.
    fn in_named_routes(&self, claims: &mut Claims, jwt: &JwtAuth) -> String {
        let config = self.side.snapshot.config();
        let mut named = Vec::new();
        for (role, has) in roles(claims, jwt).into_iter().filter(|_| jwt.enforce_rbac) {
            let is_master = if role == Role::ProxyAdmin { "context.c.master" } else { "false" };
            let entry = config.role_permissions.iter().flatten().find(|entry| entry.role == role);
            let routes = entry.and_then(|entry| entry.routes.as_ref());
            named.extend(routes.map(|routes| and([or([has, is_master.to_owned()]), self.in_routes(routes)])));
        }
        for entry in config.token_roles.iter().flatten() {
            let has = held(claims, jwt, &config.token_roles, entry);
            named.extend(entry.routes.as_ref().map(|routes| and([has, self.in_routes(routes)])));
        }
        or(named)
    }

    fn in_routes(&self, routes: &[RoutePattern]) -> String {
        let paths = Paths::new(routes);
        self.routes_where(|_, path| paths.has(path))
    }
}

/// The token has the role, or one that inherits it.
fn held(claims: &mut Claims, jwt: &JwtAuth, all: &Option<Vec<TokenRole>>, entry: &TokenRole) -> String {
    let entries = || all.iter().flatten();
    let mut heirs = vec![entry.role.as_str()];
    let mut at = 0;
    while let Some(role) = heirs.get(at).copied() {
        at += 1;
        let more = entries().filter(|other| other.inherits.iter().any(|above| above == role));
        let more: Vec<&str> =
            more.map(|other| other.role.as_str()).filter(|role| !heirs.contains(role)).collect();
        heirs.extend(more);
    }
    let fields = [jwt.user_roles_jwt_field.as_ref(), jwt.roles_jwt_field.as_ref()];
    let has = or(heirs.iter().flat_map(|role| fields.map(|field| claims.contains(field, role))));
    and(["!context.c.master".to_owned(), has])
}
