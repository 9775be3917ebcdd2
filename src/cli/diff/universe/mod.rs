//! Chooses the callers, models and routes to compare: every name of either side, and one unknown name of each
//! type.
//!
//! Two configurations with their policies come in. A `Universe` leaves: kinds of callers, classes of models and of routes.

mod alike;
mod focus;
pub(in crate::cli) mod kinds;
mod models;
mod names;
mod routes;

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, JwtAuth};
use crate::dropins::DropIns;
use alike::{Alike, Treatment};
use focus::Focus;
use kinds::{Choice, Choices, Kind, Name, Person, Team, subsets};
use models::ModelClass;
use names::Names;
pub(in crate::cli) use routes::RouteClass;

/// The maximum number of requests that each side decides.
const MOST_QUESTIONS: usize = 60_000;
/// With at most this many roles, every set of roles is compared.
const FEW_ROLES: usize = 5;
/// Otherwise, sets of at most this many roles are compared: one role that grants the route, one that grants
/// the model, and one that denies.
const ROLES_AT_ONCE: usize = 3;
/// At most two teams: the selected one, and one that a rule mentions.
const TEAMS_AT_ONCE: usize = 2;
/// The maximum number of sets of roles in one comparison.
const MOST_SETS: usize = 20_000;

/// Everything that is compared.
pub(in crate::cli) struct Universe {
    pub(in crate::cli) kinds: Vec<Kind>,
    pub(in crate::cli) models: Vec<ModelClass>,
    pub(in crate::cli) routes: Vec<RouteClass>,
    /// Names that represent other names.
    pub(in crate::cli) alike: Alike,
    /// The maximum size of a token, if it is limited.
    pub(in crate::cli) limit: Option<usize>,
    /// The maximum number of roles in a token, if it is limited.
    pub(in crate::cli) roles_at_once: Option<usize>,
    /// Whether only tokens with a changed name are compared.
    pub(in crate::cli) focused: bool,
    /// Whether larger combinations could be decided differently from the compared ones.
    pub(in crate::cli) is_partial: bool,
    /// Whether policies depend on something that is not compared.
    pub(in crate::cli) has_conditions: bool,
    /// The number of names of each type in the configurations.
    pub(in crate::cli) named: BTreeMap<&'static str, usize>,
}

impl Universe {
    pub(in crate::cli) fn new(sides: [(&Config, &DropIns); 2]) -> Self {
        Self::within(sides, MOST_QUESTIONS)
    }

    /// All kinds of callers of one configuration.
    pub(in crate::cli) fn of_one(config: &Config, dropins: &DropIns) -> Self {
        Self::with([(config, dropins), (config, dropins)], MOST_QUESTIONS, true)
    }

    /// The same, with a given maximum number of requests.
    pub(in crate::cli) fn within(sides: [(&Config, &DropIns); 2], most: usize) -> Self {
        Self::with(sides, most, false)
    }

    fn with(sides: [(&Config, &DropIns); 2], most: usize, everybody: bool) -> Self {
        let configs = sides.map(|(config, _)| config);
        let names = Names::of(sides);
        let (models, routes) = (models::classes(&names, configs), routes::classes(&names));
        let treatment = Treatment::new(&names, configs);
        let focus = Focus::new(sides, &names, &treatment);

        let roles = alike::classes(&names.roles, |role| treatment.role(role));
        let teams = alike::classes(&names.teams, |team| treatment.team(team));
        let scopes = alike::classes(&names.scopes, |scope| treatment.scope(scope));
        let role_names: Vec<String> = roles.keys().cloned().collect();
        let at_once = roles_at_once(role_names.len());
        let choices = Choices {
            issuers: issuers(configs),
            roles: subsets(&role_names, at_once)
                .into_iter()
                .map(|what| Choice { says: what.len(), changed: focus.has_role(&what), what })
                .collect(),
            teams: team_choices(&names, &teams, configs, &focus),
            scopes: std::iter::once(None)
                .chain(scopes.keys().cloned().map(Some))
                .map(|what| Choice {
                    says: usize::from(what.is_some()),
                    changed: what.as_ref().is_some_and(|scope| focus.has_scope(scope)),
                    what,
                })
                .collect(),
            persons: persons(&names.domains),
            // Drop-in policies may depend on anything, and under `strict` an admin has other roles too.
            admins_are_alike: sides.iter().all(|(config, dropins)| {
                dropins.policies.is_empty() && config.jwt.as_ref().is_none_or(|jwt| !jwt.strict)
            }),
        };
        let focused = focus.is_narrow() && !everybody;
        let most_kinds = (most / ((models.len() + 1) * routes.len()).max(1)).max(1);
        let limit = choices.limit(focused, most_kinds);
        let mut kinds = choices.kinds(focused, limit);
        if !focused && configs.iter().any(|config| config.master_key.is_some()) {
            kinds.push(Kind { master_key: true, ..Kind::default() });
        }
        let roles_limited = (at_once < role_names.len()).then_some(at_once);
        let needs_more = || at_once < ROLES_AT_ONCE || asks_for_more_roles(sides);
        let named = BTreeMap::from([
            ("roles", names.roles.len()),
            ("teams", names.teams.len()),
            ("scopes", names.scopes.len()),
            ("email domains", names.domains.len()),
            ("models", names.models.len() + names.wildcards.len()),
            ("classes of routes", routes.len()),
        ]);
        // If nothing changed, larger combinations cannot differ either.
        let can_show_more = !(focused && focus.is_empty());
        Self {
            is_partial: can_show_more && (limit.is_some() || (roles_limited.is_some() && needs_more())),
            roles_at_once: roles_limited,
            alike: [roles, teams, scopes]
                .into_iter()
                .flatten()
                .filter(|(_, others)| !others.is_empty())
                .collect(),
            kinds,
            models,
            routes,
            limit,
            focused,
            has_conditions: sides.iter().any(|(_, dropins)| {
                dropins.policies.iter().any(|dropin| super::conditions::is_conditional(&dropin.policy))
            }),
            named,
        }
    }
}

/// The maximum number of roles in a token, for a given number of role names.
fn roles_at_once(roles: usize) -> usize {
    if roles <= FEW_ROLES {
        return roles;
    }
    let sets = |most: usize| -> usize {
        let sizes = (0..most).scan(1_usize, |count, size| {
            *count = count.saturating_mul(roles - size) / (size + 1);
            Some(*count)
        });
        sizes.sum()
    };
    (1..=ROLES_AT_ONCE).rev().find(|most| sets(*most) <= MOST_SETS).unwrap_or(1)
}

/// Whether a decision can depend on more roles of one token than are compared: through the order of mappings,
/// or through a policy that requires several roles.
fn asks_for_more_roles(sides: [(&Config, &DropIns); 2]) -> bool {
    let maps_several = |config: &Config| {
        let mappings = config.jwt.iter().flat_map(|jwt| &jwt.role_mappings);
        mappings.map(|mapping| mapping.internal_role).collect::<BTreeSet<_>>().len() > 1
    };
    let asks_for_several = |dropins: &DropIns| {
        dropins.policies.iter().any(|dropin| {
            let roles = dropin.policy.entity_literals();
            let texts = super::conditions::texts(&dropin.policy).roles.len();
            roles.iter().filter(|uid| uid.type_name().to_string() == "TokenRole").count() + texts > 1
        })
    };
    sides.iter().any(|(config, dropins)| maps_several(config) || asks_for_several(dropins))
}

/// One issuer for each combination of settings by which the sides read tokens.
fn issuers(configs: [&Config; 2]) -> Vec<Choice<Option<String>>> {
    let jwts: Vec<&JwtAuth> = configs.iter().filter_map(|config| config.jwt.as_ref()).collect();
    let choice = |what: Option<String>| Choice { says: 0, changed: false, what };
    if jwts.iter().all(|jwt| jwt.tokens.issuers.is_empty()) {
        return vec![choice(None)];
    }
    let listed = jwts.iter().flat_map(|jwt| {
        jwt.tokens.issuers.iter().map(|entry| entry.issuer.clone()).chain(jwt.tokens.issuer.clone())
    });
    let mut classes: BTreeMap<[String; 2], String> = BTreeMap::new();
    for issuer in listed.chain(["https://one-that-nobody-names".to_owned()]) {
        let read = configs.map(|config| {
            let jwt = config.jwt.as_ref().filter(|jwt| accepts(jwt, Some(&issuer)));
            jwt.map(|jwt| format!("{:?}", jwt.claim_fields(Some(&issuer)))).unwrap_or_default()
        });
        // Neither side accepts these tokens.
        if read.iter().any(|read| !read.is_empty()) {
            classes.entry(read).or_insert(issuer);
        }
    }
    classes.into_values().map(|issuer| choice(Some(issuer))).collect()
}

/// Whether a side accepts tokens of an issuer (D9).
pub(in crate::cli) fn accepts(jwt: &JwtAuth, issuer: Option<&str>) -> bool {
    let Some(issuer) = issuer else { return true };
    let by_name = jwt.tokens.issuer.as_deref().map(|named| named == issuer);
    if jwt.tokens.issuers.is_empty() {
        by_name.unwrap_or(true)
    } else {
        jwt.tokens.entry(issuer).is_some() || by_name == Some(true)
    }
}

/// Every combination of the team claims that either side reads, with each team that a request may select.
fn team_choices(names: &Names, teams: &Alike, configs: [&Config; 2], focus: &Focus) -> Vec<Choice<Team>> {
    let jwts: Vec<&JwtAuth> = configs.iter().filter_map(|config| config.jwt.as_ref()).collect();
    let reads = |reads: fn(&JwtAuth) -> bool| jwts.iter().any(|jwt| reads(jwt));
    let issuers = |jwt: &JwtAuth, any: fn(&crate::config::Issuer) -> bool| jwt.tokens.issuers.iter().any(any);
    let reads_id = reads(|jwt| jwt.team_id_jwt_field.is_some())
        || jwts.iter().any(|jwt| issuers(jwt, |entry| entry.team_id_jwt_field.is_some()));
    let reads_ids = reads(|jwt| jwt.team_ids_jwt_field.is_some())
        || jwts.iter().any(|jwt| issuers(jwt, |entry| entry.team_ids_jwt_field.is_some()));
    let reads_alias = reads(|jwt| jwt.team_alias_jwt_field.is_some());

    let named: Vec<Name> = teams.keys().cloned().map(Name::Named).collect();
    let one_of = |names: &[Name], is_read: bool| {
        let names = names.iter().cloned().chain([Name::Other]).map(Some);
        std::iter::once(None).chain(names.filter(|_| is_read)).collect::<Vec<_>>()
    };
    let mut sets = subsets(&named, if reads_ids { TEAMS_AT_ONCE } else { 0 });
    if reads_ids {
        sets.push(BTreeSet::from([Name::Other]));
    }
    let aliases: Vec<Name> = names.aliases.iter().cloned().map(Name::Named).collect();
    let reads_object = reads(|jwt| jwt.object_id_jwt_field.is_some());
    let mut choices = Vec::new();
    for (id, object) in product(&one_of(&named, reads_id), &one_of(&named, reads_object)) {
        for (ids, alias) in product(&sets, &one_of(&aliases, reads_alias)) {
            // If another claim selects the team, a list of teams only matters for the header and for policies
            // that name a team.
            let selected = id.is_some() || object.is_some() || alias.is_some();
            if selected && ids.len() > 1 && !names.mentioned.iter().any(|(ty, _)| ty == "Team") {
                continue;
            }
            let claimed: BTreeSet<&Name> = ids.iter().chain(&id).collect();
            let headers = claimed.into_iter().filter_map(|name| match name {
                Name::Named(name) => Some(Some(name.clone())),
                Name::Other => None,
            });
            let changed = focus.has_team(ids.iter().chain(&id).chain(&object), alias.as_ref());
            for header in std::iter::once(None).chain(headers) {
                let single = [id.is_some(), object.is_some(), alias.is_some(), header.is_some()];
                let says = ids.len() + single.into_iter().filter(|is| *is).count();
                let (id, object, ids, alias) = (id.clone(), object.clone(), ids.clone(), alias.clone());
                choices.push(Choice { says, changed, what: Team { id, ids, alias, object, header } });
            }
        }
    }
    choices
}

/// Every pair.
fn product<'l, A: Clone, B: Clone>(a: &'l [A], b: &'l [B]) -> Vec<(A, B)> {
    a.iter().flat_map(|a| b.iter().map(move |b| (a.clone(), b.clone()))).collect()
}

/// With and without a user, and one user for each domain if domains matter. Without an email there is no user
/// id to take from it.
fn persons(domains: &BTreeSet<String>) -> Vec<Choice<Person>> {
    let named: Vec<Option<Name>> = domains.iter().cloned().map(Name::Named).map(Some).collect();
    let choice =
        |says, without_user, domain| Choice { says, changed: false, what: Person { without_user, domain } };
    let with_user = named.iter().map(|domain| choice(0, false, domain.clone()));
    let other = choice(usize::from(!domains.is_empty()), false, Some(Name::Other));
    let without = named.iter().map(|domain| choice(1, true, domain.clone()));
    with_user.chain([other]).chain(without).chain([choice(1, true, None)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(count: usize, more: &str) -> Config {
        let teams: Vec<_> = (0..count).map(|i| format!("{{team_id: t{i}, models: [m{i}]}}")).collect();
        let roles: Vec<_> = (0..count).map(|i| format!("{{role: r{i}, models: [m{i}]}}")).collect();
        let yaml = format!(
            "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{user_roles_jwt_field: roles, \
             team_ids_jwt_field: groups{more}}}\nmodelgate: {{role_permissions: [{}]}}\nteams: [{}]\n",
            roles.join(", "),
            teams.join(", ")
        );
        Config::parse("config.yaml", &yaml, ".".as_ref(), &|_| None).unwrap()
    }

    /// The comparison of two configurations that differ for every caller.
    fn universe(count: usize, most: usize) -> Universe {
        let (old, new) = (config(count, ""), config(count, ", team_id_default: t0"));
        let dropins = DropIns::default();
        Universe::within([(&old, &dropins), (&new, &dropins)], most)
    }

    #[test]
    fn few_names_are_compared_in_every_combination() {
        let universe = universe(2, usize::MAX);
        assert!(!universe.focused && !universe.is_partial && universe.limit.is_none());
        // All sets of two roles; no team, each, both, another, and each with its header; a user or not; and an admin.
        assert_eq!(universe.kinds.len(), 4 * ((5 + 4) * 2 + 1));
    }

    #[test]
    fn what_is_not_looked_at_is_known() {
        let universe = universe(12, 20_000);
        assert!(universe.is_partial && universe.limit.is_some(), "{:?}", universe.limit);
    }

    #[test]
    fn many_roles_are_compared_by_threes() {
        assert_eq!([1, 5, 6, 40, 100, 1000].map(roles_at_once), [1, 5, 3, 3, 2, 1]);
    }

    #[test]
    fn where_one_role_changes_only_tokens_that_have_it_are_compared() {
        let (old, dropins) = (config(4, ""), DropIns::default());
        let mut new = old.clone();
        new.token_roles.as_mut().unwrap()[1].models.push("m9".to_owned());
        let universe = Universe::within([(&old, &dropins), (&new, &dropins)], usize::MAX);
        assert!(universe.focused && universe.kinds.iter().all(|kind| kind.roles.contains("r1")));
    }

    #[test]
    fn names_that_are_treated_alike_are_asked_for_once() {
        let (mut old, dropins) = (config(3, ""), DropIns::default());
        for entry in old.token_roles.iter_mut().flatten() {
            entry.models = vec!["m0".to_owned()];
        }
        let mut new = old.clone();
        new.require_identity = true;
        let universe = Universe::within([(&old, &dropins), (&new, &dropins)], usize::MAX);
        assert_eq!(universe.alike.get("r0"), Some(&vec!["r1".to_owned(), "r2".to_owned()]));
    }
}
