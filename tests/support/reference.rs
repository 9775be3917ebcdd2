//! A naive implementation of the decision rules, which reads a configuration in JSON and shares no code with
//! the crate.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

#[path = "spelling.rs"]
mod spelling;

static GROUPS: LazyLock<HashMap<String, Vec<String>>> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../src/routes/groups.json")).unwrap());

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) allow: bool,
    pub(crate) rule: Option<&'static str>,
    pub(crate) role: Option<&'static str>,
    pub(crate) user_id: Option<String>,
    pub(crate) team_id: Option<String>,
}

fn find<'v>(claims: &'v Value, path: &Value) -> Option<&'v Value> {
    let path = path.as_str()?.trim_start_matches("metadata.").replace("\\.", "\0");
    path.split('.').try_fold(claims, |at, key| at.as_object()?.get(&key.replace('\0', ".")))
}

fn names(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(s)) => s.split_whitespace().map(Into::into).collect(),
        Some(Value::Array(list)) => list.iter().filter_map(|v| v.as_str().map(Into::into)).collect(),
        _ => vec![],
    }
}

fn roles_in(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_object).map_or_else(|| names(value), |roles| roles.keys().cloned().collect())
}

fn scalar(value: Option<&Value>) -> Option<String> {
    let first = if let Some(Value::Array(list)) = value { list.first() } else { value };
    first?.as_str().filter(|s| !s.is_empty()).map(Into::into)
}

fn fits(template: &str, path: &str) -> bool {
    let Some(open) = template.find('{') else { return template == path };
    let close = open + template[open..].find('}').unwrap();
    let (any, rest) = (template[open..close].ends_with(":path"), &template[close + 1..]);
    path.starts_with(&template[..open])
        && (open + usize::from(!any)..=path.len()).any(|end| {
            path.is_char_boundary(end) && (any || !path[open..end].contains('/')) && fits(rest, &path[end..])
        })
}

fn listed(list: &Value, path: &str) -> bool {
    strings(list).iter().any(|entry| match GROUPS.get(entry) {
        Some(group) => group.iter().any(|template| fits(template, path)),
        None => entry.strip_suffix('*').map_or(entry == path, |prefix| path.starts_with(prefix)),
    })
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().map(|l| l.iter().map(|v| v.as_str().unwrap().to_owned()).collect()).unwrap_or_default()
}

fn glob(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => {
            text.starts_with(head)
                && (head.len()..=text.len()).any(|at| text.is_char_boundary(at) && glob(tail, &text[at..]))
        }
    }
}

fn may_use(config: &Value, team: &Value, model: &str) -> bool {
    let models = strings(&team["models"]);
    models.is_empty() || models.iter().any(|m| m == "all-proxy-models") || lists(config, &models, model)
}

fn lists(config: &Value, models: &[String], model: &str) -> bool {
    let known =
        [("gpt-", "openai"), ("claude-", "anthropic"), ("gemini-", "gemini"), ("text-embedding-", "openai")];
    let full = known.iter().find(|(start, _)| model.starts_with(start)).map(|(_, p)| format!("{p}/{model}"));
    let entries =
        config["model_list"].as_array().unwrap().iter().filter(|entry| entry["model_name"] == model);
    let groups: Vec<_> = entries.flat_map(|entry| strings(&entry["model_info"]["access_groups"])).collect();
    models.iter().any(|m| {
        m == model
            || groups.contains(m)
            || (m.contains('*') && (glob(m, model) || full.as_ref().is_some_and(|full| glob(m, full))))
    })
}

/// Whether the token declares that it omits a claim that the configuration reads.
fn omits_claims(jwt: &Value, claims: &Value) -> bool {
    let fields =
        ["user_roles", "roles", "team_ids", "team_id", "team_alias", "object_id", "user_id", "user_email"];
    fields.iter().filter_map(|field| jwt[format!("{field}_jwt_field")].as_str()).any(|path| {
        let claim = path.split('.').next().unwrap();
        claims["_claim_names"].get(claim).is_some() || (claim == "groups" && claims["hasgroups"] == true)
    })
}

/// The permissions of one role.
#[derive(Default)]
struct Grant {
    model: bool,
    route: bool,
    named_route: bool,
}

/// The permissions of `role_permissions`: the first entry of each role.
fn role_grants(config: &Value, roles: &[&str], path: &str, model: Option<&str>, strict: bool) -> Vec<Grant> {
    let entries = config["general_settings"]["role_permissions"].as_array().cloned().unwrap_or_default();
    let grant = |role: &&str| {
        let entry = entries.iter().find(|entry| entry["role"] == **role).cloned().unwrap_or(json!({}));
        let named_route = entry.get("routes").is_some_and(|routes| listed(routes, path));
        let model = match entry.get("models") {
            Some(models) => model.is_none_or(|m| strings(models).iter().any(|x| x == m)),
            None => model.is_none() || !strict,
        };
        Grant { model, route: named_route || entry.get("routes").is_none(), named_route }
    };
    roles.iter().map(grant).collect()
}

/// The permissions of the token's own roles, and whether one of them denies the model.
fn own_grants(config: &Value, names: &[String], path: &str, model: Option<&str>) -> (Vec<Grant>, bool) {
    let entries = config["modelgate"]["role_permissions"].as_array().cloned().unwrap_or_default();
    let mut held = names.to_vec();
    let mut grants = vec![];
    let mut denied = false;
    let mut next = 0;
    while let Some(role) = held.get(next).cloned() {
        next += 1;
        if held[..next - 1].contains(&role) {
            continue;
        }
        let Some(entry) = entries.iter().find(|entry| entry["role"] == *role) else { continue };
        held.extend(strings(&entry["inherits"]));
        let named_route = entry.get("routes").is_some_and(|routes| listed(routes, path));
        denied |= model.is_some_and(|m| spelling::denies(config, &strings(&entry["deny_models"]), m));
        grants.push(Grant {
            model: model.is_none_or(|m| lists(config, &strings(&entry["models"]), m)),
            route: named_route || entry.get("routes").is_none(),
            named_route,
        });
    }
    (grants, denied)
}

/// The configuration, with the claim fields of the token's issuer instead of the block's.
fn as_its_issuer_has_it(config: &Value, claims: &Map<String, Value>) -> Value {
    let mut config = config.clone();
    let jwt = &mut config["general_settings"]["litellm_jwtauth"];
    let entries = jwt["issuers"].as_array().cloned().unwrap_or_default();
    if let Some(entry) = entries.iter().find(|entry| claims.get("iss") == entry.get("issuer")) {
        for field in ["team_id_jwt_field", "team_ids_jwt_field", "user_id_jwt_field", "user_email_jwt_field"]
        {
            if let Some(claim) = entry.get(field) {
                jwt[field] = claim.clone();
            }
        }
    }
    config
}

/// Decides by the rules, in order. If a request names no model but its route runs one, the model is the empty
/// name (D10).
pub(crate) fn decide(
    config: &Value,
    claims: &Map<String, Value>,
    header: Option<&str>,
    path: &str,
    model: Option<&str>,
) -> Outcome {
    let config = &as_its_issuer_has_it(config, claims);
    let general = &config["general_settings"];
    let (jwt, claims) = (&general["litellm_jwtauth"], &Value::Object(claims.clone()));
    let at = |key: &str| find(claims, &jwt[key]);
    let on = |key: &str| jwt[key] == true;
    let any = |key: &str, list: &str| roles_in(at(key)).iter().any(|name| strings(&jwt[list]).contains(name));

    // R1
    let scopes = names(claims.get("scope").filter(|scope| !scope.is_null()).or_else(|| claims.get("scp")));
    let admin = scopes.iter().any(|s| s == jwt["admin_jwt_scope"].as_str().unwrap_or("litellm_proxy_admin"));
    let own_team = match at("team_id_jwt_field") {
        Some(value) => scalar(Some(value)),
        None => jwt["team_id_default"].as_str().map(Into::into),
    };
    let strict = config["modelgate"]["strict"] == true;
    let mapped = jwt["role_mappings"].as_array().into_iter().flatten();
    let names_of_roles = roles_in(at("roles_jwt_field"));
    let mapped = mapped
        .filter(|m| names_of_roles.iter().any(|role| m["role"] == **role))
        .filter_map(|m| m["internal_role"].as_str());
    let only_roles = strict && !strings(&jwt["user_allowed_roles"]).is_empty();
    let user_role = (scalar(at("user_id_jwt_field")).is_some() && !only_roles)
        || any("user_roles_jwt_field", "user_allowed_roles");
    let mut roles: Vec<&'static str> = vec![];
    roles.extend(admin.then_some("proxy_admin"));
    roles.extend(own_team.is_some().then_some("team"));
    roles.extend(user_role.then_some("internal_user"));
    let known = |role| ["team", "internal_user", "proxy_admin"].into_iter().find(|k| *k == role).unwrap();
    roles.extend(mapped.map(known));
    if !strict {
        roles.truncate(1);
    }
    let role = roles.first().copied();
    // R4
    let email = scalar(at("user_email_jwt_field"));
    let mut user_id = scalar(at("user_id_jwt_field")).or(email.clone());
    let object = scalar(at("object_id_jwt_field"));
    if role == Some("internal_user") {
        user_id = object.clone().or(user_id);
    }
    let object_team = object.filter(|_| role == Some("team"));

    let mut out = Outcome { role, user_id, ..Outcome::default() };
    let deny = |rule, out: Outcome| Outcome { allow: false, rule: Some(rule), ..out };

    if omits_claims(jwt, claims) {
        return deny("overage", out);
    }
    // R2
    let mut grants = vec![];
    let mut denied = false;
    if on("enforce_rbac") {
        grants = role_grants(config, &roles, path, model, strict);
    }
    if config["modelgate"].get("role_permissions").is_some() {
        let all_names = [roles_in(at("user_roles_jwt_field")), names_of_roles].concat();
        let (own, deny) = own_grants(config, &all_names, path, model);
        grants.extend(own);
        denied = deny;
    }
    if on("enforce_rbac") || config["modelgate"].get("role_permissions").is_some() {
        if grants.is_empty() {
            return deny("R2.unmatched", out);
        }
        if !grants.iter().any(|grant| grant.model) {
            return deny("R2.model", out);
        }
        if !grants.iter().any(|grant| grant.route) {
            return deny("R2.route", out);
        }
    }
    if denied {
        return deny("deny_models", out);
    }
    let role_routes = grants.iter().any(|grant| grant.named_route);
    // R3
    let mappings =
        jwt["scope_mappings"].as_array().filter(|m| on("enforce_scope_based_access") && !m.is_empty());
    if let (Some(mappings), Some(model)) = (mappings, model) {
        let mut open = mappings.iter().filter(|m| scopes.iter().any(|s| m["scope"] == **s));
        if !open.any(|m| strings(&m["models"]).iter().any(|x| x == model)) {
            return deny("R3.scope", out);
        }
    }
    // R5
    if admin {
        let default = json!([
            "management_routes",
            "spend_tracking_routes",
            "global_spend_tracking_routes",
            "info_routes"
        ]);
        let open = listed(jwt.get("admin_allowed_routes").unwrap_or(&default), path);
        return if open { Outcome { allow: true, ..out } } else { deny("R5.admin_route", out) };
    }
    // R6
    match select_team(
        config,
        at("team_ids_jwt_field"),
        own_team,
        at("team_id_jwt_field").is_none(),
        object_team,
        scalar(at("team_alias_jwt_field")),
        header,
        path,
        model,
    ) {
        Ok(team) => out.team_id = team,
        Err(rule) => return deny(rule, out),
    }
    if let Some(id) = out.team_id.clone() {
        let team = team_of(config, &id);
        if jwt.get("team_allowed_routes").is_some() && !listed(&jwt["team_allowed_routes"], path) {
            return deny("R6.team_route", out);
        }
        if team.is_some_and(|team| team["blocked"] == true) {
            return deny("R6.blocked", out);
        }
        if team.zip(model).is_some_and(|(team, model)| !may_use(config, team, model)) {
            return deny("R6.team_model", out);
        }
    }
    // R7
    if let Some(domain) = jwt["user_allowed_email_domain"].as_str() {
        let (local, of) = email.as_deref().and_then(|e| e.rsplit_once('@')).unwrap_or(("", ""));
        if local.is_empty() || of != domain {
            return deny("R7.email_domain", out);
        }
    }
    // R8
    if general["enforce_rbac"] == true && out.user_id.is_none() && out.team_id.is_none() {
        return deny("R8.identity", out);
    }
    // R9
    let team_route = out.team_id.is_some() && jwt.get("team_allowed_routes").is_some();
    let passed_on = &GROUPS["passthrough_routes_wildcard"];
    let is_passed_on = passed_on.iter().any(|prefix| path.starts_with(prefix.trim_end_matches('*')));
    if !listed(&json!(["llm_api_routes"]), path) && !is_passed_on && !role_routes && !team_route {
        return deny("R9.floor", out);
    }
    Outcome { allow: true, ..out }
}

fn team_of<'c>(config: &'c Value, id: &str) -> Option<&'c Value> {
    config["teams"].as_array()?.iter().find(|team| team["team_id"] == id)
}

fn by_alias(config: &Value, alias: &str) -> Option<String> {
    let teams = config["teams"].as_array()?;
    let with: Vec<_> = teams.iter().filter(|team| team["team_alias"] == alias).collect();
    (with.len() == 1).then(|| with[0]["team_id"].as_str().unwrap().to_owned())
}

#[expect(clippy::too_many_arguments, reason = "the rule has that many inputs")]
fn select_team(
    config: &Value,
    ids: Option<&Value>,
    own: Option<String>,
    own_is_default: bool,
    object: Option<String>,
    alias: Option<String>,
    header: Option<&str>,
    path: &str,
    model: Option<&str>,
) -> Result<Option<String>, &'static str> {
    let jwt = &config["general_settings"]["litellm_jwtauth"];
    let ids = names(ids);
    let claimed: Vec<String> = ids.iter().cloned().chain(own.clone()).collect();
    if let Some(header) = header {
        let id = if claimed.iter().any(|id| id == header) {
            Some(header.to_owned())
        } else {
            by_alias(config, header)
        };
        return match id.filter(|id| claimed.contains(id)) {
            Some(id) if team_of(config, &id).is_some() => Ok(Some(id)),
            Some(_) => Err("R6.unknown_team"),
            None => Err("R6.header"),
        };
    }
    if object.is_some() {
        return Ok(object);
    }
    let gives_way = own_is_default && alias.is_some() && ids.is_empty();
    if let Some(own) = own.filter(|_| !gives_way) {
        return if team_of(config, &own).is_some() { Ok(Some(own)) } else { Err("R6.unknown_team") };
    }
    if let Some(alias) = alias {
        return by_alias(config, &alias).map(Some).ok_or("R6.unknown_team");
    }
    if jwt.get("team_id_jwt_field").is_some() || jwt.get("team_alias_jwt_field").is_some() {
        return Err("R6.no_team");
    }
    let default =
        json!(["openai_routes", "info_routes", "mcp_routes", "/v1/messages", "/v1/messages/count_tokens"]);
    let routes = jwt.get("team_allowed_routes").unwrap_or(&default);
    let fit = |id: &&String| {
        team_of(config, id)
            .is_some_and(|t| listed(routes, path) && model.is_none_or(|m| may_use(config, t, m)))
    };
    let mut fitting: Vec<_> = claimed.iter().filter(fit).collect();
    fitting.sort();
    let open = fitting.iter().find(|id| team_of(config, id).unwrap()["blocked"] != true);
    match open.or(fitting.first()) {
        Some(id) => Ok(Some((*id).clone())),
        None if claimed.is_empty() && jwt["enforce_team_based_model_access"] == true => Err("R6.no_team"),
        None if !claimed.is_empty() && model.is_some() => Err("R6.no_team_with_model"),
        None => Ok(None),
    }
}
