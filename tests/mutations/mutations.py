"""The mutations of the translator. `run` says what becomes of them."""

from typing import NamedTuple


class Mutation(NamedTuple):
    """`new` takes the place of `old`, which occurs once in `context`, and `context` once in the file."""

    what: str
    file: str
    old: str
    new: str
    context: str = ""


GRANTS, MANDATORY, LISTS, MODEL_LIST = "grants.rs", "mandatory.rs", "lists.rs", "model_list.rs"
TOKEN_ROLES, TOKEN_LISTS = "token_roles.rs", "token_role_lists.rs"
ANY = "cedar_policy::pst::ResourceConstraint::Any"

MUTATIONS = [
    Mutation("every entry of a role counts, not the first alone", GRANTS, "named.insert(entry.role)", "named.insert(entry.role) || true"),
    Mutation("R2 is never enforced", GRANTS, "!jwt.enforce_rbac", "true", "} else if !jwt.enforce_rbac {"),
    Mutation("`strict` forgets entries without models", GRANTS, "strict", "false", "if entry.models.is_none() && strict {"),
    Mutation("a list of models grants routes", GRANTS, 'action("use_model")?', 'action("call_route")?', 'action: action("use_model")?,\n        resource: models.resource'),
    Mutation("a list of routes grants models", GRANTS, 'action("call_route")?', 'action("use_model")?', 'action: action("call_route")?,\n        resource: routes.resource'),
    Mutation("a list of models is widened to every model", GRANTS, 'models.resource("ModelSet")?', ANY),
    Mutation("a list of routes is widened to every route", GRANTS, 'routes.resource("RouteGroup")?', ANY),
    Mutation("the open grant is for roles with an entry, too", GRANTS, "!named.contains(role)", "true"),
    Mutation("roles without an entry use models under `strict`", GRANTS, "strict", "false", "writer.add(if strict {"),
    Mutation("the grant of the master key is for everybody", GRANTS, 'principal_in("Role", MASTER_KEY_ROLE)?', "cedar_policy::pst::PrincipalConstraint::Any"),
    Mutation("a missing claim of an overage is no reason to deny", MANDATORY, "write_overage(writer)?;", ""),
    Mutation("R3 is dropped", MANDATORY, "!jwt.enforce_scope_based_access", "true"),
    Mutation("R3 denies what scopes allow", MANDATORY, "unless(allowed)", "when(allowed)", '..Draft::forbid(&format!("{JWTAUTH}.scope_mappings"), Rule::Scope)\n        }\n        .clause(unless(allowed))'),
    Mutation("R5 is dropped", MANDATORY, "write_admin_routes(writer)?;", ""),
    Mutation("R5 binds all but admins", MANDATORY, "when(admin())", "unless(admin())"),
    Mutation("R5 reads the list of teams", MANDATORY, 'entity("RouteGroup", ADMIN_ROUTES)?', 'entity("RouteGroup", TEAM_ROUTES)?'),
    Mutation("R7 takes any domain", MANDATORY, 'and(has_domain, eq(attr(principal(), "email_domain"), string(domain)))', "has_domain"),
    Mutation("R7 is dropped", MANDATORY, "write_email_domain(writer, jwt)?;", ""),
    Mutation("no team that may use the model is no reason to deny", MANDATORY, 'write_refusal(writer, "teams", rule)?;', 'if rule != Rule::NoTeamWithModel { write_refusal(writer, "teams", rule)?; }'),
    Mutation("blocked teams are allowed, and others blocked", MANDATORY, 'attr(team(), "blocked")', 'not(attr(team(), "blocked"))'),
    Mutation("a team may use what it does not list", MANDATORY, "not(may_use)", "may_use"),
    Mutation("routes of teams are not checked", MANDATORY, "jwt.team_allowed_routes.is_some()", "false", "if jwt.team_allowed_routes.is_some() {\n        let outside"),
    Mutation("R9 is dropped", MANDATORY, "write_floor(writer, jwt)", "Ok(())", "write_identity(writer)?;\n    write_floor(writer, jwt)"),
    Mutation("a denied model is granted", TOKEN_ROLES, "Draft::forbid", "Draft::permit as fn(&str, Rule) -> Draft", '("deny_models", &entry.deny_models, Draft::forbid, Rule::DeniedModel)'),
    Mutation("denied models are forgotten", TOKEN_ROLES, "models.is_empty()", 'list == "deny_models"'),
    Mutation("a role of the token is one of LiteLLM's", TOKEN_ROLES, 'principal_in("TokenRole", &entry.role)', 'principal_in("Role", &entry.role)'),
    Mutation("the routes of a role are not restricted", TOKEN_ROLES, "entry.routes.is_some()", "false"),
    Mutation("roles inherit nothing", TOKEN_LISTS, "pending.extend(entry.inherits.iter().map(String::as_str));", "let _ = &entry.inherits;"),
    Mutation("wildcards count for nothing", MODEL_LIST, "self.fits_a_pattern(model)", "false", "|| self.fits_a_pattern(model)"),
    Mutation("the last mapping of a scope counts alone", LISTS, "models.extend(mapping.models.iter().map(|model| model.as_str().to_owned()));", "*models = mapping.models.iter().map(|model| model.as_str().to_owned()).collect();"),
    Mutation("the routes of admins are those of teams", LISTS, "RouteList::new(jwt.admin_allowed_routes.clone())", "RouteList::new(jwt.team_allowed_routes.clone().unwrap_or_default())"),
]
