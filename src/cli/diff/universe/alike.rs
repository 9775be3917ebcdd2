//! Groups names that both sides treat alike. One of them represents the group.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::names::Names;
use crate::config::{Config, Team, TokenRole};

/// The represented names, by their representative.
pub(in crate::cli) type Alike = BTreeMap<String, Vec<String>>;

/// How the two sides treat a name. Names with equal treatments are alike. A name has changed if its two sides
/// differ.
pub(in crate::cli) struct Treatment<'a> {
    names: &'a Names,
    sides: [Side<'a>; 2],
}

/// A configuration, with its entries by their names.
struct Side<'a> {
    config: &'a Config,
    roles: HashMap<&'a str, &'a TokenRole>,
    teams: HashMap<&'a str, &'a Team>,
}

impl<'a> Treatment<'a> {
    pub(in crate::cli) fn new(names: &'a Names, configs: [&'a Config; 2]) -> Self {
        Self { names, sides: configs.map(Side::new) }
    }

    /// Whether a role inherits from `parent` on either side, or is that role.
    pub(in crate::cli) fn inherits(&self, role: &str, parent: &str) -> bool {
        self.sides.iter().any(|side| side.ancestry(role).iter().any(|entry| entry.role == parent))
    }

    pub(in crate::cli) fn role(&self, role: &str) -> [String; 2] {
        self.sides.each_ref().map(|side| {
            let jwt = side.config.jwt.as_ref();
            let is_allowed = jwt.is_some_and(|jwt| jwt.user_allowed_roles.iter().any(|known| known == role));
            // A mapping is characterized by its role and by the mappings before it.
            let mappings = jwt.map(|jwt| jwt.role_mappings.as_slice()).unwrap_or_default();
            let index = mappings.iter().position(|mapping| mapping.role == role);
            let mapping = index.and_then(|index| {
                let before = mappings.get(..=index)?;
                let turns = before.windows(2).filter(|pair| {
                    let [a, b] = pair else { return false };
                    a.internal_role != b.internal_role
                });
                Some((turns.count(), before.last()?.internal_role))
            });
            let roles = side.ancestry(role);
            let texts = |list: fn(&TokenRole) -> &Vec<String>| -> BTreeSet<&String> {
                roles.iter().flat_map(|entry| list(entry)).collect()
            };
            let routes: BTreeSet<String> = roles
                .iter()
                .map(|entry| {
                    entry.routes.as_ref().map_or_else(|| "any".to_owned(), |list| format!("{list:?}"))
                })
                .collect();
            let named = roles.iter().map(|entry| entry.role.as_str()).chain([role]);
            let own: BTreeSet<&str> = named.filter(|role| self.names.mentions("TokenRole", role)).collect();
            let has_text = self.names.is_text(role).then_some(role);
            let (models, denied) = (texts(|entry| &entry.models), texts(|entry| &entry.deny_models));
            format!("{is_allowed:?} {mapping:?} {models:?} {denied:?} {routes:?} {own:?} {has_text:?}")
        })
    }

    pub(in crate::cli) fn team(&self, id: &str) -> [String; 2] {
        self.sides.each_ref().map(|side| {
            let declared = side.teams.get(id).copied().map(|team| {
                // The pattern names every field, so a new field does not compile until it is handled here.
                let Team { team_id: _, team_alias, models, blocked, organization_id } = team;
                let models: BTreeSet<&String> = models.iter().collect();
                (models, blocked, team_alias, organization_id)
            });
            let is_default =
                side.config.jwt.as_ref().is_some_and(|jwt| jwt.team_id_default.as_deref() == Some(id));
            let own = self.names.mentions("Team", id).then_some(id);
            format!("{declared:?} {is_default} {own:?}")
        })
    }

    pub(in crate::cli) fn scope(&self, scope: &str) -> [String; 2] {
        self.sides.each_ref().map(|side| {
            let mappings = side.config.jwt.iter().flat_map(|jwt| &jwt.scope_mappings);
            let mappings = mappings.filter(|mapping| mapping.scope == scope);
            let models: BTreeSet<_> = mappings.flat_map(|mapping| &mapping.models).collect();
            let own = self.names.mentions("Scope", scope).then_some(scope);
            format!("{models:?} {own:?}")
        })
    }
}

impl<'a> Side<'a> {
    fn new(config: &'a Config) -> Self {
        let (mut roles, mut teams) = (HashMap::new(), HashMap::new());
        // The first entry of a name counts.
        for entry in config.token_roles.iter().flatten() {
            roles.entry(entry.role.as_str()).or_insert(entry);
        }
        for team in &config.teams {
            teams.entry(team.team_id.as_str()).or_insert(team);
        }
        Self { config, roles, teams }
    }

    /// The entries of a role and of every role that it inherits from.
    fn ancestry(&self, role: &str) -> Vec<&'a TokenRole> {
        let entry = |name: &str| self.roles.get(name).copied();
        let mut found: Vec<&TokenRole> = entry(role).into_iter().collect();
        let mut next = 0;
        while let Some(at) = found.get(next).copied() {
            for parent in at.inherits.iter().filter_map(|parent| entry(parent)) {
                if !found.iter().any(|known| known.role == parent.role) {
                    found.push(parent);
                }
            }
            next += 1;
        }
        found
    }
}

/// One representative of each class, with the other names.
pub(in crate::cli) fn classes(names: &BTreeSet<String>, treatment: impl Fn(&str) -> [String; 2]) -> Alike {
    let mut classes: BTreeMap<[String; 2], Vec<String>> = BTreeMap::new();
    for name in names {
        classes.entry(treatment(name)).or_default().push(name.clone());
    }
    let split = |class: Vec<String>| {
        let mut class = class.into_iter();
        class.next().map(|first| (first, class.collect()))
    };
    classes.into_values().filter_map(split).collect()
}
