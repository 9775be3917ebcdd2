"""The mutations of the translator. `run` says what becomes of them."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """`new` takes the place of `old`, which occurs once in `context`, and `context` once in the file. Mutations of the same place
    have the same `old` and `context`."""

    what: str
    file: str
    old: str
    new: str
    context: str = ""


GRANTS, MANDATORY, LISTS, MODEL_LIST = "grants.rs", "mandatory.rs", "lists.rs", "model_list.rs"
TOKEN_ROLES, TOKEN_LISTS = "token_roles.rs", "token_role_lists.rs"
DENIED, MODEL_NAMES = "denied_models.rs", "model_names.rs"
ANY = "cedar_policy::pst::ResourceConstraint::Any"
NEVER = "and(admin(), not(admin()))"

MUTATIONS = [
Mutation("every entry of a role counts, not the first alone", GRANTS, "named.insert(entry.role)", "named.insert(entry.role) || true"),
    Mutation("R2 is never enforced", GRANTS, "!jwt.enforce_rbac", "true", "} else if !jwt.enforce_rbac {"),
    Mutation("`strict` forgets entries without lists", GRANTS, "!strict", "true", "entry.routes.is_none() && !strict {"),
    Mutation("`strict` forgets entries without models", GRANTS, "strict", "false", "if entry.models.is_none() && strict {"),
    Mutation("a list of models grants routes", GRANTS, 'action("use_model")?', 'action("call_route")?', 'action: action("use_model")?,\n        resource: models.resource'),
    Mutation("a list of routes grants models", GRANTS, 'action("call_route")?', 'action("use_model")?', 'action: action("call_route")?,\n        resource: routes.resource'),
    Mutation("a list of models is widened to every model", GRANTS, 'models.resource("ModelSet")?', ANY),
    Mutation("a list of routes is widened to every route", GRANTS, 'routes.resource("RouteGroup")?', ANY),
    Mutation("the open grant is for roles with an entry, too", GRANTS, "!named.contains(role)", "true"),
    Mutation("roles without an entry use models under `strict`", GRANTS, "strict", "false", "writer.add(if strict {"),
    Mutation("the grant of the master key is for everybody", GRANTS, 'principal_in("Role", MASTER_KEY_ROLE)?', "cedar_policy::pst::PrincipalConstraint::Any"),
    Mutation("R2 is enforced beside roles of the token, although it is off", GRANTS, "jwt.enforce_rbac", "true", "if jwt.enforce_rbac { write_roles(writer, jwt.strict)"),
    Mutation("the roles of the token grant nothing", GRANTS, "writer.config.token_roles.is_some()", "false"),
    Mutation("of the roles without an entry, the last alone is unrestricted", GRANTS, "or(others, this)", "{ let _ = others; this }"),
    Mutation("a missing claim of an overage is no reason to deny", MANDATORY, "write_overage(writer)?;", ""),
    Mutation("what refuses a caller denies its models, and not its routes", MANDATORY, 'action("call_route")?', 'action("use_model")?', 'principal: principal_in("Refusal", rule.as_str())?,\n        action: action("call_route")?'),
    Mutation("R3 is dropped", MANDATORY, "!jwt.enforce_scope_based_access", "true"),
    Mutation("R3 without mappings denies every model", MANDATORY, "jwt.scope_mappings.is_empty()", "false", "|| jwt.scope_mappings.is_empty()"),
    Mutation("R3 denies what scopes allow", MANDATORY, "unless(allowed)", "when(allowed)", '..Draft::forbid(&format!("{JWTAUTH}.scope_mappings"), Rule::Scope)\n        }\n        .clause(unless(allowed))'),
    Mutation("R3 binds the master key", MANDATORY, 'or(is_in(resource(), attr(principal(), "scopes")), master_key()?)', 'is_in(resource(), attr(principal(), "scopes"))'),
    Mutation("R5 is dropped", MANDATORY, "write_admin_routes(writer)?;", ""),
    Mutation("R5 binds all but admins", MANDATORY, "when(admin())", "unless(admin())"),
    Mutation("R5 reads the list of teams", MANDATORY, 'entity("RouteGroup", ADMIN_ROUTES)?', 'entity("RouteGroup", TEAM_ROUTES)?'),
    Mutation("R5 binds the master key", MANDATORY, "master_key()?", NEVER, '), master_key()?);\n    writer.add(\n        Draft { action: action("call_route")?, ..Draft::forbid(ADMIN_ROUTES'),
    Mutation("R7 takes any domain", MANDATORY, 'and(has_domain, eq(attr(principal(), "email_domain"), string(domain)))', "has_domain"),
    Mutation("R7 is dropped", MANDATORY, "write_email_domain(writer, jwt)?;", ""),
    Mutation("R7 binds admins", MANDATORY, "admin()", NEVER, 'let has_domain = has(principal(), "email_domain");\n    let allowed = or(admin(),'),
    Mutation("no team that may use the model is no reason to deny", MANDATORY, 'write_refusal(writer, "teams", rule)?;', 'if rule != Rule::NoTeamWithModel { write_refusal(writer, "teams", rule)?; }'),
    Mutation("a header with another team is no reason to deny", MANDATORY, 'write_refusal(writer, "teams", rule)?;', 'if rule != Rule::TeamHeader { write_refusal(writer, "teams", rule)?; }'),
    Mutation("a team that is not declared is no reason to deny", MANDATORY, 'write_refusal(writer, "teams", rule)?;', 'if rule != Rule::UnknownTeam { write_refusal(writer, "teams", rule)?; }'),
    Mutation("a token without a team is no reason to deny", MANDATORY, 'write_refusal(writer, "teams", rule)?;', 'if rule != Rule::NoTeam { write_refusal(writer, "teams", rule)?; }'),
    Mutation("blocked teams are allowed, and others blocked", MANDATORY, 'attr(team(), "blocked")', 'not(attr(team(), "blocked"))'),
    Mutation("a team may use what it does not list", MANDATORY, "not(may_use)", "may_use"),
    Mutation("a team without models may use none", MANDATORY, 'or(attr(team(), "all_models"), is_in(resource(), team()))', "is_in(resource(), team())"),
    Mutation("routes of teams are not checked", MANDATORY, "jwt.team_allowed_routes.is_some()", "false", "if jwt.team_allowed_routes.is_some() {\n        let outside"),
    Mutation("teams may call the routes of LLM APIs, whatever their list says", MANDATORY, "TEAM_ROUTES", "LLM_ROUTES", 'let outside = not(is_in(resource(), entity("RouteGroup", TEAM_ROUTES)?));'),
    Mutation("R8 is dropped", MANDATORY, "!writer.config.require_identity", "true"),
    Mutation("R8 forgets teams", MANDATORY, 'or(has(principal(), "user_id"), has(principal(), "team"))', 'has(principal(), "user_id")'),
    Mutation("R8 binds admins", MANDATORY, "admin()", NEVER, "let known = or(admin(),"),
    Mutation("R9 is dropped", MANDATORY, "write_floor(writer, jwt)", "Ok(())", "write_identity(writer)?;\n    write_floor(writer, jwt)"),
    Mutation("R9 binds admins", MANDATORY, "admin()", NEVER, "let mut allowed = or(admin(),"),
    Mutation("R9 reads the list of admins", MANDATORY, "LLM_ROUTES", "ADMIN_ROUTES", 'is_in(resource(), entity("RouteGroup", LLM_ROUTES)?));'),
    Mutation("R9 forgets the lists of roles", MANDATORY, 'allowed = or(allowed, is_in(resource(), attr(principal(), "routes")));', ""),
    Mutation("R9 opens the routes of teams to callers without a team", MANDATORY, 'and(has(principal(), "team"), listed)', "listed"),
    Mutation("a denied model is granted", TOKEN_ROLES, "Draft::forbid", "Draft::permit as fn(&str, Rule) -> Draft", '("deny_models", &entry.deny_models, Draft::forbid, Rule::DeniedModel)'),
    Mutation("denied models are forgotten", TOKEN_ROLES, "models.is_empty()", 'list == "deny_models"'),
    Mutation("granted models are forgotten", TOKEN_ROLES, "models.is_empty()", 'list == "models"'),
    Mutation("a role of the token is one of LiteLLM's", TOKEN_ROLES, 'principal_in("TokenRole", &entry.role)', 'principal_in("Role", &entry.role)'),
    Mutation("the routes of a role are not restricted", TOKEN_ROLES, "entry.routes.is_some()", "false"),
    Mutation("roles inherit nothing", TOKEN_LISTS, "pending.extend(entry.inherits.iter().map(String::as_str));", "let _ = &entry.inherits;"),
    Mutation("denied models are the granted ones", TOKEN_LISTS, "&entry.deny_models", "&entry.models"),
    Mutation("the list of routes of a role is empty", TOKEN_LISTS, "RouteList::new(routes)", "{ let _ = routes; RouteList::new(Vec::new()) }"),
    Mutation("access groups in lists count for nothing", MODEL_LIST, "self.names.contains(group)", "{ let _ = group; false }"),
    Mutation("wildcards count for nothing", MODEL_LIST, "self.fits_a_pattern(model)", "false", "|| self.fits_a_pattern(model)"),
    Mutation("a wildcard is not tried with the provider", MODEL_LIST, "providers::of_bare_name(model)", 'providers::of_bare_name("")'),
    Mutation("a team without a list may use nothing", MODEL_LIST, "listed.is_empty()", "false"),
    Mutation("`all-proxy-models` is an ordinary name", MODEL_LIST, 'name == "all-proxy-models"', '{ let _ = name; false }'),
    Mutation("a list ignores the case of names", MODEL_LIST, "self.names.contains(model)", "self.names.iter().any(|name| name.eq_ignore_ascii_case(model))"),
    Mutation("the last entry of a role has the lists", LISTS, "!named.insert(entry.role)", "!named.insert(entry.role) && false"),
    Mutation("the last mapping of a scope counts alone", LISTS, "models.extend(mapping.models.iter().map(|model| model.as_str().to_owned()));", "*models = mapping.models.iter().map(|model| model.as_str().to_owned()).collect();"),
    Mutation("the routes of admins are those of teams", LISTS, "RouteList::new(jwt.admin_allowed_routes.clone())", "RouteList::new(jwt.team_allowed_routes.clone().unwrap_or_default())"),
    Mutation("the list of routes of teams is empty", LISTS, "RouteList::new(routes.clone())", "RouteList::new(Vec::new())", "lists.routes.insert(TEAM_ROUTES.to_owned(), RouteList::new(routes.clone()))"),
    Mutation("the routes of SDKs are never closed", LISTS, "config.gateway.sdk_routes", "true"),
    Mutation("a model has the access groups of its last entry alone", LISTS, "groups.extend(model.access_groups.iter().cloned());", "*groups = model.access_groups.iter().cloned().collect();"),
    Mutation("a denied model is granted as it is written", DENIED, "self.written.contains_model(model)", "{ let _ = model; false }"),
    Mutation("a denied name does not deny other separators", DENIED, "self.canonical.contains(&plain)", "false"),
    Mutation("a denied name with a provider does not deny the bare one", DENIED, "self.bare.contains(&plain)", "false"),
    Mutation("a name that the configuration does not have is not denied", MODEL_NAMES, "is_one(name)", "true", "is_one(name) ||"),
    Mutation("names that lists allow are unknown where models are denied", MODEL_NAMES, "self.opened.contains(name)", "{ let _ = &self.opened; false }", "|| self.opened.contains(name)\n"),
]
