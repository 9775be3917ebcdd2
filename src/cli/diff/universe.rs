//! Who and what is compared: everything that either configuration names, and one of each kind that neither does.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, RoutePattern};
use crate::dropins::DropIns;
use crate::names::ModelName;
use crate::routes::{RouteList, known_paths};

/// The most questions for which all combinations are asked, of each configuration.
const MOST_QUESTIONS: usize = 40_000;

/// Groups of routes that make a difference whether named or not.
const GROUPS: [&str; 4] = ["llm_api_routes", "openai_routes", "info_routes", "management_routes"];

/// A kind of caller. What is `None` the token does not have.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    pub(super) master_key: bool,
    pub(super) role: Option<Name>,
    pub(super) team: Option<Name>,
    pub(super) scope: Option<Name>,
    /// The part of the email behind the `@`.
    pub(super) domain: Option<Name>,
    pub(super) without_user: bool,
}

/// A name in a token.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Named(String),
    /// One that neither configuration names.
    Other,
    /// The scope of admins, whatever each configuration calls it.
    Admin,
}

/// Something that a caller may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item {
    Model { shown: String, name: ModelName },
    Route { shown: String, path: String },
}

/// Which combinations are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Breadth {
    All,
    Pairs,
    Alone,
}

/// Everything that is compared.
pub(super) struct Universe {
    pub(super) kinds: Vec<Kind>,
    pub(super) items: Vec<Item>,
    pub(super) breadth: Breadth,
    /// How many of each the configurations name.
    pub(super) named: BTreeMap<&'static str, usize>,
}

/// Names by kind.
#[derive(Default)]
struct Names {
    roles: BTreeSet<String>,
    teams: BTreeSet<String>,
    scopes: BTreeSet<String>,
    domains: BTreeSet<String>,
    models: BTreeSet<String>,
    routes: BTreeSet<String>,
    patterns: Vec<RoutePattern>,
}

impl Universe {
    pub(super) fn new(sides: [(&Config, &DropIns); 2]) -> Self {
        let mut names = Names::default();
        for (config, dropins) in sides {
            names.add_config(config);
            names.add_policies(dropins);
        }
        let has_master_key = sides.iter().any(|(config, _)| config.master_key.is_some());
        let items = names.items();
        let (kinds, breadth) = names.kinds(has_master_key, items.len());
        let routes = items.iter().filter(|item| matches!(item, Item::Route { .. })).count();
        let named = BTreeMap::from([
            ("roles", names.roles.len()),
            ("teams", names.teams.len()),
            ("scopes", names.scopes.len()),
            ("email domains", names.domains.len()),
            ("models", names.models.len()),
            ("classes of routes", routes),
        ]);
        Self { kinds, items, breadth, named }
    }
}

impl Names {
    fn add_config(&mut self, config: &Config) {
        let texts = |models: &[ModelName]| models.iter().map(ModelName::to_string).collect::<Vec<_>>();
        self.models.extend(config.models.iter().map(|model| model.name.to_string()));
        let groups: BTreeSet<&String> = config.models.iter().flat_map(|model| &model.access_groups).collect();
        for entry in config.role_permissions.iter().flatten() {
            self.models.extend(entry.models.iter().flat_map(|models| texts(models)));
            self.patterns.extend(entry.routes.iter().flatten().cloned());
        }
        let lists = config.token_roles.iter().flatten().map(|entry| {
            self.roles.insert(entry.role.clone());
            self.patterns.extend(entry.routes.iter().flatten().cloned());
            entry.models.iter().chain(&entry.deny_models)
        });
        let listed: Vec<&String> =
            lists.flatten().chain(config.teams.iter().flat_map(|team| &team.models)).collect();
        let no_model = |name: &&String| *name == "*" || *name == "all-proxy-models" || groups.contains(name);
        self.models.extend(listed.into_iter().filter(|name| !no_model(name)).cloned());
        self.teams.extend(config.teams.iter().map(|team| team.team_id.clone()));

        let Some(jwt) = &config.jwt else { return };
        self.roles.extend(jwt.user_allowed_roles.iter().cloned());
        self.roles.extend(jwt.role_mappings.iter().map(|mapping| mapping.role.clone()));
        self.scopes.extend(jwt.scope_mappings.iter().map(|mapping| mapping.scope.clone()));
        self.models.extend(jwt.scope_mappings.iter().flat_map(|mapping| texts(&mapping.models)));
        self.domains.extend(jwt.user_allowed_email_domain.clone());
        self.patterns.extend(jwt.admin_allowed_routes.iter().cloned());
        self.patterns.extend(jwt.team_allowed_routes.iter().flatten().cloned());
    }

    fn add_policies(&mut self, dropins: &DropIns) {
        for uid in dropins.policies.iter().flat_map(|dropin| dropin.policy.entity_literals()) {
            let id = uid.id().unescaped().to_owned();
            match uid.type_name().to_string().as_str() {
                "TokenRole" => drop(self.roles.insert(id)),
                "Team" => drop(self.teams.insert(id)),
                "Scope" => drop(self.scopes.insert(id)),
                "Model" => drop(self.models.insert(id)),
                "Route" => drop(self.routes.insert(id)),
                "RouteGroup" => self.patterns.push(RoutePattern::Group(id)),
                _ => {}
            }
        }
    }

    /// The callers: all combinations, or as many as are still answered soon.
    fn kinds(&self, master_key: bool, items: usize) -> (Vec<Kind>, Breadth) {
        let named = |names: &BTreeSet<String>| {
            let names = names.iter().map(|name| Some(Name::Named(name.clone())));
            std::iter::once(None).chain(names).chain([Some(Name::Other)]).collect::<Vec<_>>()
        };
        let mut scopes = named(&self.scopes);
        scopes.push(Some(Name::Admin));
        // Where domains count, everybody has an email.
        let mut domains = named(&self.domains);
        domains.retain(|name| self.domains.is_empty() != name.is_some());
        domains.dedup();
        let (roles, teams) = (named(&self.roles), named(&self.teams));
        let all = roles.len() * teams.len() * scopes.len() * domains.len() * 2;
        let fits = |kinds: usize| kinds.saturating_mul(items) <= MOST_QUESTIONS;
        let mut breadth = if fits(all) { Breadth::All } else { Breadth::Pairs };

        // Before anything is copied: there may be very many.
        let wanted = |names: [&Option<Name>; 3]| {
            breadth == Breadth::All || names.iter().filter(|name| name.is_some()).count() <= 2
        };
        let mut kinds = Vec::new();
        for (role, team, scope) in product(&roles, &teams, &scopes).filter(|(r, t, s)| wanted([r, t, s])) {
            for (domain, without_user) in domains.iter().flat_map(|domain| [(domain, false), (domain, true)])
            {
                let [role, team, scope, domain] = [role, team, scope, domain].map(Clone::clone);
                kinds.push(Kind { role, team, scope, domain, without_user, master_key: false });
            }
        }
        if breadth == Breadth::Pairs {
            kinds.retain(|kind| kind.says() <= 2);
        }
        if !fits(kinds.len()) {
            kinds.retain(|kind| kind.says() <= 1);
            breadth = Breadth::Alone;
        }
        kinds.extend(master_key.then(|| Kind { master_key: true, ..Kind::default() }));
        kinds.sort_by_key(Kind::says);
        (kinds, breadth)
    }

    fn items(&self) -> Vec<Item> {
        let model = |shown: &str, name: &str| {
            ModelName::new(name).ok().map(|name| Item::Model { shown: shown.to_owned(), name })
        };
        let named = self.models.iter().filter_map(|name| model(name, &name.replace('*', "any-model")));
        let other = model("any other model", "a-model-that-nobody-names");
        named.chain(other).chain(self.routes()).collect()
    }

    /// One path for each way in which paths can differ for the lists of routes, and each path that is listed.
    fn routes(&self) -> Vec<Item> {
        let mut patterns = self.patterns.clone();
        patterns.extend(GROUPS.map(|name| RoutePattern::Group(name.to_owned())));
        let mut paths: Vec<String> = self.routes.iter().cloned().collect();
        paths.extend(self.patterns.iter().filter_map(|pattern| match pattern {
            RoutePattern::Exact(path) => Some(path.clone()),
            RoutePattern::Prefix(prefix) => Some(format!("{prefix}x")),
            RoutePattern::Group(_) => None,
        }));
        paths.push("/a-route-that-nobody-names".to_owned());
        paths.extend(known_paths());

        let lists: Vec<(String, RouteList)> =
            patterns.into_iter().map(|pattern| (shown(&pattern), RouteList::new(vec![pattern]))).collect();
        let mut classes: BTreeMap<BTreeSet<&str>, Item> = BTreeMap::new();
        for path in paths {
            let class: BTreeSet<&str> = lists
                .iter()
                .filter(|(_, list)| list.contains(&path))
                .map(|(name, _)| name.as_str())
                .collect();
            let shown = match class.iter().next() {
                None => "any other route".to_owned(),
                Some(_) => format!("{path} ({})", class.iter().copied().collect::<Vec<_>>().join(", ")),
            };
            classes.entry(class).or_insert(Item::Route { shown, path });
        }
        classes.into_values().collect()
    }
}

/// Every combination.
fn product<'n, T>(a: &'n [T], b: &'n [T], c: &'n [T]) -> impl Iterator<Item = (&'n T, &'n T, &'n T)> {
    a.iter().flat_map(move |a| b.iter().flat_map(move |b| c.iter().map(move |c| (a, b, c))))
}

fn shown(pattern: &RoutePattern) -> String {
    match pattern {
        RoutePattern::Group(name) => name.clone(),
        RoutePattern::Exact(path) => path.clone(),
        RoutePattern::Prefix(prefix) => format!("{prefix}*"),
    }
}

impl Kind {
    /// How much a token says, beside whose it is.
    fn says(&self) -> usize {
        let names = [&self.role, &self.team, &self.scope];
        names.iter().filter(|name| name.is_some()).count()
            + usize::from(self.without_user)
            + usize::from(self.domain == Some(Name::Other))
    }

    /// Whether the other says all that this one says, and more.
    pub(super) fn is_part_of(&self, other: &Self) -> bool {
        let says_less = |less: &Option<Name>, more: &Option<Name>| less.is_none() || less == more;
        self != other
            && self.master_key == other.master_key
            && says_less(&self.role, &other.role)
            && says_less(&self.team, &other.team)
            && says_less(&self.scope, &other.scope)
            && self.domain == other.domain
            && (!self.without_user || other.without_user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn universe(count: usize) -> Universe {
        let teams: Vec<_> = (0..count).map(|i| format!("{{team_id: t{i}}}")).collect();
        let roles: Vec<_> = (0..count).map(|i| format!("r{i}")).collect();
        let yaml = format!(
            "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{user_roles_jwt_field: roles, \
             user_allowed_roles: [{}]}}\nteams: [{}]\n",
            roles.join(", "),
            teams.join(", ")
        );
        let config = Config::parse("config.yaml", &yaml, ".".as_ref(), &|_| None).unwrap();
        let dropins = DropIns::default();
        Universe::new([(&config, &dropins), (&config, &dropins)])
    }

    #[test]
    fn few_names_are_compared_in_every_combination() {
        let universe = universe(2);
        // None, two and another; no scope, another and the admins'; with and without a user.
        assert_eq!((universe.kinds.len(), universe.breadth), (4 * 4 * 3 * 2, Breadth::All));
    }

    #[test]
    fn more_names_are_compared_in_pairs() {
        let universe = universe(30);
        assert_eq!(universe.breadth, Breadth::Pairs);
        let says = universe.kinds.iter().map(Kind::says).max();
        assert_eq!(says, Some(2));
    }

    #[test]
    fn very_many_names_are_compared_alone() {
        let universe = universe(200);
        assert_eq!(universe.breadth, Breadth::Alone);
        // Nobody in particular; 201 roles and teams each; two scopes; no user.
        assert_eq!(universe.kinds.len(), 1 + 201 + 201 + 2 + 1);
    }

    #[test]
    fn every_class_of_routes_has_one_path() {
        let routes: Vec<_> =
            universe(1).items.into_iter().filter(|item| matches!(item, Item::Route { .. })).collect();
        let shown =
            |item: &Item| if let Item::Route { shown, .. } = item { shown.clone() } else { String::new() };
        assert!(routes.iter().any(|item| shown(item) == "any other route"));
        assert!(
            routes.iter().any(|item| shown(item).ends_with(" (llm_api_routes, openai_routes)")),
            "{routes:?}"
        );
    }
}
