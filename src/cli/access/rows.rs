//! Asks the engine about each caller, model and class of routes.

use serde_json::{Map, Value};

use crate::cli::diff::kinds::Kind;
use crate::cli::diff::side::{Grant, Side};
use crate::cli::diff::text::parts;
use crate::cli::diff::universe::Universe;
use crate::identity::Caller;
use crate::names::ModelName;

/// What to show.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Filter<'a> {
    pub(in crate::cli) role: Option<&'a str>,
    pub(in crate::cli) model: Option<&'a ModelName>,
    /// The callers to leave out at the beginning, and the maximum number of callers.
    pub(in crate::cli) offset: usize,
    pub(in crate::cli) limit: usize,
}

/// Who may use what.
pub(in crate::cli) struct Access<'u> {
    pub(super) universe: &'u Universe,
    /// The role that was asked for, if no rule names it.
    pub(super) unnamed_role: Option<String>,
    /// The number of callers of which `callers` has a part.
    pub(in crate::cli) total: usize,
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
    pub(in crate::cli) fn of(side: &Side, universe: &'u Universe, filter: &Filter<'_>) -> Self {
        let kinds = || universe.kinds.iter().filter(|kind| kind.says_one_thing());
        let unnamed_role =
            filter.role.filter(|role| !kinds().any(|kind| has_role(universe, kind, role))).map(str::to_owned);
        // A role that no rule names changes nothing.
        let wanted = |kind: &Kind| match filter.role {
            None => true,
            Some(_) if unnamed_role.is_some() => says_nothing(kind),
            Some(role) => has_role(universe, kind, role),
        };
        let known = kinds().filter(|kind| wanted(kind));
        let known: Vec<(&Kind, Caller)> = known.filter_map(|kind| Some((kind, side.caller(kind)?))).collect();
        let total = known.len();
        let callers = known.into_iter().skip(filter.offset).take(filter.limit).map(|(kind, caller)| {
            let rows = rows(side, universe, &caller, filter.model);
            CallerAccess { kind, claims: side.claims(kind), rows }
        });
        let callers = callers.collect();
        Self { universe, unnamed_role, total, callers }
    }
}

impl CallerAccess<'_> {
    /// The caller in words.
    pub(super) fn name(&self, universe: &Universe) -> String {
        let nothing = says_nothing(self.kind).then(|| "a token without a role, team or scope".to_owned());
        nothing.into_iter().chain(parts(universe, self.kind)).collect::<Vec<_>>().join(", ")
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
fn has_role(universe: &Universe, kind: &Kind, role: &str) -> bool {
    kind.roles.contains(role)
        || kind.roles.iter().any(|of_kind| {
            universe.alike.get(of_kind).is_some_and(|others| others.iter().any(|other| other == role))
        })
}

/// Whether a token has no role, team or scope.
fn says_nothing(kind: &Kind) -> bool {
    let Kind { master_key, issuer: _, roles, team, scope, admin, person } = kind;
    !*master_key
        && roles.is_empty()
        && *team == Default::default()
        && scope.is_none()
        && !*admin
        && !person.without_user
}

fn rows(side: &Side, universe: &Universe, caller: &Caller, only: Option<&ModelName>) -> Vec<Row> {
    let grants = |model: Option<&ModelName>| -> Vec<(usize, Grant)> {
        let routes = universe.routes.iter().enumerate();
        routes.filter_map(|(at, route)| Some((at, side.grant(caller, &route.query(model, None)?)))).collect()
    };
    let row = |models, example: Option<&ModelName>| Row {
        models,
        example: example.cloned(),
        grants: grants(example),
    };
    if let Some(model) = only {
        return vec![row(vec![model.to_string()], Some(model))];
    }
    let mut rows: Vec<Row> = Vec::new();
    for class in &universe.models {
        let row = row(class.shown.clone(), Some(&class.name));
        match rows.iter_mut().find(|other| other.grants == row.grants) {
            Some(other) => other.models.extend(row.models),
            None => rows.push(row),
        }
    }
    for row in &mut rows {
        row.models.sort();
    }
    rows.push(row(Vec::new(), None));
    rows
}
