//! Asks the engine about each caller, model and class of routes.

use serde_json::{Map, Value};

use crate::cli::diff::kinds::Kind;
use crate::cli::diff::side::{Grant, Side, query};
use crate::cli::diff::universe::Universe;
use crate::identity::Caller;
use crate::names::ModelName;

/// What to show.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Filter<'a> {
    pub(super) role: Option<&'a str>,
    pub(super) model: Option<&'a ModelName>,
}

/// Who may use what.
pub(super) struct Access<'u> {
    pub(super) universe: &'u Universe,
    pub(super) callers: Vec<CallerAccess<'u>>,
}

/// What one caller may use.
pub(super) struct CallerAccess<'u> {
    pub(super) kind: &'u Kind,
    /// The claims of such a token. `None` for the master key.
    pub(super) claims: Option<Map<String, Value>>,
    pub(super) rows: Vec<Row>,
}

/// The answers about requests that differ in their route alone.
pub(super) struct Row {
    /// The names of models that are treated alike. Empty for requests without a model.
    pub(super) models: Vec<String>,
    /// The model that the requests named.
    pub(super) example: Option<ModelName>,
    /// An answer for each class of routes, by the index of the class.
    pub(super) grants: Vec<(usize, Grant)>,
}

impl<'u> Access<'u> {
    pub(super) fn of(side: &Side, universe: &'u Universe, filter: &Filter<'_>) -> Self {
        let named = |role| universe.kinds.iter().any(|kind| has_role(universe, kind, role));
        // A role that no rule names changes nothing.
        let wanted = |kind: &Kind| match filter.role {
            None => true,
            Some(role) if named(role) => has_role(universe, kind, role),
            Some(_) => says_nothing(kind),
        };
        let kinds = universe.kinds.iter().filter(|kind| kind.says_one_thing() && wanted(kind));
        let callers = kinds.filter_map(|kind| {
            let caller = side.caller(kind)?;
            Some(CallerAccess {
                kind,
                claims: side.claims(kind),
                rows: rows(side, universe, &caller, filter.model),
            })
        });
        Self { universe, callers: callers.collect() }
    }
}

impl Row {
    /// The classes of routes with each answer, in the order of the classes. Denials are left out.
    pub(super) fn allowed(&self) -> Vec<(&Grant, Vec<usize>)> {
        let mut by_grant: Vec<(&Grant, Vec<usize>)> = Vec::new();
        for (route, grant) in self.grants.iter().filter(|(_, grant)| *grant != Grant::No) {
            match by_grant.iter_mut().find(|(of_group, _)| *of_group == grant) {
                Some((_, routes)) => routes.push(*route),
                None => by_grant.push((grant, vec![*route])),
            }
        }
        by_grant
    }
}

/// Whether the tokens of a kind have this role, or one that is treated alike.
pub(super) fn has_role(universe: &Universe, kind: &Kind, role: &str) -> bool {
    kind.roles.contains(role)
        || kind.roles.iter().any(|of_kind| {
            universe.alike.get(of_kind).is_some_and(|others| others.iter().any(|other| other == role))
        })
}

/// Whether a token has no role, team or scope.
pub(super) fn says_nothing(kind: &Kind) -> bool {
    let Kind { master_key, issuer: _, roles, team, scope, admin, person } = kind;
    !*master_key
        && roles.is_empty()
        && *team == Default::default()
        && scope.is_none()
        && !*admin
        && !person.without_user
}

fn rows(side: &Side, universe: &Universe, caller: &Caller, only: Option<&ModelName>) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut add = |model: &ModelName, shown: Vec<String>| {
        let routes = universe.routes.iter().enumerate();
        let answers = routes.filter_map(|(at, route)| {
            let path = route.with_model.as_deref()?;
            Some((at, side.grant(caller, &query("POST", path, Some(model), None))))
        });
        let grants: Vec<_> = answers.collect();
        match rows.iter_mut().find(|row| row.grants == grants) {
            Some(row) => row.models.extend(shown),
            None => rows.push(Row { models: shown, example: Some(model.clone()), grants }),
        }
    };
    if let Some(model) = only {
        add(model, vec![model.to_string()]);
        return rows;
    }
    for class in &universe.models {
        add(&class.name, class.shown.clone());
    }
    for row in &mut rows {
        row.models.sort();
    }
    let without = universe.routes.iter().enumerate().map(|(at, route)| {
        let (method, path) = &route.bare;
        (at, side.grant(caller, &query(method.as_str(), path, None, None)))
    });
    rows.push(Row { models: Vec::new(), example: None, grants: without.collect() });
    rows
}
