//! Determines what differs between the sides: only some names, or something that affects every caller.

use std::collections::{BTreeMap, BTreeSet};

use super::super::conditions;
use super::alike::Treatment;
use super::kinds::Name;
use super::names::Names;
use crate::config::{Config, JwtAuth, RolePermission, RoutePattern};
use crate::dropins::{DropIns, annotation};
use crate::names::{ModelName, Role};

/// The names whose treatment differs. If nothing else differs, nothing changes for tokens without these
/// names.
#[derive(Debug, Default)]
pub(in crate::cli) struct Focus {
    roles: BTreeSet<String>,
    teams: BTreeSet<String>,
    aliases: BTreeSet<String>,
    scopes: BTreeSet<String>,
    /// Whether something differs that affects every caller.
    is_wide: bool,
}

impl Focus {
    pub(in crate::cli) fn new(
        sides: [(&Config, &DropIns); 2],
        names: &Names,
        treatment: &Treatment<'_>,
    ) -> Self {
        let changed = |all: &BTreeSet<String>, treat: &dyn Fn(&str) -> [String; 2]| -> BTreeSet<String> {
            let differs = |name: &&String| {
                let [old, new] = treat(name);
                old != new
            };
            all.iter().filter(differs).cloned().collect()
        };
        let [old, new] = sides.map(|(config, _)| common(config));
        let mut focus = Self {
            roles: changed(&names.roles, &|role| treatment.role(role)),
            teams: changed(&names.teams, &|team| treatment.team(team)),
            aliases: BTreeSet::new(),
            scopes: changed(&names.scopes, &|scope| treatment.scope(scope)),
            is_wide: old != new,
        };
        for (config, _) in sides {
            let of_changed = config.teams.iter().filter(|team| focus.teams.contains(&team.team_id));
            let aliases: Vec<String> = of_changed.filter_map(|team| team.team_alias.clone()).collect();
            focus.aliases.extend(aliases);
        }
        // A token without a team gets the default team.
        let defaults = sides.iter().filter_map(|(config, _)| config.jwt.as_ref()?.team_id_default.as_ref());
        focus.is_wide |= defaults.into_iter().any(|team| focus.teams.contains(team));
        focus.add_policies(sides, names, treatment);
        focus
    }

    /// The policies that only one side has.
    fn add_policies(&mut self, sides: [(&Config, &DropIns); 2], names: &Names, treatment: &Treatment<'_>) {
        let enforced = sides.map(|(_, dropins)| {
            let enforced = dropins.policies.iter().filter(|one| annotation(&one.policy, "shadow").is_none());
            enforced.map(|one| (conditions::canonical(&one.policy), &one.policy)).collect::<Vec<_>>()
        });
        let texts =
            enforced.each_ref().map(|list| list.iter().map(|(text, _)| text).collect::<BTreeSet<_>>());
        let [old, new] = &texts;
        let differing =
            enforced.iter().flatten().filter(|(text, _)| old.contains(text) != new.contains(text));
        let has_files = |(_, dropins): &(&Config, &DropIns)| !dropins.entities.is_empty();
        let files = sides.map(|(_, dropins)| {
            let files = dropins.entities.iter().chain(&dropins.schemas);
            files.map(|file| file.text.to_string()).collect::<Vec<_>>()
        });
        let [old_files, new_files] = &files;
        self.is_wide |= old_files != new_files;
        for (_, policy) in differing {
            let role = match policy.principal_constraint() {
                cedar_policy::PrincipalConstraint::In(uid)
                | cedar_policy::PrincipalConstraint::IsIn(_, uid) => {
                    Some(uid).filter(|uid| uid.type_name().to_string() == "TokenRole")
                }
                _ => None,
            };
            // Entity files may make any role a member of another.
            let Some(role) = role.filter(|_| !sides.iter().any(has_files)) else {
                self.is_wide = true;
                continue;
            };
            let role = role.id().unescaped();
            let heirs = names.roles.iter().filter(|name| treatment.inherits(name, role));
            self.roles.extend(heirs.cloned().chain([role.to_owned()]));
        }
    }

    /// Whether only tokens with a changed name can be decided differently.
    pub(in crate::cli) fn is_narrow(&self) -> bool {
        !self.is_wide
    }

    /// Whether nothing differs that affects a decision.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        !self.is_wide && self.roles.is_empty() && self.teams.is_empty() && self.scopes.is_empty()
    }

    pub(in crate::cli) fn has_role(&self, roles: &BTreeSet<String>) -> bool {
        !self.roles.is_disjoint(roles)
    }

    pub(in crate::cli) fn has_scope(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }

    pub(in crate::cli) fn has_team<'n>(
        &self,
        ids: impl Iterator<Item = &'n Name>,
        alias: Option<&Name>,
    ) -> bool {
        let is_in = |list: &BTreeSet<String>, name: &Name| match name {
            Name::Named(name) => list.contains(name),
            Name::Other => false,
        };
        ids.into_iter().any(|id| is_in(&self.teams, id))
            || alias.is_some_and(|alias| is_in(&self.aliases, alias))
    }
}

/// The settings that affect every caller, as one string. Equal strings decide alike. The pattern names every
/// field, so a new field does not compile until it is handled here.
fn common(config: &Config) -> String {
    let Config {
        jwt,
        role_permissions,
        token_roles,
        require_identity,
        master_key,
        models,
        gateway,
        // The effect of these on a name is part of its treatment.
        teams: _,
        file: _,
        lines: _,
        // These only choose the upstream of an allowed request, or have no effect.
        router: _,
        ignored: _,
        warnings: _,
    } = config;
    let mut first_of_each_role: BTreeMap<Role, String> = BTreeMap::new();
    for RolePermission { role, models, routes } in role_permissions.iter().flatten() {
        let models: Option<BTreeSet<&ModelName>> = models.as_ref().map(|models| models.iter().collect());
        let routes = routes.as_ref().map(|routes| sorted(routes));
        first_of_each_role.entry(*role).or_insert_with(|| format!("{models:?} {routes:?}"));
    }
    let groups: BTreeSet<(&str, BTreeSet<&String>)> = models
        .iter()
        .filter(|model| !model.access_groups.is_empty())
        .map(|model| (model.name.as_str(), model.access_groups.iter().collect()))
        .collect();
    let switches = (require_identity, master_key.is_some(), gateway.mode, token_roles.is_some());
    format!("{first_of_each_role:?} {groups:?} {:?} {switches:?}", jwt.as_ref().map(common_of_tokens))
}

fn common_of_tokens(jwt: &JwtAuth) -> String {
    let JwtAuth {
        admin_allowed_routes,
        team_id_jwt_field,
        team_id_default,
        team_id_upsert,
        team_ids_jwt_field,
        team_alias_jwt_field,
        team_allowed_routes,
        enforce_team_based_model_access,
        user_id_jwt_field,
        user_email_jwt_field,
        user_allowed_email_domain,
        user_roles_jwt_field,
        roles_jwt_field,
        role_mappings,
        object_id_jwt_field,
        enforce_rbac,
        strict,
        enforce_scope_based_access,
        scope_mappings,
        tokens,
        // The admins of each side have that side's admin scope. The effect on names is part of their
        // treatment.
        admin_jwt_scope: _,
        user_allowed_roles: _,
    } = jwt;
    let routes = (sorted(admin_allowed_routes), team_allowed_routes.as_ref().map(|list| sorted(list)));
    let fields = [
        team_id_jwt_field,
        team_ids_jwt_field,
        team_alias_jwt_field,
        user_id_jwt_field,
        user_email_jwt_field,
        user_roles_jwt_field,
        roles_jwt_field,
        object_id_jwt_field,
    ];
    let issuers: Vec<_> = tokens
        .issuers
        .iter()
        .map(|entry| format!("{} {:?}", entry.issuer, jwt.claim_fields(Some(&entry.issuer))))
        .collect();
    let switches = [
        *enforce_rbac,
        *strict,
        *enforce_scope_based_access && !scope_mappings.is_empty(),
        *enforce_team_based_model_access,
        *team_id_upsert,
    ];
    // The order of mappings matters too, and the treatment of a single name does not contain it.
    format!(
        "{routes:?} {fields:?} {issuers:?} {switches:?} {user_allowed_email_domain:?} {team_id_default:?} {:?} {role_mappings:?}",
        tokens.issuer
    )
}

fn sorted(routes: &[RoutePattern]) -> BTreeSet<String> {
    routes.iter().map(|route| format!("{route:?}")).collect()
}
