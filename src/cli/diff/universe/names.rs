//! Collects every name that affects a decision from the configurations, policies and entity files of both
//! sides.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::conditions;
use crate::config::{Config, JwtAuth, RoutePattern};
use crate::dropins::DropIns;
use crate::names::ModelName;

/// The names, by type.
#[derive(Debug, Default)]
pub(in crate::cli) struct Names {
    pub(in crate::cli) roles: BTreeSet<String>,
    pub(in crate::cli) teams: BTreeSet<String>,
    pub(in crate::cli) aliases: BTreeSet<String>,
    pub(in crate::cli) scopes: BTreeSet<String>,
    pub(in crate::cli) domains: BTreeSet<String>,
    /// Models, as written.
    pub(in crate::cli) models: BTreeSet<String>,
    /// Wildcards for models.
    pub(in crate::cli) wildcards: BTreeSet<String>,
    /// Routes, as written.
    pub(in crate::cli) routes: BTreeSet<String>,
    /// Lists of routes, each once.
    pub(in crate::cli) route_lists: Vec<Vec<RoutePattern>>,
    /// Wildcards for routes, in policies.
    pub(in crate::cli) route_wildcards: BTreeSet<String>,
    /// Entities that policies and entity files name, by type and id. Each may be treated differently.
    pub(in crate::cli) mentioned: BTreeSet<(String, String)>,
    /// Role names that policies compare as strings.
    texts: BTreeSet<String>,
}

impl Names {
    pub(in crate::cli) fn of(sides: [(&Config, &DropIns); 2]) -> Self {
        let mut names = Self::default();
        let groups: BTreeSet<&String> = sides
            .iter()
            .flat_map(|(config, _)| &config.models)
            .flat_map(|model| &model.access_groups)
            .collect();
        for (config, dropins) in sides {
            names.add_config(config, &groups);
            names.add_policies(dropins);
            for file in &dropins.entities {
                names.add_entities(&serde_json::from_str(&file.text).unwrap_or_default());
            }
        }
        names
    }

    fn add_config(&mut self, config: &Config, groups: &BTreeSet<&String>) {
        let texts = |models: &[ModelName]| models.iter().map(ModelName::to_string).collect::<Vec<_>>();
        for model in &config.models {
            self.add_listed(model.name.as_str());
        }
        for entry in config.role_permissions.iter().flatten() {
            // `*` is an ordinary character here (R2), and a wildcard elsewhere.
            self.models.extend(entry.models.iter().flat_map(|models| texts(models)));
            self.add_routes(entry.routes.as_deref());
        }
        for entry in config.token_roles.iter().flatten() {
            self.roles.insert(entry.role.clone());
            self.add_routes(entry.routes.as_deref());
        }
        let of_roles = config
            .token_roles
            .iter()
            .flatten()
            .flat_map(|entry| entry.models.iter().chain(&entry.deny_models));
        for listed in of_roles.chain(config.teams.iter().flat_map(|team| &team.models)) {
            if listed != "all-proxy-models" && !groups.contains(listed) {
                self.add_listed(listed);
            }
        }
        self.teams.extend(config.teams.iter().map(|team| team.team_id.clone()));
        self.aliases.extend(config.teams.iter().filter_map(|team| team.team_alias.clone()));
        if let Some(jwt) = &config.jwt {
            self.add_jwt(jwt);
        }
    }

    fn add_jwt(&mut self, jwt: &JwtAuth) {
        self.roles.extend(jwt.user_allowed_roles.iter().cloned());
        self.roles.extend(jwt.role_mappings.iter().map(|mapping| mapping.role.clone()));
        self.teams.extend(jwt.team_id_default.clone());
        self.scopes.extend(jwt.scope_mappings.iter().map(|mapping| mapping.scope.clone()));
        let opened = jwt.scope_mappings.iter().flat_map(|mapping| &mapping.models);
        self.models.extend(opened.map(ModelName::to_string));
        self.domains.extend(jwt.user_allowed_email_domain.clone());
        self.add_routes(Some(&jwt.admin_allowed_routes));
        self.add_routes(jwt.team_allowed_routes.as_deref());
    }

    fn add_routes(&mut self, list: Option<&[RoutePattern]>) {
        let new = list.filter(|list| self.route_lists.iter().all(|known| known != list));
        self.route_lists.extend(new.map(<[_]>::to_vec));
    }

    fn add_listed(&mut self, name: &str) {
        if name.contains('*') { &mut self.wildcards } else { &mut self.models }.insert(name.to_owned());
    }

    fn add_policies(&mut self, dropins: &DropIns) {
        for dropin in &dropins.policies {
            for uid in dropin.policy.entity_literals() {
                self.add_entity(&uid.type_name().to_string(), uid.id().unescaped());
            }
            let texts = conditions::texts(&dropin.policy);
            self.texts.extend(texts.roles.iter().cloned());
            self.roles.extend(texts.roles);
            for name in texts.models {
                self.add_listed(&name);
            }
            for path in texts.routes {
                let wild = path.contains('*');
                if wild { &mut self.route_wildcards } else { &mut self.routes }.insert(path);
            }
        }
    }

    fn add_entity(&mut self, ty: &str, id: &str) {
        let list = match ty {
            "TokenRole" => Some(&mut self.roles),
            "Team" => Some(&mut self.teams),
            "Scope" => Some(&mut self.scopes),
            "Model" => Some(&mut self.models),
            "Route" => Some(&mut self.routes),
            _ => None,
        };
        list.map(|list| list.insert(id.to_owned()));
        if ty == "RouteGroup" {
            self.add_routes(Some(&[RoutePattern::Group(id.to_owned())]));
        }
        self.mentioned.insert((ty.to_owned(), id.to_owned()));
    }

    fn add_entities(&mut self, json: &Value) {
        match json {
            Value::Object(object) => {
                let text = |key: &str| object.get(key).and_then(Value::as_str);
                if let (Some(ty), Some(id)) = (text("type"), text("id")) {
                    self.add_entity(ty, id);
                }
                object.values().for_each(|value| self.add_entities(value));
            }
            Value::Array(list) => list.iter().for_each(|value| self.add_entities(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    pub(in crate::cli) fn mentions(&self, ty: &str, id: &str) -> bool {
        self.mentioned.contains(&(ty.to_owned(), id.to_owned()))
    }

    /// Whether a policy compares a role's name with this string.
    pub(in crate::cli) fn is_text(&self, role: &str) -> bool {
        self.texts.contains(role)
    }
}
