//! `modelgate.role_permissions` and `modelgate.strict`, and the permissive defaults without them.

use super::{parse, parse_with, problems, show};
use crate::config::{PassedMembers, References, TokenRole};

/// A configuration with these keys of `litellm_jwtauth` and this block `modelgate`.
fn with(jwtauth: &str, modelgate: &str) -> String {
    format!(
        "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {{{jwtauth}}}\nmodelgate:\n{modelgate}"
    )
}

fn warnings(text: &str) -> Vec<String> {
    parse_with(text, &[("JWT_AUDIENCE", "a")]).unwrap().warnings.iter().map(show).collect()
}

#[test]
fn an_entry_opens_only_what_it_lists() {
    let roles =
        parse(&with("roles_jwt_field: r", "  role_permissions: [{role: dev}]\n")).unwrap().token_roles;
    let empty = TokenRole {
        role: "dev".to_owned(),
        models: vec![],
        deny_models: vec![],
        routes: None,
        inherits: vec![],
    };
    assert_eq!(roles, Some(vec![empty]));
}

#[test]
fn the_claim_of_the_roles_must_be_known() {
    let text = with("", "  role_permissions: [{role: dev}]\n");
    assert_eq!(
        problems(&text),
        [
            "5:3 `modelgate.role_permissions` needs `litellm_jwtauth.roles_jwt_field` | name the claim that the token's \
          roles are in, such as `roles`"
        ]
    );
}

#[test]
fn the_claim_may_be_named_without_a_list_of_allowed_roles() {
    assert!(parse(&with("user_roles_jwt_field: roles", "  role_permissions: [{role: dev}]\n")).is_ok());
}

#[test]
fn a_role_has_one_entry() {
    let text = with("roles_jwt_field: r", "  role_permissions:\n    - role: dev\n    - role: dev\n");
    assert_eq!(
        problems(&text),
        [
            "7:13 role `dev` has two entries, the first on line 6 | write one entry that grants what both grant"
        ]
    );
}

#[test]
fn a_role_inherits_from_one_that_is_listed() {
    let text = with(
        "roles_jwt_field: r",
        "  role_permissions:\n    - {role: developer}\n    - {role: b, inherits: [devloper]}\n",
    );
    assert_eq!(
        problems(&text),
        ["7:28 no entry for the inherited role `devloper` | did you mean `developer`?"]
    );
}

#[test]
fn a_role_never_inherits_from_itself() {
    let text = with(
        "roles_jwt_field: r",
        "  role_permissions:\n    - {role: a, inherits: [b]}\n    - {role: b, inherits: [a]}\n",
    );
    let found = problems(&text);
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with("6:28 role `a` inherits from itself, through `b`"), "{found:?}");
}

#[test]
fn strict_needs_role_permissions_that_are_in_force() {
    assert_eq!(
        problems(&with("", "  strict: true\n")),
        [
            "5:3 `strict` needs `litellm_jwtauth.enforce_rbac` | set it to `true`: without it every token may use every model"
        ]
    );
    assert!(parse(&with("enforce_rbac: true", "  strict: true\n")).unwrap().jwt.unwrap().strict);
    assert!(parse(&with("roles_jwt_field: r", "  strict: true\n  role_permissions: []\n")).is_ok());
}

/// Without a role there would be another warning.
const TEAMS: &str = "teams: [{team_id: t}]\n";

#[test]
fn a_role_within_reach_that_no_entry_names_is_an_opening() {
    let text = with("enforce_rbac: true, team_id_jwt_field: t", "  strict: false\n") + TEAMS;
    assert_eq!(
        warnings(&text),
        [
            "3:21 no entry of `role_permissions` names `team`, so it may use every model | add `- {role: team, models: \
          []}`, or set `modelgate.strict: true`"
        ]
    );
    assert!(
        warnings(&(with("enforce_rbac: true, team_id_jwt_field: t", "  strict: true\n") + TEAMS)).is_empty()
    );
}

#[test]
fn an_entry_without_models_is_an_opening() {
    let text = "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth: {enforce_rbac: true, user_id_jwt_field: sub}\n  \
                role_permissions:\n    - role: internal_user\n";
    assert_eq!(
        warnings(text),
        [
            "5:7 the entry for `internal_user` has no `models`, so it may use every model | add `models` with the models that it may use, or set `modelgate.strict: true`"
        ]
    );
}

#[test]
fn a_user_id_beside_allowed_roles_is_an_opening() {
    let text = "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth:\n    enforce_rbac: true\n    \
                user_id_jwt_field: sub\n    user_roles_jwt_field: roles\n    user_allowed_roles: [basic]\n  \
                role_permissions: [{role: internal_user, models: []}]\n";
    let found = warnings(text);
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("5:5 every token with the claim `sub` gets the role `internal_user`"),
        "{found:?}"
    );
}

#[test]
fn a_mapped_admin_without_an_entry_is_an_opening() {
    let text = "general_settings:\n  enable_jwt_auth: true\n  litellm_jwtauth:\n    enforce_rbac: true\n    \
                roles_jwt_field: r\n    role_mappings: [{role: x, internal_role: proxy_admin}]\n";
    let found = warnings(text);
    assert!(found.len() == 1 && found[0].contains("names `proxy_admin`"), "{found:?}");
}

#[test]
fn the_routes_of_the_sdks_are_open_unless_they_are_closed() {
    let sdk_routes = |block: &str| parse(&with("", block)).unwrap().gateway.sdk_routes;
    assert!(
        sdk_routes("  strict: false\n")
            && sdk_routes("  routes: {sdk: open}\n")
            && sdk_routes("  routes: {}\n")
    );
    assert!(!sdk_routes("  routes: {sdk: closed}\n"));
    assert_eq!(problems(&with("", "  routes: {sdk: shut}\n")), ["5:17 `sdk` must be `open` or `closed`"]);
}

#[test]
fn an_upstream_lets_members_of_apis_through_unless_it_says_otherwise() {
    let pass = |pass: &str| {
        let text = format!("modelgate: {{upstream: {{api_base: 'http://proxy'{pass}}}}}");
        parse(&text).map(|config| config.gateway.upstream.map(|upstream| upstream.pass))
    };
    let api = |besides: &[&str]| PassedMembers::Api(besides.iter().map(|name| (*name).to_owned()).collect());
    assert_eq!(pass("").unwrap(), Some(api(&[])));
    assert_eq!(pass(", pass: openai").unwrap(), Some(api(&[])));
    assert_eq!(pass(", pass: all").unwrap(), Some(PassedMembers::All));
    assert_eq!(pass(", pass: [tags, cache]").unwrap(), Some(api(&["tags", "cache"])));
    assert!(
        api(&["tags"]).allows("tags") && !api(&["tags"]).allows("cache") && PassedMembers::All.allows("x")
    );
    for wrong in [", pass: [all, tags]", ", pass: ''", ", pass: [openai, x]", ", pass: 1"] {
        assert!(pass(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn references_are_denied_allowed_or_remembered() {
    let read = |block: &str| parse(&with("", &format!("  {block}\n"))).unwrap().gateway.references;
    assert_eq!(read("strict: false"), References::Deny);
    assert_eq!(read("references: deny"), References::Deny);
    assert_eq!(read("references: allow"), References::Allow);
    assert_eq!(read("references: remember"), References::Remember);
    let reported = problems(&with("", "  references: forget\n"));
    assert!(
        reported.len() == 1 && reported[0].starts_with("5:") && reported[0].contains("`remember`"),
        "{reported:?}"
    );
    let reported = problems(&with("", "  limits: {references: 0, reference_ttl: 0}\n"));
    assert_eq!(reported.len(), 2, "{reported:?}");
}
