//! Computes who may use which models, by asking the engine.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::authn::VerifiedClaims;
use crate::cli::diff::{claims, kinds::Kind, kinds::Name, universe::Universe};
use crate::display::escape;
use crate::dropins::DropIns;
use crate::engine::{AuthzQuery, MODEL_ROUTES, Snapshot};
use crate::names::ModelName;
use crate::request::RequestContext;

/// The maximum number of lines about callers.
const MOST_LINES: usize = 40;
/// The maximum number of decisions to compute.
const MOST_DECISIONS: usize = 100_000;
/// A model that is not configured.
const OTHER: &str = "a-model-that-nobody-names";

/// Who may use what.
pub(super) struct Access {
    /// The models that a token may use, by the content of the token.
    by_caller: Vec<(String, Vec<ModelName>)>,
    /// The models that no token may use.
    unused: Vec<ModelName>,
    /// Whether every combination was decided.
    is_complete: bool,
    /// Whether every token without the admin scope may use every model, including models that are not
    /// configured.
    pub(super) is_open: bool,
    /// The same for tokens with the admin scope.
    pub(super) is_open_to_admins: bool,
    /// Whether policies depend on more than the caller, the route and the model.
    has_conditions: bool,
    has_master_key: bool,
    accepts_tokens: bool,
    models: usize,
}

impl Access {
    pub(super) fn new(snapshot: &Snapshot, dropins: &DropIns) -> Self {
        let config = snapshot.config();
        let now = RequestContext::now();
        let universe = Universe::of_one(config, dropins);
        let all: BTreeSet<&ModelName> = config.models.iter().map(|model| &model.name).collect();
        let mut unused: Vec<ModelName> = all.iter().map(|name| (*name).clone()).collect();
        let mut by_caller = Vec::new();
        // Whether all tokens may use everything, separately for admins.
        let mut open = [config.jwt.is_some(); 2];
        let most = (MOST_DECISIONS / all.len().max(1)).max(MOST_LINES);
        for kind in universe.kinds.iter().filter(|kind| !kind.master_key).take(most) {
            let Some(jwt) = &config.jwt else { break };
            let alone = kind.says_one_thing();
            let [plain, admins] = &mut open;
            let is_open = if kind.admin { admins } else { plain };
            if !alone && unused.is_empty() && !*is_open {
                continue;
            }
            let claims: Map<String, Value> = claims::of(kind, jwt);
            let caller = snapshot.identify(&VerifiedClaims::dangerous_trust(claims));
            let team = kind.team.header.as_deref();
            let models = snapshot.callable_models(&caller, team, now);
            unused.retain(|model| !models.contains(model));
            *is_open = *is_open && models.len() == all.len() && {
                let query = AuthzQuery {
                    method: "POST".to_owned(),
                    models: ModelName::new(OTHER).into_iter().collect(),
                    team_header: kind.team.header.clone(),
                    request_context: now,
                    ..AuthzQuery::default()
                };
                MODEL_ROUTES.into_iter().any(|route| {
                    snapshot
                        .decide_query(&caller, &AuthzQuery { route: route.to_owned(), ..query.clone() })
                        .is_ok()
                })
            };
            if alone {
                by_caller.push((who(kind, &universe), models));
            }
        }
        let [is_open, is_open_to_admins] = open;
        Self {
            by_caller,
            unused,
            is_open,
            is_open_to_admins,
            is_complete: !universe.is_partial && universe.kinds.len() <= most,
            has_conditions: universe.has_conditions,
            has_master_key: config.master_key.is_some(),
            accepts_tokens: config.jwt.is_some(),
            models: all.len(),
        }
    }

    pub(super) fn render(&self) -> String {
        if !self.accepts_tokens || self.models == 0 {
            return String::new();
        }
        let now = if self.has_conditions { ", now and from an unknown address" } else { "" };
        let mut out = format!("who may use which of the models{now}:\n");
        // Callers with the same models share a line.
        let mut groups: Vec<(Vec<&str>, &Vec<ModelName>)> = Vec::new();
        for (who, models) in &self.by_caller {
            match groups.iter_mut().find(|(_, of_group)| *of_group == models) {
                Some((callers, _)) => callers.push(who),
                None => groups.push((vec![who], models)),
            }
        }
        for (callers, models) in groups.iter().take(MOST_LINES) {
            out.push_str(&format!("  {}: {}\n", callers.join("; "), self.list(models)));
        }
        if groups.len() > MOST_LINES {
            out.push_str(&format!("  and {} more\n", groups.len() - MOST_LINES));
        }
        if !self.unused.is_empty() {
            let nobody = if self.has_master_key { "nobody but the master key" } else { "nobody" };
            let tried = if self.is_complete { "" } else { " (of the combinations that were tried)" };
            out.push_str(&format!("{nobody} may use{now}{tried}: {}\n", self.list(&self.unused)));
        }
        out
    }

    fn list(&self, models: &[ModelName]) -> String {
        if models.is_empty() {
            return "none".to_owned();
        }
        let names: Vec<_> = models.iter().take(MOST_LINES).map(|model| escape(model.as_str())).collect();
        let more = models.len().saturating_sub(MOST_LINES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        if models.len() == self.models {
            format!("all, {}{more}", names.join(", "))
        } else {
            format!("{}{more}", names.join(", "))
        }
    }
}

/// Describes a caller whose token has a single role, scope or team.
fn who(kind: &Kind, universe: &Universe) -> String {
    let quoted = |name: &str| format!("`{}`", escape(name));
    let alike = |name: &str| {
        let others = universe.alike.get(name).map(Vec::as_slice).unwrap_or_default();
        std::iter::once(name)
            .chain(others.iter().map(String::as_str))
            .map(quoted)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let named = |what: &str, name: &Name| match name {
        Name::Named(name) => format!("{what} {}", alike(name)),
        Name::Other => format!("any other {what}"),
    };
    let mut parts: Vec<String> = kind.roles.iter().map(|role| format!("role {}", alike(role))).collect();
    parts.extend(kind.team.id.iter().chain(&kind.team.ids).map(|team| named("team", team)));
    parts.extend(kind.team.object.iter().map(|id| named("object id", id)));
    parts.extend(kind.team.alias.iter().map(|alias| named("team alias", alias)));
    parts.extend(kind.scope.iter().map(|scope| format!("scope {}", alike(scope))));
    parts.extend(kind.admin.then(|| "the admin scope".to_owned()));
    parts.extend(kind.person.without_user.then(|| "a token without a user id".to_owned()));
    match &kind.person.domain {
        Some(Name::Named(domain)) => parts.push(format!("email at {}", escape(domain))),
        Some(Name::Other) | None => {}
    }
    if parts.is_empty() {
        parts.push("a token without a role, team or scope".to_owned());
    }
    parts.extend(kind.issuer.iter().map(|issuer| format!("issuer {}", quoted(issuer))));
    parts.join(", ")
}
