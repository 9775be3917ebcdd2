//! The selection of a team (R6), as conditions.
//!
//! One difference: where R6.4 selects the first of several teams, a formula lets any of them be selected. Such a request
//! exists, because the header `x-litellm-team-id` selects each.

use std::collections::BTreeSet;

use crate::config::JwtAuth;
use crate::names::Role;
use crate::rules::Rule;

use super::caller::{admin, default_team, has_token_team, roles};
use super::selection::Selection;
use super::text::{and, list, negated, or, quoted, same, when};
use super::world::World;

impl World<'_> {
    /// Every team that the configuration, a policy or a file names.
    pub(super) fn known_teams(&self) -> BTreeSet<String> {
        let facts = self.side.facts();
        let declared = facts.teams().map(|team| team.id.to_owned());
        let described = facts.described().filter(|entity| entity.uid.type_name().to_string() == "Team");
        let described = described.map(|entity| entity.uid.id().unescaped().to_owned());
        let named = self.vocabulary.of_type("Team").map(str::to_owned);
        declared.chain(described).chain(named).collect()
    }

    /// The token claims the team.
    pub(super) fn claimed(&mut self, jwt: &JwtAuth, team: &str) -> String {
        let claimed = self.claims.by_issuer(jwt, |claims, fields| {
            let has = claims.has(fields.team_id);
            let by_default = match jwt.team_id_default.as_deref() == Some(team) {
                true => default_team(jwt, fields, &has),
                false => "false".to_owned(),
            };
            or([claims.is(fields.team_id, team), by_default, claims.contains(fields.team_ids, team)])
        });
        and(["!context.c.master".to_owned(), claimed])
    }

    /// The condition under which a known team is selected.
    pub(super) fn selects(&self, team: &str) -> String {
        let own = self.selection.teams.iter().find(|(known, _)| known == team);
        own.map_or("false".to_owned(), |_| {
            let caller = self.side.caller();
            format!("({caller} has team && {caller}.team == {})", self.side.entity("Team", team))
        })
    }

    /// The condition under which a rule of R6 refuses the caller.
    pub(super) fn refuses(&self, rule: &str) -> String {
        let own = self.selection.refusals.iter().find(|(known, _)| known.as_str() == rule);
        let refused = own.map_or("false".to_owned(), |(_, condition)| condition.clone());
        and([refused, format!("!({} has team)", self.side.caller())])
    }

    /// The team of the caller.
    pub(super) fn add_team(&mut self) {
        self.selection = self.select();
        let caller = self.side.caller();
        let Selection { none, teams, other, refusals } = self.selection.clone();
        let without = or([none].into_iter().chain(refusals.into_iter().map(|(_, condition)| condition)));
        self.require(format!("{caller} has team || {without}"));
        let mut one_of = vec![other];
        for (team, condition) in &teams {
            let is = format!("{caller}.team == {}", self.side.entity("Team", team));
            self.require(when(&format!("{caller} has team"), &or([negated(&is), condition.clone()])));
            one_of.push(is);
        }
        self.require(when(&format!("{caller} has team"), &or(one_of)));
        self.add_team_attributes(&caller, &teams);
    }

    fn add_team_attributes(&mut self, caller: &str, known: &[(String, String)]) {
        let facts = self.side.facts();
        for team in facts.teams() {
            let uid = self.side.entity("Team", team.id);
            let mut attributes = vec![
                format!("{uid}.declared"),
                if team.blocked { format!("{uid}.blocked") } else { format!("!{uid}.blocked") },
                if team.all_models { format!("{uid}.all_models") } else { format!("!{uid}.all_models") },
            ];
            attributes.extend(self.vocabulary.reads("alias").then(|| match team.declared_alias {
                Some(alias) => format!("({uid} has alias && {uid}.alias == {})", quoted(alias)),
                None => format!("!({uid} has alias)"),
            }));
            self.require(and(attributes));
        }
        let declared: BTreeSet<&str> = facts.teams().map(|team| team.id).collect();
        let undeclared = |uid: &str| format!("(!{uid}.declared && !{uid}.blocked && {uid}.all_models)");
        for (team, _) in known.iter().filter(|(team, _)| !declared.contains(team.as_str())) {
            self.require(undeclared(&self.side.entity("Team", team)));
        }
        let one_of_them =
            known.iter().map(|(team, _)| format!("{caller}.team == {}", self.side.entity("Team", team)));
        let other = undeclared(&format!("{caller}.team"));
        let condition = or(one_of_them.chain([other]));
        self.require(when(&format!("{caller} has team"), &condition));
        let config = self.side.snapshot.config();
        if let (Some(jwt), true) = (&config.jwt, self.vocabulary.reads("teams")) {
            for (team, _) in known {
                let claimed = self.claimed(jwt, team);
                let own = format!("{caller}.teams.contains({})", self.side.entity("Team", team));
                self.require(same(&own, &claimed));
            }
        }
    }

    /// Each team, if it fits and no better one does: one that is not blocked, and then the first by its id.
    fn first_of(&self, fits: &[(String, String)]) -> Vec<(String, String)> {
        let blocked: BTreeSet<&str> =
            self.side.facts().teams().filter(|team| team.blocked).map(|team| team.id).collect();
        let mut ordered: Vec<&(String, String)> = fits.iter().collect();
        ordered.sort_by_key(|(team, _)| (blocked.contains(team.as_str()), team.as_str()));
        let mut better: Vec<String> = Vec::new();
        let mut first = Vec::new();
        for (team, fit) in ordered {
            first.push((team.clone(), and([fit.clone(), negated(&or(better.clone()))])));
            better.push(fit.clone());
        }
        first
    }

    fn select(&mut self) -> Selection {
        let config = self.side.snapshot.config();
        let known: Vec<String> = self.known_teams().into_iter().collect();
        let Some(jwt) = &config.jwt else {
            return Selection { none: "true".to_owned(), other: "false".to_owned(), ..Selection::default() };
        };
        let facts = self.side.facts();
        let declared: BTreeSet<String> = facts.teams().map(|team| team.id.to_owned()).collect();
        let aliases: Vec<(String, String)> =
            facts.teams().filter_map(|team| Some((team.alias?.to_owned(), team.id.to_owned()))).collect();
        let is_declared = |value: &str| match declared.is_empty() {
            true => "false".to_owned(),
            false => format!("{}.contains({value})", list(declared.iter().map(String::as_str))),
        };
        let mut branches = Branches::default();
        let admin = or(["context.c.master".to_owned(), admin(jwt)]);
        branches.none(&admin);

        // R6.1
        let claims_header = self.claims.by_issuer(jwt, |claims, fields| {
            let has = claims.has(fields.team_id);
            let default = jwt.team_id_default.as_deref().map_or("false".to_owned(), |team| {
                and([default_team(jwt, fields, &has), format!("context.c.header == {}", quoted(team))])
            });
            let own = claims.has_and(fields.team_id, |value| format!("{value} == context.c.header"));
            let one_of =
                claims.names(fields.team_ids).map(|names| format!("{names}.contains(context.c.header)"));
            or([default, own, one_of.unwrap_or_else(|| "false".to_owned())])
        });
        let mut by_header = Vec::new();
        for team in known.iter().filter(|team| declared.contains(*team)) {
            let claimed = self.claimed(jwt, team);
            let alias = aliases.iter().find(|(_, id)| id == team).map_or("false".to_owned(), |(alias, _)| {
                and([format!("context.c.header == {}", quoted(alias)), negated(&claims_header)])
            });
            let named = or([format!("context.c.header == {}", quoted(team)), alias]);
            by_header.push((team.clone(), and([claimed, named])));
        }
        let unknown = and([claims_header, negated(&is_declared("context.c.header"))]);
        let nothing =
            negated(&or(by_header.iter().map(|(_, condition)| condition.clone()).chain([unknown.clone()])));
        branches.enter("context.c has header");
        branches.teams(&by_header);
        branches.refuse(Rule::UnknownTeam, &unknown);
        branches.refuse(Rule::TeamHeader, &nothing);
        branches.leave();

        // R6.2
        let role_is_team = roles(&mut self.claims, jwt).into_iter().find(|(role, _)| *role == Role::Team);
        let is_team = role_is_team.map_or("false".to_owned(), |(_, condition)| condition);
        let object = and([is_team, self.claims.has(jwt.object_id_jwt_field.as_ref())]);
        let objects: Vec<_> = known
            .iter()
            .map(|team| (team.clone(), self.claims.is(jwt.object_id_jwt_field.as_ref(), team)))
            .collect();
        branches.enter(&object);
        branches.teams(&objects);
        branches.any_other("true");
        branches.leave();

        // R6.3
        let alias_path = jwt.team_alias_jwt_field.as_ref();
        let has_alias = self.claims.has(alias_path);
        let own = has_token_team(&mut self.claims, jwt);
        let gives_way = self.claims.by_issuer(jwt, |claims, fields| {
            let has = claims.has(fields.team_id);
            let no_ids =
                claims.names(fields.team_ids).map_or("true".to_owned(), |names| format!("{names}.isEmpty()"));
            and([default_team(jwt, fields, &has), has_alias.clone(), no_ids])
        });
        let own_is: Vec<_> = known
            .iter()
            .map(|team| {
                let condition = self.claims.by_issuer(jwt, |claims, fields| {
                    let has = claims.has(fields.team_id);
                    let by_default = match jwt.team_id_default.as_deref() == Some(team) {
                        true => default_team(jwt, fields, &has),
                        false => "false".to_owned(),
                    };
                    or([claims.is(fields.team_id, team), by_default])
                });
                (team.clone(), condition)
            })
            .collect();
        let exists = own_is.iter().filter(|(team, _)| jwt.team_id_upsert || declared.contains(team));
        let exists: Vec<_> = exists.cloned().collect();
        branches.enter(&and([own, negated(&gives_way)]));
        branches.teams(&exists);
        let is_known = or(exists.iter().map(|(_, condition)| condition.clone()));
        match jwt.team_id_upsert {
            true => branches.any_other("true"),
            false => branches.refuse(Rule::UnknownTeam, &negated(&is_known)),
        }
        branches.leave();
        let by_alias: Vec<_> =
            aliases.iter().map(|(alias, id)| (id.clone(), self.claims.is(alias_path, alias))).collect();
        branches.enter(&has_alias);
        branches.teams(&by_alias);
        let is_alias = or(by_alias.iter().map(|(_, condition)| condition.clone()));
        branches.refuse(Rule::UnknownTeam, &negated(&is_alias));
        branches.leave();
        let expected = self.claims.by_issuer(jwt, |_, fields| {
            (fields.team_id.is_some() || jwt.team_alias_jwt_field.is_some()).to_string()
        });
        branches.enter(&expected);
        branches.refuse(Rule::NoTeam, "true");
        branches.leave();

        // R6.4
        let no_ids = self.claims.by_issuer(jwt, |claims, fields| {
            claims.names(fields.team_ids).map_or("true".to_owned(), |names| format!("{names}.isEmpty()"))
        });
        branches.enter(&no_ids);
        match jwt.enforce_team_based_model_access {
            true => branches.refuse(Rule::NoTeam, "true"),
            false => branches.none("true"),
        }
        branches.leave();
        let on_route = self.routes_where(|facts, path| facts.is_team_route(path));
        let mut fits = Vec::new();
        for team in known.iter().filter(|team| jwt.team_id_upsert || declared.contains(*team)) {
            let may_use = match self.has_model && declared.contains(team) {
                true => self.models_where(|facts, model| facts.team_may_use(team, model)),
                false => "true".to_owned(),
            };
            fits.push((team.clone(), and([self.claimed(jwt, team), on_route.clone(), may_use])));
        }
        let fit = or(fits.iter().map(|(_, condition)| condition.clone()));
        branches.teams(&if self.is_exact { self.first_of(&fits) } else { fits });
        if jwt.team_id_upsert {
            branches.any_other(&on_route);
        }
        match self.has_model {
            true => branches.refuse(Rule::NoTeamWithModel, &negated(&fit)),
            false => branches.none(&negated(&fit)),
        }
        branches.done(&known)
    }
}

/// Collects the outcomes under the conditions of the branches so far.
#[derive(Debug, Default)]
struct Branches {
    /// No earlier branch was taken.
    before: Vec<String>,
    inside: Option<String>,
    none: Vec<String>,
    other: Vec<String>,
    teams: Vec<(String, String)>,
    refusals: Vec<(Rule, String)>,
}

impl Branches {
    fn here(&self) -> String {
        and(self.before.iter().cloned().chain(self.inside.clone()))
    }

    fn enter(&mut self, condition: &str) {
        self.inside = Some(condition.to_owned());
    }

    fn leave(&mut self) {
        self.before.extend(self.inside.take().map(|condition| negated(&condition)));
    }

    /// Nothing is selected under `condition`. Without a branch, it is one of its own.
    fn none(&mut self, condition: &str) {
        self.none.push(and([self.here(), condition.to_owned()]));
        if self.inside.is_none() {
            self.before.push(negated(condition));
        }
    }

    fn any_other(&mut self, condition: &str) {
        self.other.push(and([self.here(), condition.to_owned()]));
    }

    fn teams(&mut self, teams: &[(String, String)]) {
        let here = self.here();
        self.teams.extend(
            teams.iter().map(|(team, condition)| (team.clone(), and([here.clone(), condition.clone()]))),
        );
    }

    fn refuse(&mut self, rule: Rule, condition: &str) {
        self.refusals.push((rule, and([self.here(), condition.to_owned()])));
    }

    fn done(self, known: &[String]) -> Selection {
        let of_team = |team: &String| {
            let own = self.teams.iter().filter(|(known, _)| known == team);
            (team.clone(), or(own.map(|(_, condition)| condition.clone())))
        };
        let rules: BTreeSet<Rule> = self.refusals.iter().map(|(rule, _)| *rule).collect();
        let of_rule = |rule: Rule| {
            let own = self.refusals.iter().filter(|(known, _)| *known == rule);
            (rule, or(own.map(|(_, condition)| condition.clone())))
        };
        Selection {
            none: or(self.none.clone()),
            other: or(self.other.clone()),
            teams: known.iter().map(of_team).collect(),
            refusals: rules.into_iter().map(of_rule).collect(),
        }
    }
}
