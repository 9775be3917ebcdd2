//! Names in drop-in policies that nothing else mentions.

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::EntityUid;

use super::warning::{Warning, meant, place};
use crate::config::Config;
use crate::engine::Snapshot;
use crate::names::Role;
use crate::pattern::Pattern;
use crate::routes::group_names;
use crate::rules::MASTER_KEY_ROLE;

/// The names of a type that the configuration knows, and what is true of another name.
struct Known {
    names: BTreeSet<String>,
    /// What a name outside of them means. `None`: tokens may have it, so that only a similar name is a reason to ask.
    otherwise: Option<&'static str>,
}

/// Warns about each name that nothing else mentions.
pub(super) fn unknown(snapshot: &Snapshot) -> Vec<Warning> {
    let known = known(snapshot.config());
    let of_files = snapshot.entities_of_files();
    let mut warnings = Vec::new();
    let mut seen = BTreeSet::new();
    for view in snapshot.policies().filter(|view| view.is_dropped_in()) {
        let mut literals: Vec<EntityUid> = view.policy().entity_literals();
        literals.sort();
        for uid in literals {
            let (kind, name) = (uid.type_name().to_string(), uid.id().unescaped());
            let Some(of_kind) = known.get(kind.as_str()) else { continue };
            let is_known =
                of_kind.names.contains(name) || of_files.contains(&uid) || may_exist(snapshot, &kind, name);
            if is_known || !seen.insert((view.id(), uid.clone())) {
                continue;
            }
            let meant = meant(name, of_kind.names.iter().map(String::as_str));
            let (message, help) = match (of_kind.otherwise, meant) {
                (Some(otherwise), Some(meant)) => (otherwise, format!("did you mean `{meant}`?")),
                (Some(otherwise), None) => (otherwise, "correct the name, or remove the policy".to_owned()),
                (None, Some(meant)) => ("nothing else mentions it", format!("did you mean `{meant}`?")),
                (None, None) => continue,
            };
            let message = format!("{}`{uid}` in the policy `{}`: {message}", place(view.source()), view.id());
            warnings.push(Warning { message, help });
        }
    }
    warnings
}

/// Whether a wildcard of the configuration, or another proxy, serves the model. A list of routes in the configuration is a group by
/// its path.
fn may_exist(snapshot: &Snapshot, kind: &str, name: &str) -> bool {
    let config = snapshot.config();
    let wildcards = config.models.iter().map(|model| model.name.as_str()).filter(|known| known.contains('*'));
    let is_path = kind == "RouteGroup" && name.contains(['.', '[']);
    let is_model = kind == "Model"
        && (config.gateway.upstream.is_some()
            || config.models.is_empty()
            || wildcards.into_iter().any(|wildcard| Pattern::new(wildcard).matches(name)));
    is_path || is_model
}

fn known(config: &Config) -> BTreeMap<&'static str, Known> {
    let names = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<BTreeSet<String>>();
    let token_roles = config.token_roles.iter().flatten().map(|entry| entry.role.as_str());
    let jwt = config.jwt.as_ref();
    let allowed = jwt.into_iter().flat_map(|jwt| &jwt.user_allowed_roles).map(String::as_str);
    let mapped = jwt.into_iter().flat_map(|jwt| &jwt.role_mappings).map(|mapping| mapping.role.as_str());
    let scopes = jwt.into_iter().flat_map(|jwt| &jwt.scope_mappings).map(|mapping| mapping.scope.as_str());
    let admin = jwt.map(|jwt| jwt.admin_jwt_scope.as_str());
    let teams = config.teams.iter().map(|team| team.team_id.as_str());
    let organizations = config.teams.iter().filter_map(|team| team.organization_id.as_deref());
    let models = config.models.iter().map(|model| model.name.as_str());
    let groups = config.models.iter().flat_map(|model| &model.access_groups).map(String::as_str);
    let roles = Role::ALL.map(Role::as_str).into_iter().chain([MASTER_KEY_ROLE]);
    let every = [
        ("TokenRole", token_roles.chain(allowed).chain(mapped).collect(), None),
        ("Scope", scopes.chain(admin).collect(), None),
        ("Team", teams.collect(), None),
        ("Role", roles.collect(), Some("no caller has this role")),
        ("Organization", organizations.collect(), Some("no team is in this organization")),
        ("Model", models.collect(), Some("it is not a configured model")),
        ("AccessGroup", groups.collect(), Some("no model is in this access group")),
        ("RouteGroup", group_names().collect(), Some("no route is in this group")),
    ];
    let known = |(kind, of_kind, otherwise): (&'static str, Vec<&str>, _)| {
        (kind, Known { names: names(of_kind), otherwise })
    };
    every.into_iter().map(known).collect()
}
