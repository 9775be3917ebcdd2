//! Errors: message, position and help.

use miette::{Diagnostic, NarratableReportHandler};

use super::super::ConfigError;
use super::{parse, problems, problems_with};

/// (fact, text, `line:column message | help`)
const CASES: &[(&str, &str, &str)] = &[
    (
        "duplicate keys",
        "teams: []\nmodel_list: []\nteams: []\n",
        "3:1 duplicate key `teams` | keep one of them: elsewhere the last one would silently win",
    ),
    (
        "text that is not yaml",
        "general_settings: [\n",
        "1:19 the bracket `[` or `{` is never closed | add the missing `]` or `}`, or put the value in quotes",
    ),
    (
        "two documents",
        "teams: []\n---\nteams: []\n",
        "3:1 more than one YAML document in the file | remove the line `---` and what does not belong below it",
    ),
    ("an empty file", "", "1:1 expected a mapping, found nothing"),
    ("a list instead of blocks", "- a\n", "1:3 expected a mapping, found a list"),
    (
        "permissions at the top level",
        "role_permissions: []\n",
        "1:1 `role_permissions` has no meaning at the top level | move it below `general_settings`",
    ),
    (
        "a misspelt block",
        "model-list: []\n",
        "1:1 unknown key `model-list` at the top level | did you mean `model_list`?",
    ),
    (
        "a misspelt setting",
        "general_settings:\n  enforce_rbca: true\n",
        "2:3 unknown key `enforce_rbca` in `general_settings` | did you mean `enforce_rbac`?",
    ),
    (
        "a setting of neither that may be an access rule",
        "general_settings: {allow_zebra: 1}\n",
        "1:20 unknown key `allow_zebra` in `general_settings` | it looks like an access rule, and ignoring it could allow more: remove it if it is not one",
    ),
    (
        "a misspelt access rule that is not implemented",
        "general_settings: {allowed_route: [/x]}\n",
        "1:20 unknown key `allowed_route` in `general_settings` | did you mean `allowed_routes`?",
    ),
    (
        "a misspelt key of a permission",
        "general_settings:\n  role_permissions:\n    - role: team\n      modells: []\n",
        "4:7 unknown key `modells` in `role_permissions` | did you mean `models`?",
    ),
    (
        "a misspelt deployment key",
        "model_list:\n- {model: a, litellm_params: {model: openai/a, api_bse: http://x}}\n",
        "2:48 unknown key `api_bse` in `litellm_params` | did you mean `api_base`?",
    ),
    (
        "a misspelt key of a team",
        "teams: [{team_id: a, block: true}]\n",
        "1:22 unknown key `block` in `teams` | the keys are `team_id`, `team_alias`, `models`, `blocked`, \
         `organization_id`",
    ),
    (
        "a setting that closes routes",
        "general_settings: {admin_only_routes: [/x]}\n",
        "1:20 `admin_only_routes` is not implemented by modelgate | it closes routes: list the ones that a role may \
         use in `role_permissions`, under `routes`",
    ),
    (
        "a list of addresses, even an empty one",
        "general_settings: {allowed_ips: []}\n",
        "1:20 `allowed_ips` is not implemented by modelgate | it blocks other addresses: use a firewall",
    ),
    (
        "a model of one team",
        "model_list: [{model: a, litellm_params: {model: gpt-4o}, model_info: {team_id: t}}]\n",
        "1:71 `team_id` is not implemented by modelgate | other teams could use the model: list it in the \
         `models` of the teams that may use it",
    ),
    (
        "included files",
        "include: [a.yaml]\n",
        "1:1 `include` is not implemented by modelgate | what the included files allow and forbid would be missing: \
         put everything into one file",
    ),
    (
        "a string for a boolean",
        "general_settings: {enable_jwt_auth: 'true'}\n",
        "1:37 expected a boolean, found a string",
    ),
    (
        "a number for a string",
        "general_settings: {master_key: 1234}\n",
        "1:32 expected a string, found a number | put it in quotes",
    ),
    (
        "a string for a list",
        "general_settings: {litellm_jwtauth: {user_allowed_roles: basic_user}}\n",
        "1:58 expected a list, found a string | put it in brackets, as in `[\"name\"]`",
    ),
    (
        "permissions that were all commented out",
        "general_settings:\n  role_permissions:\n    # - role: team\n",
        "2:19 expected a list, found nothing",
    ),
    (
        "models that were all commented out",
        "general_settings: {role_permissions: [{role: team, models: }]}\n",
        "1:58 expected a list, found nothing",
    ),
    ("a permission without a role", "general_settings: {role_permissions: [{}]}\n", "1:39 `role` is missing"),
    (
        "a model without a name",
        "model_list: [{litellm_params: {model: gpt-4o}}]\n",
        "1:14 `model_name` is missing",
    ),
    (
        "a model without an upstream model",
        "model_list: [{model: a, litellm_params: {}}]\n",
        "1:41 `model` is missing",
    ),
    (
        "an unset variable",
        "general_settings:\n  master_key: os.environ/KEY\n",
        "2:15 environment variable `KEY` is not set | set it, or give it a value in `environment_variables`",
    ),
    (
        "an unset variable behind another",
        "environment_variables:\n  JWT_AUDIENCE: os.environ/AUD\n",
        "2:17 environment variable `AUD` is not set | set it, or give it a value in `environment_variables`",
    ),
    (
        "an unknown role",
        "general_settings:\n  role_permissions:\n    - role: internal_user_viewer\n",
        "3:13 unknown role `internal_user_viewer` | a role is `internal_user`, `proxy_admin` or `team`; `modelgate.role_permissions` takes a token's own roles",
    ),
    (
        "an unknown role in a mapping",
        "general_settings: {litellm_jwtauth: {role_mappings: [{role: a, internal_role: org_admin}]}}\n",
        "1:79 unknown role `org_admin` | a role is `internal_user`, `proxy_admin` or `team`; `modelgate.role_permissions` takes a token's own roles",
    ),
    (
        "a claim path with an empty part",
        "general_settings: {litellm_jwtauth: {user_id_jwt_field: a..b}}\n",
        "1:57 `a..b` is not a claim path | separate the names on the path to the claim with dots; write `\\.` for a dot in a name",
    ),
    (
        "a roles claim without roles",
        "general_settings: {litellm_jwtauth: {user_roles_jwt_field: roles}}\n",
        "1:38 `user_roles_jwt_field` needs `user_allowed_roles` | list the names in the claim that make a caller an \
         `internal_user`",
    ),
    (
        "roles without a roles claim",
        "general_settings: {litellm_jwtauth: {user_allowed_roles: [a]}}\n",
        "1:38 `user_allowed_roles` needs `user_roles_jwt_field` | name the claim that the roles are in, such as `roles`",
    ),
    (
        "an object id without mappings",
        "general_settings: {litellm_jwtauth: {object_id_jwt_field: oid}}\n",
        "1:38 `object_id_jwt_field` needs `role_mappings` | whether the object is a user or a team depends on the role \
         that a mapping gives",
    ),
    (
        "scopes that are not enforced",
        "general_settings: {litellm_jwtauth: {scope_mappings: [{scope: s, models: [a]}]}}\n",
        "1:38 `scope_mappings` needs `enforce_scope_based_access` | set it to `true`: without it no scope is checked",
    ),
    (
        "a misspelt group of routes",
        "general_settings: {role_permissions: [{role: team, routes: [openai_route]}]}\n",
        "1:61 unknown route group `openai_route` | did you mean `openai_routes`?",
    ),
    (
        "a team declared twice",
        "teams:\n  - team_id: a\n  - team_id: a\n",
        "3:14 team `a` is declared twice, first on line 2",
    ),
    ("an empty team id", "teams: [{team_id: ''}]\n", "1:19 `team_id` must not be empty"),
    ("an empty master key", "general_settings: {master_key: ''}\n", "1:32 `master_key` must not be empty"),
    (
        "an empty audience",
        "environment_variables: {JWT_AUDIENCE: ''}\n",
        "1:39 `JWT_AUDIENCE` must not be empty",
    ),
    ("an absurd leeway", "modelgate: {leeway: 3600}\n", "1:21 `leeway` must be from 0 to 300 seconds"),
    (
        "a negative limit",
        "modelgate: {max_body_bytes: -1}\n",
        "1:29 expected a whole number from 0, found a number",
    ),
    (
        "a key source of another scheme",
        "environment_variables: {JWT_PUBLIC_KEY_URL: 'https://a/keys, ldap://b'}\n",
        "1:45 `JWT_PUBLIC_KEY_URL` is not a usable URL: it must begin with `https:`, `http:` or `file:`",
    ),
];

#[test]
fn each_mistake_is_refused_with_position_and_help() {
    let wrong: Vec<_> = CASES
        .iter()
        .filter_map(|(fact, text, expected)| {
            let found = problems(text);
            (found != [*expected]).then(|| format!("{fact}\n  expected {expected}\n  found    {found:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn several_mistakes_are_reported_together_in_the_order_of_the_file() {
    let text = "modelgate: {leeway: 301}\nteams: [{team_id: ''}]\ngeneral_settings: {master_key: ''}\n";
    let error = parse(text).unwrap_err();
    assert_eq!(error.to_string(), "3 errors in `config.yaml`");
    let lines: Vec<_> = error.problems().iter().map(|problem| problem.line().unwrap()).collect();
    assert_eq!(lines, [1, 2, 3]);
    assert_eq!(error.related().unwrap().count(), 3);
}

#[test]
fn unknown_keys_and_unset_variables_are_reported_together() {
    let text = "general_settings: {master_key: os.environ/A, allow_zebra: 1}\nmodelgate: {zebra: 1}\n";
    assert_eq!(problems(text).len(), 3);
}

#[test]
fn a_boolean_or_number_may_come_from_the_environment_but_not_as_anything_else() {
    let text = "general_settings: {enforce_rbac: os.environ/RBAC}\nmodelgate: {leeway: os.environ/LEEWAY}\n";
    let config = super::parse_with(text, &[("RBAC", "True"), ("LEEWAY", "5")]).unwrap();
    assert!(config.require_identity);
    for empty in ["", "maybe"] {
        let found = problems_with(text, &[("RBAC", empty), ("LEEWAY", "5")]);
        assert_eq!(found, ["1:34 expected a boolean, found a string"], "{empty:?}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = super::super::Config::load("no/such.yaml".as_ref(), &super::nothing).unwrap_err();
    assert_eq!(error.to_string(), "cannot read `no/such.yaml`");
    assert!(matches!(error, ConfigError::Read { .. }) && error.problems().is_empty());
}

#[test]
fn a_report_shows_file_line_and_the_line_itself() {
    let error = parse("teams: []\nmodel-list: []\n").unwrap_err();
    let mut report = String::new();
    NarratableReportHandler::new().render_report(&mut report, &error as &dyn Diagnostic).unwrap();
    for part in [
        "unknown key `model-list` at the top level",
        "config.yaml starting at line 2, column 1",
        "line 2: model-list: []",
        "did you mean `model_list`?",
    ] {
        assert!(report.contains(part), "{part} in\n{report}");
    }
}

#[test]
fn no_report_shows_a_secret() {
    let texts = [
        "general_settings:\n  master_key: sk-secret\n  allow_zebra: 1\n",
        "general_settings: {master_key: sk-secret, allow_zebra: 1}\n",
        "model_list: [{model: a, litellm_params: {model: gpt-4o, api_key: sk-secret, api_bse: x}}]\n",
        "model_list: [{model: a, litellm_params: {model: gpt-4o, api_key: \"sk-secret\\n\"}}]\n",
        "model_list: [{model: a, litellm_params: {model: gpt-4o, api_base: 'https://u:sk-secret@x'}}]\n",
        "general_settings: {master_key: sk-secret, master_key: sk-secret}\n",
        "general_settings:\n  master_key: sk-secret\n  b: [\n",
        "environment_variables: {JWT_PUBLIC_KEY_URL: sk-secret}\n",
    ];
    for text in texts {
        let error = parse(text).unwrap_err();
        let mut report = String::new();
        NarratableReportHandler::new().render_report(&mut report, &error as &dyn Diagnostic).unwrap();
        assert!(!report.contains("secret"), "{report}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn all_kinds_of_mistakes_are_reported_at_once() {
    let text = "\
general_settings:
  enforce_rbac: maybe
  enforce_rbac: true
  master_key: os.environ/UNSET
  allow_zebra: 1
  litellm_jwtauth: {user_allowed_roles: admin, user_roles_jwt_field: a..b}
model_list:
  - {model_name: a, litellm_params: [gpt-4o]}
  - {litellm_params: {model: gpt-4o}}
  - {model_name: b, litellm_params: {model: gpt-4o, api_base: 'ftp://x'}}
modelgate: {leeway: 301}
";
    assert_eq!(
        problems(text),
        [
            "2:17 expected a boolean, found a string",
            "3:3 duplicate key `enforce_rbac` | keep one of them: elsewhere the last one would silently win",
            "4:15 environment variable `UNSET` is not set | set it, or give it a value in `environment_variables`",
            "5:3 unknown key `allow_zebra` in `general_settings` | it looks like an access rule, and ignoring it could allow more: remove it if it is not one",
            "6:41 expected a list, found a string | put it in brackets, as in `[\"name\"]`",
            "6:70 `a..b` is not a claim path | separate the names on the path to the claim with dots; write `\\.` for a dot in a name",
            "8:37 expected a mapping, found a list",
            "9:5 `model_name` is missing",
            "10:63 `api_base` is not a usable URL: it must begin with `https://` or `http://`",
            "11:21 `leeway` must be from 0 to 300 seconds",
        ]
    );
}

#[test]
fn text_that_is_not_yaml_is_explained_in_plain_words() {
    for (text, expected) in [
        ("a: b: c\n", "1:5 only a value can stand here, not a key with a value"),
        ("a:\n\tb: c\n", "2:2 a tab is used as indentation"),
        ("a: *\n", "1:4 `*` or `&` is not followed by a name"),
        ("a: @x\n", "1:4 a value begins with a character that YAML reserves"),
        ("a: 'x\n", "1:4 a quote is never closed"),
        ("a: *x\n", "1:4 an alias `*name` has no `&name` above it"),
    ] {
        let found = problems(text);
        assert!(
            found.len() == 1 && found[0].starts_with(expected) && found[0].contains(" | "),
            "{text}: {found:?}"
        );
    }
}
