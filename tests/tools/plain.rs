//! Gives the output of `translate` to plain Cedar.

use std::collections::{HashMap, HashSet};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityUid, PolicySet, Request,
    RestrictedExpression as Expression,
};
use modelgate::routes::{is_group, is_in_group};
use serde_json::{Value, json};

const JWTAUTH: &str = "general_settings.litellm_jwtauth";
/// The routes of admins, unless the configuration lists them (R5).
const ADMIN_ROUTES: [&str; 4] =
    ["management_routes", "spend_tracking_routes", "global_spend_tracking_routes", "info_routes"];
/// Rules that apply when no team can be selected, or when a claim is omitted.
const REFUSALS: [&str; 5] =
    ["overage", "R6.header", "R6.unknown_team", "R6.no_team", "R6.no_team_with_model"];

/// The policies and the entities, with their configuration.
pub(super) struct Printed<'c> {
    policies: PolicySet,
    entities: Entities,
    config: &'c Value,
}

fn uid(ty: &str, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(ty.parse().unwrap(), cedar_policy::EntityId::new(id))
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => text.split_whitespace().map(str::to_owned).collect(),
        Value::Array(list) => list.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// A list of routes: its id, its members, and its owner.
type List<'c> = (String, Value, Option<Whose<'c>>);
/// The type of a role, and its name.
type Whose<'c> = (&'c str, &'c str);

/// Whether a list of routes in a configuration contains the path.
fn has_route(list: &Value, path: &str) -> bool {
    texts(list).iter().any(|route| match route.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None if is_group(route) => is_in_group(route, path),
        None => route == path,
    })
}

/// Whether an entry with at most one `*`, at its end, matches the name.
fn fits(entry: &str, name: &str) -> bool {
    entry.strip_suffix('*').map_or(entry == name, |prefix| name.starts_with(prefix))
}

impl<'c> Printed<'c> {
    pub(super) fn new(policies: &str, entities: &str, config: &'c Value) -> Self {
        let entities = Entities::from_json_str(entities, None).unwrap();
        Self { policies: policies.parse().unwrap(), entities, config }
    }

    /// Asks Cedar about the route and the model, as the documentation describes a decision.
    pub(super) fn decides_the_same(&self, line: &Value, decided: &Value) {
        let jwt = &self.config["general_settings"]["litellm_jwtauth"];
        // With several roles at once (`strict`), and with claims of one issuer, the output of `decide` is not
        // complete.
        if self.config["modelgate"]["strict"] == true || jwt["issuers"].is_array() {
            return;
        }
        let (path, model) = (line["path"].as_str().unwrap(), line["body"]["model"].as_str().unwrap());
        let caller = self.caller(line, decided);
        let resources = [self.route(path), self.model(model)];
        let entities = self
            .entities
            .clone()
            .upsert_entities([caller.clone()].into_iter().chain(resources.clone()), None)
            .unwrap();
        let is_allowed = |action: &str, resource: &Entity| {
            let request =
                Request::new(caller.uid(), uid("Action", action), resource.uid(), Context::empty(), None)
                    .unwrap();
            let response = Authorizer::new().is_authorized(&request, &self.policies, &entities);
            assert_eq!(response.diagnostics().errors().count(), 0, "{response:?}");
            response.decision() == Decision::Allow
        };
        let allowed = is_allowed("call_route", &resources[0]) && is_allowed("use_model", &resources[1]);
        assert_eq!(allowed, decided["allow"] == true, "{line}\n{decided}\n{}", self.config);
    }

    /// The token's own roles, including inherited ones.
    fn token_roles(&self, claims: &Value) -> HashSet<String> {
        let jwt = &self.config["general_settings"]["litellm_jwtauth"];
        let read = |field: &str| jwt[field].as_str().map(|path| texts(&claims[path])).unwrap_or_default();
        let mut open = [read("user_roles_jwt_field"), read("roles_jwt_field")].concat();
        let mut found = HashSet::new();
        while let Some(role) = open.pop() {
            let entries = self.config["modelgate"]["role_permissions"].as_array().into_iter().flatten();
            let parents =
                entries.filter(|entry| entry["role"] == role.as_str()).map(|entry| texts(&entry["inherits"]));
            open.extend(parents.flatten());
            found.insert(role);
        }
        found
    }

    fn lists(&self) -> Vec<List<'_>> {
        let jwt = &self.config["general_settings"]["litellm_jwtauth"];
        let admin = &jwt["admin_allowed_routes"];
        let admin = if admin.is_null() { json!(ADMIN_ROUTES) } else { admin.clone() };
        let mut lists = vec![
            (format!("{JWTAUTH}.admin_allowed_routes"), admin, None),
            (format!("{JWTAUTH}.team_allowed_routes"), jwt["team_allowed_routes"].clone(), None),
        ];
        for (block, ty) in [("general_settings", "Role"), ("modelgate", "TokenRole")] {
            let entries = self.config[block]["role_permissions"].as_array().into_iter().flatten();
            let mut seen = HashSet::new();
            for (i, entry) in entries.enumerate() {
                let role = entry["role"].as_str().unwrap();
                if seen.insert(role) && entry["routes"].is_array() {
                    let id = format!("{block}.role_permissions[{i}].routes");
                    lists.push((id, entry["routes"].clone(), Some((ty, role))));
                }
            }
        }
        lists
    }

    fn caller(&self, line: &Value, decided: &Value) -> Entity {
        let claims = &line["claims"];
        let jwt = &self.config["general_settings"]["litellm_jwtauth"];
        let claim = |field: &str| {
            jwt[field].as_str().and_then(|path| claims.pointer(&format!("/{}", path.replace('.', "/"))))
        };
        let token_roles = self.token_roles(claims);
        let mut parents: HashSet<EntityUid> = token_roles.iter().map(|role| uid("TokenRole", role)).collect();
        let role = decided["role"].as_str();
        parents.extend(role.map(|role| uid("Role", role)));
        parents.extend(
            decided["rule"].as_str().filter(|rule| REFUSALS.contains(rule)).map(|rule| uid("Refusal", rule)),
        );
        let scopes = texts(&claims["scope"]);
        let mut attrs = HashMap::new();
        attrs.insert(
            "admin".to_owned(),
            Expression::new_bool(scopes.iter().any(|scope| scope == "litellm_proxy_admin")),
        );
        let entities = |ty: &str, ids: &[String]| {
            Expression::new_set(ids.iter().map(|id| Expression::new_entity_uid(uid(ty, id))))
        };
        attrs.insert("scopes".to_owned(), entities("Scope", &scopes));
        let is_in_force = |ty: &str| ty == "TokenRole" || jwt["enforce_rbac"] == true;
        let own = |whose: Option<Whose<'_>>| {
            whose.is_some_and(|(ty, name)| {
                is_in_force(ty)
                    && (role == Some(name) && ty == "Role" || ty == "TokenRole" && token_roles.contains(name))
            })
        };
        let routes: Vec<String> =
            self.lists().into_iter().filter(|(_, _, whose)| own(*whose)).map(|(id, ..)| id).collect();
        attrs.insert("routes".to_owned(), entities("RouteGroup", &routes));
        if let Some(team) = decided["team_id"].as_str() {
            attrs.insert("team".to_owned(), Expression::new_entity_uid(uid("Team", team)));
        }
        if let Some(user) = decided["user_id"].as_str() {
            attrs.insert("user_id".to_owned(), Expression::new_string(user.to_owned()));
        }
        let email =
            claim("user_email_jwt_field").and_then(Value::as_str).and_then(|email| email.rsplit_once('@'));
        if let Some((_, domain)) = email.filter(|(local, _)| !local.is_empty()) {
            attrs.insert("email_domain".to_owned(), Expression::new_string(domain.to_owned()));
        }
        Entity::new(uid("Caller", "somebody"), attrs, parents).unwrap()
    }

    fn route(&self, path: &str) -> Entity {
        let lists = self.lists().into_iter().filter(|(_, list, _)| has_route(list, path)).map(|(id, ..)| id);
        let llm = is_in_group("llm_api_routes", path).then(|| "llm_api_routes".to_owned());
        let parents = lists.chain(llm).map(|id| uid("RouteGroup", &id)).collect();
        let attrs = HashMap::from([
            ("path".to_owned(), Expression::new_string(path.to_owned())),
            ("method".to_owned(), Expression::new_string("POST".to_owned())),
        ]);
        Entity::new(uid("Route", path), attrs, parents).unwrap()
    }

    /// As `translate` prints them. A model that no list names is in the lists with a matching wildcard, and in the
    /// lists of denied models.
    fn model(&self, name: &str) -> Entity {
        let me = uid("Model", name);
        let printed = self.entities.get(&me).cloned();
        printed.unwrap_or_else(|| Entity::new_no_attrs(me, self.lists_of_an_unlisted_model(name)))
    }

    fn lists_of_an_unlisted_model(&self, name: &str) -> HashSet<EntityUid> {
        let has = |list: &Value| texts(list).iter().any(|text| fits(text, name));
        let roles = self.config["modelgate"]["role_permissions"].as_array().into_iter().flatten().enumerate();
        let denying = roles.clone().filter(|(_, entry)| !texts(&entry["deny_models"]).is_empty());
        let denying = denying.map(|(i, _)| (i, "deny_models"));
        let permitting = roles.filter(|(_, entry)| has(&entry["models"])).map(|(i, _)| (i, "models"));
        let id = |(i, list)| uid("ModelSet", &format!("modelgate.role_permissions[{i}].{list}"));
        let teams = self.config["teams"].as_array().into_iter().flatten().filter(|team| has(&team["models"]));
        let teams = teams.filter_map(|team| team["team_id"].as_str()).map(|team| uid("Team", team));
        denying.chain(permitting).map(id).chain(teams).collect()
    }
}
